import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue.model import CatalogueFile
from catalogue.release_names import LONGEST, parse_release
from catalogue.text_cleaning import clean_line
from tests.support.costs import bounded_cost

MIB, GIB = 1 << 20, 1 << 30
NINE = {"Movies", "Anime", "TV", "Music", "Books", "PC", "Mobile", "XXX", "Unsorted"}


def files(*paths):
    return tuple(CatalogueFile(path, MIB) for path in paths)


def season(pattern, count=8):
    return tuple(CatalogueFile(pattern.format(number), GIB) for number in range(1, count + 1))


ALONE = [
    # systems and programs
    ("debian-12.5.0-amd64-netinst.iso", "PC", "debian-12.5.0-amd64-netinst", None),
    ("ubuntu-24.04-desktop-amd64.iso", "PC", "ubuntu-24.04-desktop-amd64", None),
    ("archlinux-2024.05.01-x86_64.iso", "PC", "archlinux-2024.05.01-x86_64", None),
    ("Fedora-Workstation-Live-x86_64-40-1.14.iso", "PC", "Fedora-Workstation-Live-x86_64-40-1.14", None),
    ("2024-03-15-raspios-bookworm-arm64.img.xz", "PC", "2024-03-15-raspios-bookworm-arm64", None),
    ("LibreOffice_24.2.3_Win_x86-64.msi", "PC", "LibreOffice 24.2.3 Win x86-64", None),
    ("Krita-5.2.2.appimage", "PC", "Krita-5.2.2", None),
    ("vlc-3.0.20.dmg", "PC", "vlc-3.0.20", None),
    ("peerage_0.1.0_amd64.deb", "PC", "peerage 0.1.0 amd64", None),
    ("Haiku-r1beta4.qcow2", "PC", "Haiku-r1beta4", None),
    # phones
    ("org.fdroid.fdroid_1020050.apk", "Mobile", "org.fdroid.fdroid 1020050", None),
    ("Game.ipa", "Mobile", "Game", None),
    # sound
    ("Beethoven - Symphony No. 9 (1963).flac", "Music", "Beethoven - Symphony No. 9 (1963)", 1963),
    ("single.mp3", "Music", "single", None),
    ("Moby-Dick (Unabridged).m4b", "Books", "Moby-Dick (Unabridged)", None),
    ("The Time Machine Audiobook.mp3", "Books", "The Time Machine Audiobook", None),
    # print
    ("Moby.Dick.epub", "Books", "Moby Dick", None),
    ("On the Origin of Species (1859).pdf", "Books", "On the Origin of Species (1859)", 1859),
    ("Krazy_Kat_v01.cbz", "Books", "Krazy Kat v01", None),
    ("Alice.in.Wonderland.azw3", "Books", "Alice in Wonderland", None),
    ("scan.djvu", "Books", "scan", None),
    # data
    ("yellow_tripdata_2024-01.parquet", "Unsorted", "yellow tripdata 2024-01", None),
    ("1000 Genomes chr20.vcf.gz", "Unsorted", "1000 Genomes chr20", None),
    ("uniprot_sprot.fasta.gz", "Unsorted", "uniprot sprot", None),
    ("enwiki-20240401-pages-articles.xml.bz2", "Unsorted", "enwiki-20240401-pages-articles", None),
    ("wikipedia_en_all_maxi_2024-01.zim", "Unsorted", "wikipedia en all maxi 2024-01", None),
    ("planet-240401.osm.pbf", "Unsorted", "planet-240401", None),
    ("model.safetensors", "Unsorted", "model", None),
    ("backup.tar.gz", "Unsorted", "backup", None),
    ("collection.rar", "Unsorted", "collection", None),
    ("strange.qqq", "Unsorted", "strange qqq", None),
    # video
    ("Night.of.the.Living.Dead.1968.1080p.BluRay.x264-GRP.mkv", "Movies", "Night of the Living Dead", 1968),
    ("Nosferatu (1922).mp4", "Movies", "Nosferatu", 1922),
    ("Big.Buck.Bunny.2008.2160p.WEB-DL.mkv", "Movies", "Big Buck Bunny", 2008),
    ("2001 A Space Odyssey 1968 720p.avi", "Movies", "2001 A Space Odyssey", 1968),
    ("1917.2019.2160p.UHD.BluRay.iso", "Movies", "1917", 2019),
    ("xXx.2002.1080p.BluRay.mkv", "Movies", "xXx", 2002),
    ("Le fabuleux destin d'Amélie Poulain (2001).mkv", "Movies", "Le fabuleux destin d'Amélie Poulain", 2001),
    ("big_buck_bunny_480p.ogv", "Movies", "big buck bunny", None),
    ("Metropolis.1927.DVD9.iso", "Movies", "Metropolis", 1927),
    ("The.Show.S01E02.720p.HDTV.x264.mkv", "TV", "The Show", None),
    ("The Show 1x02.avi", "TV", "The Show", None),
    ("The.Daily.Show.2024.01.31.1080p.mkv", "TV", "The Daily Show", 2024),
    ("[SubsPlease] Sousou no Frieren - 12 (1080p) [ABCD1234].mkv", "Anime", "Sousou no Frieren", None),
    ("[Group] Show Name - 03v2 [720p].mkv", "Anime", "Show Name", None),
    ("[Group] A Film (BD 1080p HEVC) [0A1B2C3D].mkv", "Anime", "A Film", None),
    ("[ www.site.example ] Some.Film.2010.720p.mkv", "Movies", "Some Film", 2010),
    ("Some.Title.XXX.1080p.MP4-GRP.mp4", "XXX", "Some Title XXX 1080p MP4-GRP", None),
    # other scripts
    ("Сталкер (1979).mkv", "Movies", "Сталкер", 1979),
    ("進撃の巨人 第01話.mkv", "TV", "進撃の巨人 第01話", None),
    ("العربية.pdf", "Books", "العربية", None),
    ("Дискография 2001.flac", "Music", "Дискография 2001", None),
    ("日本語の本.epub", "Books", "日本語の本", None),
]


@pytest.mark.parametrize(("name", "category", "title", "year"), ALONE, ids=[row[0][:30] for row in ALONE])
def test_a_single_file_is_parsed(name, category, title, year):
    release = parse_release(name, (CatalogueFile(name, GIB),))
    assert (release.category, release.title, release.year) == (category, title, year)
    assert parse_release(name, ()).title == title


TOGETHER = [
    ("Pink Moon (1972) [FLAC]", files("01.flac", "02.flac", "cover.jpg", "x.log"), "Music", 1972, None),
    ("Various - Sampler", files("CD1/01.mp3", "CD1/02.mp3", "CD2/01.mp3"), "Music", None, None),
    ("A Reader's Shelf", files("a.epub", "b.mobi", "c.pdf", "cover.jpg"), "Books", None, None),
    ("The.Show.S03.720p.HDTV", season("The.Show.S03E0{}.mkv"), "TV", None, 3),
    ("The Show", season("The Show - S01E0{}.mkv"), "TV", None, None),
    ("Planet Season 2 (2016)", season("{}.mp4"), "TV", 2016, 2),
    ("The Show Complete Series S01-S09", season("s{}.mkv"), "TV", None, None),
    ("[Erai-raws] Show [1080p][Batch]", season("[Erai-raws] Show - 0{} [1080p].mkv"), "Anime", None, None),
    ("Show Batch", season("[Group] Show - 0{} [1080p].mkv"), "Anime", None, None),
    (
        "Film.1985.1080p",
        (CatalogueFile("film.mkv", GIB), CatalogueFile("Sample/s.mkv", MIB), CatalogueFile("f.nfo", 9)),
        "Movies",
        1985,
        None,
    ),
    ("FILM_1999_DVD9", files("VIDEO_TS/VTS_01_1.VOB", "VIDEO_TS/VTS_01_0.IFO"), "Movies", 1999, None),
    ("Film.2004.1080p.BluRay", files("BDMV/STREAM/00000.m2ts"), "Movies", 2004, None),
    ("Film.2010.720p.x264", files("film.r00", "film.r01", "film.rar", "film.sfv"), "Movies", 2010, None),
    ("Show.S02E03.720p", files("show.rar", "show.r00"), "TV", None, 2),
    ("Lectures on Physics", season("{}.mp4"), "Unsorted", None, None),
    (
        "Doom.v1.2-GOG",
        (CatalogueFile("setup.exe", MIB), CatalogueFile("setup-1.bin", 9 * GIB)),
        "PC",
        None,
        None,
    ),
    ("Some Game", (CatalogueFile("game.exe", MIB), CatalogueFile("data/levels.zzz", GIB)), "PC", None, None),
    (
        "Some Phone Game",
        (CatalogueFile("game.apk", MIB), CatalogueFile("main.obb", GIB)),
        "Mobile",
        None,
        None,
    ),
    ("abandonware collection", files("a.zip", "b.zip"), "Unsorted", None, None),
    ("Linux ISOs x86_64", files("a.zip", "b.zip"), "PC", None, None),
    ("MRI of a knee", files("1.dcm", "2.dcm", "readme.txt"), "Unsorted", None, None),
    ("Landsat tiles", files("a.tif", "b.tif"), "Unsorted", None, None),
    ("Common Crawl", files("a.warc.gz", "b.warc.gz"), "Unsorted", None, None),
    ("Genome", files("a.fastq.gz", "b.fastq.gz", "sha256.txt"), "Unsorted", None, None),
    ("notes", files("a.txt", "b.nfo"), "Unsorted", None, None),
    ("Show XXX", files("a.mp4"), "XXX", None, None),
    ("Audio Book - Dracula", files("1.mp3", "2.mp3"), "Books", None, None),
]


@pytest.mark.parametrize(
    ("name", "contents", "category", "year", "number"), TOGETHER, ids=[row[0][:30] for row in TOGETHER]
)
def test_a_folder_is_parsed(name, contents, category, year, number):
    release = parse_release(name, contents)
    assert (release.category, release.year, release.season) == (category, year, number)


@pytest.mark.parametrize(
    ("name", "contents", "imdb"),
    [
        ("Nosferatu (1922) [tt0013442]", (), 13442),
        ("Nosferatu", files("film.mkv", "tt0013442.nfo"), 13442),
        ("Film.tt12345678.1080p", files("film.mkv"), 12345678),
        ("Film tt123", (), None),
        ("Filmtt0013442", (), None),
        ("tt00134421234567", (), None),
        ("Film tt0000000", (), None),
    ],
)
def test_an_imdb_id_is_found(name, contents, imdb):
    assert parse_release(name, contents).imdb == imdb


def test_an_imdb_id_is_no_part_of_the_title():
    assert parse_release("Nosferatu (1922) [tt0013442].mkv", ()).title == "Nosferatu"


@given(
    st.text(st.characters(exclude_categories=()), max_size=400), st.lists(st.text(max_size=20), max_size=5)
)
def test_parsing_is_deterministic(name, paths):
    contents = files(*paths)
    release = parse_release(name, contents)
    assert parse_release(name, contents) == release
    assert release.category in NINE
    assert release.title
    assert clean_line(release.title, LONGEST) == release.title


@pytest.mark.parametrize(
    "name",
    [
        "[a] " + "x" * 10_000_000,
        "[a] " + "(" * 240,
        "[a] " + "[b" * 120,
        "[a]" + "(1080" * 48,
        "S01" * 80,
        "S1-" * 80,
        "S01-S9999999",
        "tt" * 120,
        "1x01 & 2 " * 28,
        "season " * 34,
        "0.0 GB" * 40,
    ],
)
def test_hostile_names_are_parsed_in_bounded_time(name):
    files = tuple(CatalogueFile(f"{name[:300]}{number}.mkv", 1) for number in range(2000))
    with bounded_cost():
        parse_release(name, files)


def test_the_number_of_inspected_files_is_bounded():
    with bounded_cost():
        parse_release("many", tuple(CatalogueFile("x.nfo", 1) for _ in range(200_000)))
