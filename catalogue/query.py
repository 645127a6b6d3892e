"""Search queries: a tree of terms, independent of the syntax that it was written in.

`catalogue.syntax` reads one from text; dialects with parameters of their own build one directly.
"""

from dataclasses import dataclass
from enum import StrEnum

from bittorrent.infohash import InfoHash
from catalogue.model import Freeleech


class SearchColumn(StrEnum):
    """The text columns of the search index."""

    NAME = "name"
    """The torrent's title and name."""
    GROUP = "group"
    AUTHORS = "authors"
    TAGS = "tags"
    DESCRIPTION = "description"
    FILES = "files"


class Attribute(StrEnum):
    """Attributes compared with a set of values, without regard to case."""

    PLATFORM = "platform"
    FORMAT = "format"
    LICENSE = "license"
    SCOPE = "scope"
    ARCHIVE = "archive"
    ORGANISM = "organism"
    STRAIN = "strain"
    ACCESSION = "accession"
    LAB = "lab"
    LOCATION = "location"


@dataclass(frozen=True, slots=True)
class TextTerm:
    """Words in a row; more than one is a phrase. `prefix` matches the last word as a prefix. No columns means all."""

    words: tuple[str, ...]
    prefix: bool = False
    columns: frozenset[SearchColumn] = frozenset()


@dataclass(frozen=True, slots=True)
class TagTerm:
    """Groups with a tag, under its own name or an alias; `prefix` also matches tags that begin with it."""

    name: str
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class CategoryTerm:
    """Groups in one of these categories, by id or name, or in a category under one of them."""

    ids: frozenset[int] = frozenset()
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class SizeRange:
    """Torrents of `low` to `high` bytes, both included; None is no bound."""

    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class AddedRange:
    """Torrents added from `low` to `high`, both included, in unix seconds; None is no bound."""

    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class SeedersRange:
    """Torrents of `low` to `high` seeders, both included, as of the last flush; None is no bound."""

    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class PrivateTerm:
    """Torrents that are private, or those that are not."""

    private: bool


@dataclass(frozen=True, slots=True)
class YearRange:
    """Groups of the years `low` to `high`, both included; None is no bound."""

    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class UploaderTerm:
    """Torrents of an uploader, by name without regard to case; those uploaded anonymously are left out."""

    name: str


@dataclass(frozen=True, slots=True)
class ImdbTerm:
    """Groups of a title, by its number at IMDb."""

    number: int


@dataclass(frozen=True, slots=True)
class InfohashTerm:
    """The torrent of an infohash, under any of its infohashes."""

    infohash: InfoHash


@dataclass(frozen=True, slots=True)
class AttributeTerm:
    """Torrents whose attribute is one of the values."""

    attribute: Attribute
    values: frozenset[str]


@dataclass(frozen=True, slots=True)
class FreeleechTerm:
    """Torrents of these kinds of freeleech."""

    kinds: frozenset[Freeleech]


@dataclass(frozen=True, slots=True)
class Not:
    """What the term does not find."""

    term: "Query"


@dataclass(frozen=True, slots=True)
class AllOf:
    """What all terms find; no terms find everything."""

    terms: tuple["Query", ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """What any of the terms finds; no terms find nothing."""

    terms: tuple["Query", ...] = ()


Query = (
    TextTerm
    | TagTerm
    | CategoryTerm
    | SizeRange
    | AddedRange
    | SeedersRange
    | PrivateTerm
    | YearRange
    | UploaderTerm
    | ImdbTerm
    | InfohashTerm
    | AttributeTerm
    | FreeleechTerm
    | Not
    | AllOf
    | AnyOf
)

MATCH_ALL: Query = AllOf()
MATCH_NONE: Query = AnyOf()


class SortOrder(StrEnum):
    """Sort order of a list; ties are broken by id, in the same direction."""

    RELEVANCE = "relevance"
    TIME = "time"
    SIZE = "size"
    SEEDERS = "seeders"
    LEECHERS = "leechers"
    SNATCHED = "snatched"
    YEAR = "year"
    NAME = "name"
    ID = "id"
    RANDOM = "random"


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search: the query, the order, and which page of the hits.

    `as_of` is the highest torrent id that is searched, from an earlier answer, so that pages stay the
    same while torrents are added; None is now. `moderates` shows hidden torrents as well. The same `seed` gives
    the same random order.
    """

    query: Query = MATCH_ALL
    order: SortOrder = SortOrder.TIME
    descending: bool = True
    offset: int = 0
    limit: int = 50
    as_of: int | None = None
    moderates: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """How many of the hits of a search, the newest `counted` of them, have what they can be narrowed by.

    `categories` and `tags` by name, most first; `sizes` by the upper bound of SIZES that they are below, None above
    all; `since` by the times that were asked about.
    """

    counted: int
    exact: bool
    categories: tuple[tuple[str, int], ...] = ()
    tags: tuple[tuple[str, int], ...] = ()
    sizes: tuple[tuple[int | None, int], ...] = ()
    since: tuple[int, ...] = ()
    seeded: int = 0
    private: int = 0
    free: int = 0


SIZES = (100 * 10**6, 10**9, 10 * 10**9, 50 * 10**9)
"""Sizes between which torrents are counted, in bytes."""


@dataclass(frozen=True, slots=True)
class SearchHits:
    """The ids of a page of hits, in order. `exact` is False where more matched than are counted and ranked.

    Then `total` is what was counted, and any order but time ranks a bounded part of them: the newest, and those
    that lead the order or match best.
    """

    ids: tuple[int, ...]
    total: int
    exact: bool
    as_of: int
