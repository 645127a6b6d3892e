"""The parameters of a Torznab search, read into a query of the catalogue.

`q` is words and no search syntax: media managers send titles, in which a hyphen or a colon means nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from catalogue.query import (
    MATCH_ALL,
    MATCH_NONE,
    AllOf,
    AnyOf,
    ImdbTerm,
    Query,
    SearchColumn,
    SearchQuery,
    TextTerm,
    YearRange,
)
from catalogue.syntax import words
from doors.feeds.items import ITEMS
from doors.feeds.newznab_categories import query_of
from doors.feeds.torznab_errors import TorznabError

LONGEST_TEXT = 512
MOST_WORDS = 16
MOST_CATEGORIES = 256

_NAMES = frozenset({SearchColumn.NAME, SearchColumn.GROUP, SearchColumn.AUTHORS})
_NAME = frozenset({SearchColumn.NAME})
_TEXTS = ("q", "artist", "album", "label", "track", "author", "title", "publisher")
_FOREIGN_IDS = ("tvdbid", "rid", "tvmazeid", "traktid", "tmdbid", "doubanid")
"""Ids of titles elsewhere, of which the catalogue knows none."""
_IMDB = re.compile(r"(?:tt)?([0-9]{1,10})", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{1,9}")
_SEASON = re.compile(r"S?([0-9]{1,4})", re.IGNORECASE)
_EPISODE = re.compile(r"E?([0-9]{1,4})", re.IGNORECASE)
_DAY = re.compile(r"([0-9]{1,2})/([0-9]{1,2})")
_FIRST_YEAR = 1900  # what is numbered so is a year and no season
_LONGEST_OFFSET = 1_000_000


@dataclass(frozen=True, slots=True)
class TorznabSearch:
    """A search and where its page begins."""

    query: Query
    offset: int
    limit: int

    def search_query(self) -> SearchQuery:
        """Return the search of the catalogue, newest first: callers page until they know an item."""
        return SearchQuery(self.query, offset=self.offset, limit=self.limit)


def read(given: Mapping[str, str]) -> TorznabSearch:
    """Read the parameters of a search. TorznabError: one is incorrect."""
    terms = tuple(_terms(given))
    limit = _number(given, "limit")
    return TorznabSearch(
        terms[0] if len(terms) == 1 else AllOf(terms) if terms else MATCH_ALL,
        min(_number(given, "offset"), _LONGEST_OFFSET),
        # A caller computes pages of the largest size, and takes a shorter one for the last.
        min(limit, ITEMS) if limit else ITEMS,
    )


def _terms(given: Mapping[str, str]) -> Iterator[Query]:
    texts = [text for name in _TEXTS if (text := _text(given, name))]
    left = MOST_WORDS
    for text in texts:
        found = _words(text[:LONGEST_TEXT])
        yield from found[:left] or (() if found else (MATCH_NONE,))
        left = max(left - len(found), 0)
    if imdb := _text(given, "imdbid"):
        yield ImdbTerm(int(_match(_IMDB, "imdbid", imdb)[1]))
    elif not texts and any(_text(given, name) for name in _FOREIGN_IDS):
        yield MATCH_NONE
    if year := _text(given, "year"):
        number = int(_match(_NUMBER, "year", year)[0])
        # Of many releases the year stands in the name alone.
        yield AnyOf((YearRange(number, number), TextTerm((str(number),), columns=_NAME)))
    if season := _text(given, "season"):
        yield _episode(int(_match(_SEASON, "season", season)[1]), _text(given, "ep"))
    elif episode := _text(given, "ep"):
        yield AnyOf(
            tuple(_phrases((f"{_episode_number(episode):02}",), (f"e{_episode_number(episode):02}",)))
        )
    if categories := _text(given, "cat"):
        yield query_of(
            int(each) for each in categories.split(",")[:MOST_CATEGORIES] if _NUMBER.fullmatch(each)
        )


def _words(text: str) -> Sequence[Query]:
    """Return a term for each of the words between spaces; the signs within one make it a phrase."""
    phrases = (words(each) for each in text.split())
    return [TextTerm(phrase, columns=_NAMES) for phrase in phrases if phrase]


def _episode(season: int, episode: str) -> Query:
    """Return what finds a season, an episode of it, or of a daily series a year or a day (`2024` and `01/15`)."""
    if season >= _FIRST_YEAR:
        day = (f"{int(part):02}" for part in _match(_DAY, "ep", episode).groups()) if episode else ()
        return TextTerm((str(season), *day), columns=_NAME)
    if episode:
        number = _episode_number(episode)
        whole = f"s{season:02}e{number:02}"
        return AnyOf(
            (
                TextTerm((f"{whole}e",), prefix=True, columns=_NAME),
                *_phrases((whole,), (f"s{season}e{number}",), (f"s{season:02}", f"e{number:02}")),
                *_phrases((f"{season}x{number:02}",), (f"{season:02}x{number:02}",)),
            )
        )
    specials: Iterable[tuple[str, ...]] = [("specials",)] if season == 0 else []
    return AnyOf(
        (
            TextTerm((f"s{season:02}",), prefix=True, columns=_NAME),
            TextTerm((f"{season}x",), prefix=True, columns=_NAME),
            *_phrases((f"s{season}",), ("season", str(season)), ("season", f"{season:02}"), *specials),
        )
    )


def _phrases(*phrases: tuple[str, ...]) -> Iterator[Query]:
    yield from (TextTerm(each, columns=_NAME) for each in dict.fromkeys(phrases))


def _episode_number(text: str) -> int:
    return int(_match(_EPISODE, "ep", text)[1])


def _text(given: Mapping[str, str], name: str) -> str:
    return given.get(name, "").strip()


def _number(given: Mapping[str, str], name: str) -> int:
    text = _text(given, name)
    return int(_match(_NUMBER, name, text)[0]) if text else 0


def _match(pattern: re.Pattern[str], name: str, text: str) -> re.Match[str]:
    found = pattern.fullmatch(text)
    if found is None or not text.isascii():
        raise TorznabError.incorrect(name)
    return found
