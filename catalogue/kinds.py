"""Hides what the ends of file names tell of a torrent: the table from extension to kind, and which kind prevails."""

import re
from collections.abc import Sequence
from enum import Enum, auto
from types import MappingProxyType

from catalogue.model import File


class Kind(Enum):
    """What a file is, as far as its name tells."""

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
    """What comes along with something else and says nothing of it."""
    OTHER = auto()


LOOKED_AT = 20_000
"""Files of a torrent that are looked at, in its own order."""

_WORDS = {
    Kind.VIDEO: "3g2 3gp amv asf avi divx f4v flv ifo m2ts m2v m4v mkv mov mp4 mpe mpeg mpg mts mxf ogm ogv rm "
    "rmvb swf ts vob webm wmv wtv y4m",
    Kind.AUDIO: "aac ac3 aif aiff alac ape au caf cda dff dsf dts eac3 flac it m4a mid midi mka mod mp2 mp3 mpc "
    "oga ogg opus ra s3m shn spx tak tta wav wma wv xm",
    Kind.AUDIOBOOK: "aa aax aaxc m4b",
    Kind.PICTURE: "arw avif bmp cr2 cr3 dng gif heic heif jpe jpeg jpg jxl nef orf png psd raf raw rw2 svg tga tif "
    "tiff webp xcf",
    Kind.BOOK: "azw azw3 azw4 cb7 cbr cbt cbz chm djv djvu doc docx epub fb2 ibooks kfx lit lrf mobi odp odt pdb "
    "pdf ppt pptx prc ps rtf tex xps",
    Kind.PROGRAM: "appimage bat cab cmd com deb dll dmg elf exe flatpak gb gba gbc jar love msi msix nds nes nsp "
    "pak pck pkg pkpass rpm run sfc sh smc snap vpk wad wasm xci xex z64",
    Kind.IMAGE: "bin ccd cdi chd cso cue daa dsk gcm gdi hdd ima img iso isz mdf mds mdx nrg ova ovf qcow qcow2 "
    "rvz squashfs toast uif vcd vdi vhd vhdx vmdk wbfs wim",
    Kind.MOBILE: "aab apk apkm apks ipa obb sis sisx xap xapk",
    Kind.DATA: "ab1 adam arff arrow avro bam bcf bed bedgraph bib bigbed bigwig bson csv dbf dcm dicom dta edf "
    "fa fasta fastq feather fna fq gb geojson gff gff3 gguf gml gpkg gpx grib grib2 gtf h5 hdf hdf5 "
    "json jsonl kml kmz las laz mat mbtiles mgf mzml mzxml nc ndjson netcdf nex nii npy npz nwk onnx "
    "orc osm parquet pbf pcap pcapng pdbqt pickle pkl pt pth rda rdata rdf rds safetensors sam "
    "sas7bdat sav shp shx sql sqlite sqlite3 sra step stl svs tfrecord tsv vcf vtk warc wig xls xlsx "
    "xml zarr zim",
    Kind.ARCHIVE: "001 7z ace alz arj br bz2 cpio gz gzip lha lz lz4 lzh lzma rar sit sitx sz tar tbz tbz2 tgz txz "
    "tzst xz z zip zipx zst zstd",
    Kind.SIDE: "accurip ass cfg css diz ffp htm html idx inf ini js lnk log lrc m3u m3u8 md md5 nfo pls sfv sha1 "
    "sha256 sig smi srt ssa sub sup torrent txt url vtt",
}
_TABLE = MappingProxyType({word: kind for kind, words in _WORDS.items() for word in words.split()})
_EXTENSION = re.compile(r"\.([0-9A-Za-z]{1,12})$")
# A torrent of a name's file is told apart from `Vol.2` by the letters that an extension has.
_PACKED = re.compile(r"\.[rsz][0-9]{2}$", re.IGNORECASE)
_COMPRESSED = frozenset({"gz", "bz2", "xz", "zst", "zstd", "lz4", "lz", "lzma", "br", "z"})


def kind_of(path: str) -> Kind:
    """Tell what a file is; a compressed one is what it was before, where that is known."""
    match = _EXTENSION.search(path[-64:])
    if match is None:
        return Kind.OTHER
    extension = match[1].lower()
    if _PACKED.search(path[-8:]):
        return Kind.ARCHIVE
    if extension in _COMPRESSED:
        inner = _EXTENSION.search(path[-64:][: match.start()])
        within = _TABLE.get(inner[1].lower(), Kind.ARCHIVE) if inner else Kind.ARCHIVE
        return Kind.ARCHIVE if within is Kind.SIDE else within
    return _TABLE.get(extension, Kind.OTHER)


def without_extension(name: str) -> str:
    """Return a name without its extension, if that is one that the table knows."""
    while (match := _EXTENSION.search(name)) and kind_of(name) is not Kind.OTHER and match.start() > 0:
        name = name[: match.start()]
    return name


def prevailing(files: Sequence[File]) -> Kind:
    """Tell what a torrent is: the kind that most of its bytes are, side files left out.

    A program beside data that only it can read makes all of it a program's.
    """
    bytes_of: dict[Kind, int] = {}
    for file in files[:LOOKED_AT]:
        kind = kind_of(file.path)
        bytes_of[kind] = bytes_of.get(kind, 0) + max(file.size, 0) + 1
    told = {kind: size for kind, size in bytes_of.items() if kind is not Kind.SIDE}
    if not told:
        return Kind.SIDE if bytes_of else Kind.OTHER
    most = max(told, key=lambda kind: (told[kind], -kind.value))
    if most in {Kind.OTHER, Kind.DATA, Kind.ARCHIVE, Kind.PICTURE} and Kind.MOBILE in told:
        return Kind.MOBILE
    if most in {Kind.OTHER, Kind.ARCHIVE} and Kind.PROGRAM in told:
        return Kind.PROGRAM
    return most
