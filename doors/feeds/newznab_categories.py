"""The standard category numbers of Newznab: which ones a torrent has, and which torrents a number asks for.

A category of ours has a number, and subdivisions that are told by words of the torrent's title and name. Both ways
are read from one table, so that a torrent is found by exactly the numbers that it is shown with.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from catalogue.categories import BUILTIN_CATEGORIES
from catalogue.model import Category
from catalogue.query import MATCH_NONE, AllOf, AnyOf, CategoryTerm, Not, Query, SearchColumn, TextTerm
from catalogue.syntax import words

FIRST_CUSTOM = 100_000
"""Added to the id of a category that the operator made."""
MOST_CUSTOM = 8
"""Such categories in one search. With the words of every subdivision a search stays within its limit of terms."""

_NAME = frozenset({SearchColumn.NAME})


@dataclass(frozen=True, slots=True)
class Subdivision:
    """A subdivision of a category: its number, its name, and the words that tell it; without words it is the rest."""

    number: int
    name: str
    words: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class NewznabCategory:
    """A category of ours: its own number and name, and its subdivisions, of which a torrent has the first that fits."""

    id: int
    number: int
    name: str
    subdivisions: tuple[Subdivision, ...] = ()

    def numbers(self, found: Collection[str]) -> set[int]:
        """Return the numbers of a torrent with these words in title and name."""
        first = next((each for each in self.subdivisions if not each.words or each.words & set(found)), None)
        own = {self.number, *([first.number] if first is not None else ())}
        return own | {_thousand(each) for each in own}

    def query(self, asked: Collection[int]) -> Query | None:
        """Return what finds the torrents of this category that have one of the numbers, None for none."""
        mine = CategoryTerm(frozenset({self.id}))
        if {self.number, _thousand(self.number)} & set(asked):
            return mine
        chosen: list[Query] = []
        before: frozenset[str] = frozenset()
        for each in self.subdivisions:
            if {each.number, _thousand(each.number)} & set(asked):
                terms: list[Query] = [_any_word(each.words)] if each.words else []
                terms += [Not(_any_word(before))] if before else []
                chosen.append(AllOf(tuple(terms)))
            before |= each.words
        return AllOf((mine, AnyOf(tuple(chosen)))) if chosen else None


def _resolutions(first: int) -> tuple[Subdivision, ...]:
    """Return subdivisions of video: a release that names no resolution is of standard definition."""
    return (
        Subdivision(first + 15, "UHD", frozenset({"2160p", "uhd", "4k"})),
        Subdivision(first + 10, "HD", frozenset({"720p", "1080p", "1080i"})),
        Subdivision(first, "SD"),
    )


_ID = BUILTIN_CATEGORIES
CATEGORIES = (
    NewznabCategory(_ID["Movies"], 2000, "Movies", _resolutions(2030)),
    NewznabCategory(
        _ID["Music"],
        3000,
        "Audio",
        (
            Subdivision(3040, "Lossless", frozenset({"flac", "alac", "lossless"})),
            Subdivision(3010, "MP3", frozenset({"mp3", "320kbps", "v0"})),
            Subdivision(3050, "Other"),
        ),
    ),
    NewznabCategory(
        _ID["PC"],
        4000,
        "PC",
        (
            Subdivision(4030, "Mac", frozenset({"macos", "osx", "dmg"})),
            Subdivision(4020, "ISO", frozenset({"iso"})),
        ),
    ),
    NewznabCategory(
        _ID["Mobile"],
        4040,
        "Mobile-Other",
        (
            Subdivision(4060, "Mobile-iOS", frozenset({"ios", "ipa"})),
            Subdivision(4070, "Mobile-Android", frozenset({"android", "apk"})),
        ),
    ),
    NewznabCategory(_ID["TV"], 5000, "TV", _resolutions(5030)),
    NewznabCategory(_ID["Anime"], 5070, "Anime"),
    NewznabCategory(_ID["XXX"], 6000, "XXX"),
    NewznabCategory(
        _ID["Books"],
        7000,
        "Books",
        (
            Subdivision(3030, "Audiobook", frozenset({"audiobook", "unabridged", "m4b"})),
            Subdivision(7030, "Comics", frozenset({"comics", "cbr", "cbz"})),
            Subdivision(7020, "EBook", frozenset({"epub", "pdf", "mobi", "azw3"})),
            Subdivision(7050, "Other"),
        ),
    ),
    NewznabCategory(_ID["Unsorted"], 8000, "Other", (Subdivision(8010, "Misc"),)),
)
_BY_ID = {each.id: each for each in CATEGORIES}
_TOP_NAMES = {each.number: each.name for each in CATEGORIES if each.number % 1000 == 0}


def numbers_of(category: Category, title: str, name: str) -> list[int]:
    """Return the numbers of a torrent, ascending."""
    top = category.id if category.parent is None else category.parent
    found = {word.lower() for word in words(f"{title} {name}")}
    custom = {FIRST_CUSTOM + category.id} if category.parent is not None else set()
    return sorted(_BY_ID[top].numbers(found) | custom)


def query_of(numbers: Iterable[int]) -> Query:
    """Return what finds the torrents that have one of the numbers."""
    asked = set(numbers)
    standard = [query for each in CATEGORIES if (query := each.query(asked)) is not None]
    custom = frozenset(
        sorted(number - FIRST_CUSTOM for number in asked if number > FIRST_CUSTOM)[:MOST_CUSTOM]
    )
    found = [*standard, *([CategoryTerm(custom)] if custom else ())]
    return AnyOf(tuple(found)) if found else MATCH_NONE


@dataclass(frozen=True, slots=True)
class ListedCategory:
    """A top category as the capabilities list it, with the number and name of each below it."""

    number: int
    name: str
    below: tuple[tuple[int, str], ...]


def listed(categories: Sequence[Category]) -> list[ListedCategory]:
    """Return every number that a torrent may have; `categories` are all of the catalogue's."""
    below: dict[int, dict[int, str]] = {number: {} for number in sorted(_TOP_NAMES)}
    for each in CATEGORIES:
        for number, name in (
            (each.number, each.name),
            *((sub.number, sub.name) for sub in each.subdivisions),
        ):
            if number not in below:
                below[_thousand(number)][number] = name
    for category in categories:
        if category.parent is not None:
            top = _thousand(_BY_ID[category.parent].number)
            below[top][FIRST_CUSTOM + category.id] = category.name
    return [
        ListedCategory(
            number,
            _TOP_NAMES[number],
            tuple((each, f"{_TOP_NAMES[number]}/{name}") for each, name in sorted(below[number].items())),
        )
        for number in below
    ]


def _thousand(number: int) -> int:
    return number // 1000 * 1000


def _any_word(wanted: Iterable[str]) -> Query:
    return AnyOf(tuple(TextTerm((word,), columns=_NAME) for word in sorted(wanted)))
