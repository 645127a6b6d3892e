"""The catalogue's values: what passes between the doors, the catalogue and its stores.

Times are unix seconds, sizes bytes. Every text was validated by `catalogue.fields` before it was stored.
"""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Generic, TypeVar

from bittorrent.infohash import InfoHash

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who reads: an account or nobody, whether hidden records are shown to them, and whether everything is."""

    user_id: int | None = None
    moderates: bool = False
    administers: bool = False


PUBLIC_VIEWER = Viewer()


@dataclass(frozen=True, slots=True)
class Person:
    """An account as others see it."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Category:
    """A category; `parent` is the id of a built-in one, None for those themselves."""

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
    """A person or organisation that made works."""

    id: int
    name: str
    picture: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag: lower-case words joined by dots; `uses` counts the groups with it."""

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
    """When its newest torrent was added."""
    torrents: int
    """How many of its torrents are public."""


@dataclass(frozen=True, slots=True)
class Torrent:
    """A torrent in the catalogue. `held` is whether the cache has its file; `root` is "" for a single file.

    `seeders`, `leechers` and `snatched` are as of the last flush; doors show the live ones and `completed`.
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

    def completed(self, live: int) -> int:
        """Return the completed downloads, of which the swarm remembers `live`: it may forget them, a record never."""
        return max(live, self.snatched)


@dataclass(frozen=True, slots=True)
class CatalogueFile:
    """A file of a torrent; `path` is relative to the torrent's root folder, with slashes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Contents:
    """A torrent's files in its own order, or a page of them, tracker tiers and web seeds.

    `left_out` files are not among `files`. `packed` is all of them as they are stored, where that was made already.
    """

    files: tuple[CatalogueFile, ...] = ()
    trackers: tuple[tuple[str, ...], ...] = ()
    web_seeds: tuple[str, ...] = ()
    left_out: int = 0
    packed: bytes = field(default=b"", repr=False)

    @property
    def file_count(self) -> int:
        """How many files the torrent has."""
        return len(self.files) + self.left_out


@dataclass(frozen=True, slots=True)
class MetainfoSummary:
    """What the catalogue takes from a .torrent file, or knows of a torrent by its infohash alone.

    `release` is what its name and files say, where that was parsed together with the file.
    """

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
    release: "ParsedRelease | None" = None


@dataclass(frozen=True, slots=True)
class ParsedRelease:
    """What a torrent's name and file list say about a work; `category` is the name of a built-in one."""

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
    held: bool = False
    """Whether it waits for a moderator: until then its author and moderators alone see it."""


class CollageKind(IntEnum):
    """What a collage is: its creator's own, about a theme, or picked by the staff."""

    PERSONAL = 0
    THEME = 1
    STAFF = 2


@dataclass(frozen=True, slots=True)
class Collage:
    """A named list of groups; `group_ids` in its own order."""

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


class BookmarkKind(StrEnum):
    """What can be bookmarked."""

    TORRENT = "torrent"
    GROUP = "group"
    COLLAGE = "collage"
    AUTHOR = "author"


class Subject(StrEnum):
    """What can be reported, and what log entries are about."""

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
    CREDIT = "credit"
    NOTICE = "notice"
    CLIENT = "client"
    ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Report:
    """A report to the moderators; `resolution` is empty while it is open.

    `title` is what the target is called now, a comment by its group; None where it is gone.
    """

    id: int
    subject: Subject
    target: int
    reporter: Person
    reason: str
    added: int
    resolver: Person | None
    resolved: int | None
    resolution: str
    title: str | None = None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry of the moderators' log: who did what to which record, and why; it never changes.

    `title` is what the record is called now, a comment's by its group; None where it is gone or has no name.
    """

    id: int
    time: int
    actor: Person | None
    verb: str
    subject: Subject
    target: str
    detail: str
    title: str | None = None


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which entries of the moderators' log: of a verb, of a subject, of an account's name; any where not given."""

    verb: str = ""
    subject: Subject | None = None
    actor: str = ""


EVERY_ENTRY = LogFilter()


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
    """A page of a list, and the list's length; `exact` is False where counting stopped early."""

    items: tuple[T, ...]
    total: int
    exact: bool = True


@dataclass(frozen=True, slots=True)
class CatalogueTotals:
    """Totals of the catalogue; `size` in bytes."""

    torrents: int
    groups: int
    authors: int
    size: int


@dataclass(frozen=True, slots=True)
class SwarmStats:
    """The numbers of a swarm that a list can be sorted by."""

    seeders: int
    leechers: int
    snatched: int


class Outcome(StrEnum):
    """What became of an imported record."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
