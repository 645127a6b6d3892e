"""Hides what a catalogue is made of: the values that pass between the doors, the catalogue and its shelves.

Times are unix seconds, sizes bytes. Every text was checked by `catalogue.fields` before it was kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType
from typing import Generic, TypeVar

from bittorrent.infohash import InfoHash

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks: an account or nobody, and whether hidden things are shown to them."""

    user_id: int | None = None
    moderates: bool = False


EVERYONE = Viewer()


@dataclass(frozen=True, slots=True)
class Person:
    """An account as others see it."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Category:
    """A category; `parent` is one of the nine that every service has, None for these themselves."""

    id: int
    name: str
    parent: int | None = None


class Freeleech(IntEnum):
    """What of a torrent's traffic counts: everything, uploads alone, or nothing."""

    NORMAL = 0
    FREE = 1
    NEUTRAL = 2


@dataclass(frozen=True, slots=True)
class Author:
    """A person or body who made works."""

    id: int
    name: str
    picture: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: lower-case words joined by dots; `uses` counts the groups that bear it."""

    id: int
    name: str
    uses: int = 0
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """One work, of which there may be several torrents. `imdb` is the number of a title at IMDb."""

    id: int
    name: str
    category: Category
    year: int | None
    authors: tuple[Author, ...]
    tags: tuple[str, ...]
    description: str
    picture: str
    organism: str
    strain: str
    accession: str
    lab: str
    location: str
    season: int | None
    imdb: int | None
    locked: bool
    created: int
    newest: int
    """When its newest torrent came."""
    torrents: int
    """How many torrents everyone sees in it."""


@dataclass(frozen=True, slots=True)
class Torrent:
    """A torrent in the catalogue. `held` tells whether the cache has its file; `root` is "" for a single file.

    `seeders`, `leechers` and `snatched` are as of the last flush; `doors` show the swarm's own numbers.
    """

    id: int
    infohash: InfoHash
    alias: InfoHash | None
    group: Group
    title: str
    name: str
    root: str
    size: int
    file_count: int
    uploader: Person | None
    anonymous: bool
    added: int
    updated: int
    description: str
    platform: str
    format: str
    license: str
    scope: str
    annotated: bool
    archive: str
    private: bool
    held: bool
    hidden: bool
    locked: bool
    reported: bool
    freeleech: Freeleech
    seeders: int
    leechers: int
    snatched: int


@dataclass(frozen=True, slots=True)
class File:
    """A file of a torrent; `path` is relative to the torrent's root folder, with slashes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What a torrent lists: files in its own order, tracker tiers, web seeds."""

    files: tuple[File, ...] = ()
    trackers: tuple[tuple[str, ...], ...] = ()
    web_seeds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is known of a torrent when it enters the catalogue, before anyone says more about it."""

    infohash: InfoHash
    alias: InfoHash | None
    name: str
    root: str
    size: int
    private: bool
    held: bool
    comment: str
    contents: Contents
    added: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a name and a file list tell of a work; `category` is the name of one of the nine."""

    title: str
    category: str
    year: int | None = None
    season: int | None = None
    imdb: int | None = None


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a group, in the markup that its author wrote."""

    id: int
    group_id: int
    author: Person
    author_enabled: bool
    body: str
    added: int
    edited: int | None
    editor: Person | None
    hidden: bool


class CollageKind(IntEnum):
    """What a collage is: its creator's own, about a theme, or picked by the staff."""

    PERSONAL = 0
    THEME = 1
    STAFF = 2


@dataclass(frozen=True, slots=True)
class Collage:
    """A list of groups under a heading; `group_ids` in its own order."""

    id: int
    name: str
    description: str
    kind: CollageKind
    creator: Person
    locked: bool
    hidden: bool
    created: int
    group_ids: tuple[int, ...]
    subscribers: int


class Bookmarked(StrEnum):
    """What can be bookmarked."""

    TORRENT = "torrent"
    GROUP = "group"
    COLLAGE = "collage"
    AUTHOR = "author"


class Subject(StrEnum):
    """What can be reported, and what the log speaks of."""

    TORRENT = "torrent"
    GROUP = "group"
    COMMENT = "comment"
    COLLAGE = "collage"
    USER = "user"
    TAG = "tag"
    CATEGORY = "category"
    AUTHOR = "author"
    NEWS = "news"
    INFOHASH = "infohash"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody told the moderators; `resolution` is empty while it is open."""

    id: int
    subject: Subject
    target: int
    reporter: Person
    reason: str
    added: int
    resolver: Person | None
    resolved: int | None
    resolution: str


@dataclass(frozen=True, slots=True)
class Deed:
    """A line of the moderators' log: who did what to which, and why; nobody can change it."""

    id: int
    time: int
    actor: Person | None
    verb: str
    subject: Subject
    target: str
    detail: str


@dataclass(frozen=True, slots=True)
class News:
    """An announcement of the operators."""

    id: int
    title: str
    body: str
    author: Person
    added: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, and how long the list is; `exact` is False where counting stopped early."""

    items: tuple[T, ...]
    total: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Totals:
    """The catalogue in numbers."""

    torrents: int
    groups: int
    authors: int
    size: int


Details = Mapping[str, object]
"""What someone says about a torrent or group, by field name; `catalogue.fields` says which and within what."""

NO_DETAILS: Details = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Figures:
    """A swarm in the numbers that a list can be sorted by."""

    seeders: int
    leechers: int
    snatched: int
