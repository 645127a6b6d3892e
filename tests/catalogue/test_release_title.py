import itertools

import PTN
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalogue.release_title import read_release_title
from tests.catalogue.test_release_names import ALONE

TITLES = (
    "The.Lost.World",
    "1917",
    "2001 A Space Odyssey",
    "[Group] Some Anime - 07",
    "Marvels.Agents.of.S.H.I.E.L.D",
    "Magnum.P.I",
    "www.site.org - A Film",
    "Das_Boot_(Director's_Cut)",
    "Season of the Witch",
    "A Show 10-12",
    "Complete.Series.of.Things",
    "電影 The Film",
    "Am\u00e9lie",
    "",
)
MIDDLES = (
    "",
    "2019",
    "(1981)",
    "S01E02",
    "S01-S03",
    "1x09",
    "Season 2 Complete",
    "S02.COMPLETE",
    "2012.S03E04E05",
    "Seasons 1, 2, 3",
    "Complete Series",
    "2020 10-12",
)
ENDS = (
    "",
    "1080p.BluRay.x264-GRP",
    "[720p][HEVC][Eng.Subs]",
    "WEB-DL.DD5.1.H.264.German.DL-FUN",
    "2160p.UHD.HDR10.REMUX.Ita.Eng.MSubs.mkv",
    "DVDRip XviD [www.site.net]",
    "HDTV 480p 2015 REPACK.mp4",
    "S05 Directors Cut 3D 60fps",
)
NAMES = [".".join(filter(None, parts)) for parts in itertools.product(TITLES, MIDDLES, ENDS)]
WORDS = (*TITLES, *MIDDLES, *ENDS, "-", "_", "[", "]", "(", ")", "...", "10-12", "S1", "E2", "x264", "Ger")


def parsed(read, name):
    """Return the three fields that matter, or that it raised."""
    try:
        found = read(name)
    except Exception:
        return None
    return {each: found[each] for each in ("title", "year", "season") if each in found}


def by_library(name):
    return PTN.parse(name, coherent_types=True)


def same(name):
    expected = parsed(by_library, name)
    # What the library raises in steps that lead to none of the three is not raised here.
    return expected is None or parsed(read_release_title, name) == expected


def test_the_titles_of_a_corpus_are_read_as_the_library_reads_them():
    names = [*NAMES, *(name for name, *_ in ALONE)]
    assert [name for name in names if not same(name)] == []
    assert sum(parsed(by_library, name) is not None for name in names) > len(names) // 2


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=7), st.sampled_from((" ", ".", "_", ""))
)
def test_any_name_is_read_as_the_library_reads_it(words, between):
    assert same(between.join(words))


@pytest.mark.parametrize(
    ("name", "title", "year", "season"),
    [
        ("The.Lost.World.1992.1080p.BluRay.x264-GRP", "The Lost World", [1992], None),
        ("A.Show.S02E03.720p.HDTV", "A Show", None, [2]),
        ("1917.2019.2160p", "1917", [2019], None),
    ],
)
def test_a_name_has_a_title_and_perhaps_year_and_season(name, title, year, season):
    found = read_release_title(name)
    assert (found["title"], found.get("year"), found.get("season")) == (title, year, season)
