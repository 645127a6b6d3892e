"""File types by extension, and the predominant type of a torrent's files."""

import re
from collections.abc import Sequence
from enum import Enum, auto
from types import MappingProxyType

from catalogue.model import CatalogueFile


class FileType(Enum):
    """The type of a file, by its name."""

    VIDEO = auto()
    AUDIO = auto()
    AUDIOBOOK = auto()
    PICTURE = auto()
    BOOK = auto()
    PROGRAM = auto()
    IMAGE = auto()
    """An image of a disc, which mostly holds a system or a program."""
    MOBILE = auto()
    DATA = auto()
    ARCHIVE = auto()
    SIDE = auto()
    """Files that accompany others and say nothing of the torrent's type."""
    OTHER = auto()


MOST_FILES_READ = 20_000
"""Files of a torrent that are inspected, in its own order."""

_WORDS = {
    FileType.VIDEO: "3g2 3gp amv asf avi divx f4v flv ifo m2ts m2v m4v mkv mov mp4 mpe mpeg mpg mts mxf ogm ogv rm "
    "rmvb swf ts vob webm wmv wtv y4m",
    FileType.AUDIO: "aac ac3 aif aiff alac ape au caf cda dff dsf dts eac3 flac it m4a mid midi mka mod mp2 mp3 mpc "
    "oga ogg opus ra s3m shn spx tak tta wav wma wv xm",
    FileType.AUDIOBOOK: "aa aax aaxc m4b",
    FileType.PICTURE: "arw avif bmp cr2 cr3 dng gif heic heif jpe jpeg jpg jxl nef orf png psd raf raw rw2 svg tga tif "
    "tiff webp xcf",
    FileType.BOOK: "azw azw3 azw4 cb7 cbr cbt cbz chm djv djvu doc docx epub fb2 ibooks kfx lit lrf mobi odp odt pdb "
    "pdf ppt pptx prc ps rtf tex xps",
    FileType.PROGRAM: "appimage bat cab cmd com deb dll dmg elf exe flatpak gb gba gbc jar love msi msix nds nes nsp "
    "pak pck pkg pkpass rpm run sfc sh smc snap vpk wad wasm xci xex z64",
    FileType.IMAGE: "bin ccd cdi chd cso cue daa dsk gcm gdi hdd ima img iso isz mdf mds mdx nrg ova ovf qcow qcow2 "
    "rvz squashfs toast uif vcd vdi vhd vhdx vmdk wbfs wim",
    FileType.MOBILE: "aab apk apkm apks ipa obb sis sisx xap xapk",
    FileType.DATA: "ab1 adam arff arrow avro bam bcf bed bedgraph bib bigbed bigwig bson csv dbf dcm dicom dta edf "
    "fa fasta fastq feather fna fq gb geojson gff gff3 gguf gml gpkg gpx grib grib2 gtf h5 hdf hdf5 "
    "json jsonl kml kmz las laz mat mbtiles mgf mzml mzxml nc ndjson netcdf nex nii npy npz nwk onnx "
    "orc osm parquet pbf pcap pcapng pdbqt pickle pkl pt pth rda rdata rdf rds safetensors sam "
    "sas7bdat sav shp shx sql sqlite sqlite3 sra step stl svs tfrecord tsv vcf vtk warc wig xls xlsx "
    "xml zarr zim",
    FileType.ARCHIVE: "001 7z ace alz arj br bz2 cpio gz gzip lha lz lz4 lzh lzma rar sit sitx sz tar tbz tbz2 tgz txz "
    "tzst xz z zip zipx zst zstd",
    FileType.SIDE: "accurip ass cfg css diz ffp htm html idx inf ini js lnk log lrc m3u m3u8 md md5 nfo pls sfv sha1 "
    "sha256 sig smi srt ssa sub sup torrent txt url vtt",
}
_TABLE = MappingProxyType({word: file_type for file_type, words in _WORDS.items() for word in words.split()})
_EXTENSION = re.compile(r"\.([0-9A-Za-z]{1,12})$")
# Extensions consist of letters and digits; the table tells `.mkv` from the `.2` of `Vol.2`.
_PACKED = re.compile(r"\.[rsz][0-9]{2}$", re.IGNORECASE)
_COMPRESSED = frozenset({"gz", "bz2", "xz", "zst", "zstd", "lz4", "lz", "lzma", "br", "z"})


def file_type_of(path: str) -> FileType:
    """Return the type of a file; of a compressed one that of its content, where its name gives it."""
    match = _EXTENSION.search(path[-64:])
    if match is None:
        return FileType.OTHER
    extension = match[1].lower()
    if _PACKED.search(path[-8:]):
        return FileType.ARCHIVE
    if extension in _COMPRESSED:
        inner = _EXTENSION.search(path[-64:][: match.start()])
        within = _TABLE.get(inner[1].lower(), FileType.ARCHIVE) if inner else FileType.ARCHIVE
        return FileType.ARCHIVE if within is FileType.SIDE else within
    return _TABLE.get(extension, FileType.OTHER)


def without_extension(name: str) -> str:
    """Return a name without its extension, if that is in the table."""
    while (
        (match := _EXTENSION.search(name)) and file_type_of(name) is not FileType.OTHER and match.start() > 0
    ):
        name = name[: match.start()]
    return name


def predominant_type(files: Sequence[CatalogueFile]) -> FileType:
    """Return the type of most of a torrent's bytes, side files left out.

    A program beside archives or unknown data makes the torrent a program.
    """
    all_sizes: dict[FileType, int] = {}
    for file in files[:MOST_FILES_READ]:
        file_type = file_type_of(file.path)
        all_sizes[file_type] = all_sizes.get(file_type, 0) + max(file.size, 0) + 1
    sizes = {file_type: size for file_type, size in all_sizes.items() if file_type is not FileType.SIDE}
    if not sizes:
        return FileType.SIDE if all_sizes else FileType.OTHER
    most = max(sizes, key=lambda file_type: (sizes[file_type], -file_type.value))
    if (
        most in {FileType.OTHER, FileType.DATA, FileType.ARCHIVE, FileType.PICTURE}
        and FileType.MOBILE in sizes
    ):
        return FileType.MOBILE
    if most in {FileType.OTHER, FileType.ARCHIVE} and FileType.PROGRAM in sizes:
        return FileType.PROGRAM
    return most
