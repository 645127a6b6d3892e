import pytest

from actions.release_parser import ImdbReleaseParser
from bittorrent.infohash import InfoHash
from catalogue.imdb_titles import ImdbTitle
from catalogue.model import CatalogueFile, Contents, MetainfoSummary


class Titles:
    def __init__(self, *titles):
        self.titles = titles
        self.asked = []

    async def find(self, title, year, series):
        self.asked.append((title, year, series))
        return next((t for t in self.titles if (t.title, t.series) == (title, series)), None)

    async def get(self, number):
        return next((t for t in self.titles if t.number == number), None)


def summary(name):
    contents = Contents((CatalogueFile(name, 1 << 30),))
    return MetainfoSummary(InfoHash(bytes(20)), None, name, "", 1 << 30, False, True, "", contents, 0)


TITLES = (
    ImdbTitle(13442, "Nosferatu", "Nosferatu, eine Symphonie des Grauens", 1922, False),
    ImdbTitle(1, "The Show", "The Show", 2001, True),
)


@pytest.mark.parametrize(
    ("name", "imdb", "asked"),
    [
        ("Nosferatu (1922).mkv", 13442, [("Nosferatu", 1922, False)]),
        ("The.Show.S01E02.720p.mkv", 1, [("The Show", None, True)]),
        ("Unheard Of (1950).mkv", None, [("Unheard Of", 1950, False)]),
        ("Nosferatu (1922) [tt0000007].mkv", 7, []),
        ("debian-12.iso", None, []),
    ],
)
async def test_films_and_series_are_looked_up(name, imdb, asked):
    titles = Titles(*TITLES)

    assert (await ImdbReleaseParser(titles).parse(summary(name))).imdb == imdb
    assert titles.asked == asked
