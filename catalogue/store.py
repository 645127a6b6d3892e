"""The catalogue's store protocols: what the catalogue asks of the database under it.

Every change is one transaction, on disk before it returns. A change to what does not exist is refused as
`not-found`. Ids may be any int; one out of the database's range finds nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.contents_encoding import PAGE
from catalogue.editions import WorkKey
from catalogue.fields import (
    UNSET,
    AuthorChange,
    CategoryChange,
    Change,
    CollageChange,
    GroupChange,
    TorrentChange,
    Unset,
)
from catalogue.history import HistoryStore
from catalogue.model import (
    EVERY_ENTRY,
    Author,
    BookmarkKind,
    CatalogueTotals,
    Category,
    Collage,
    Comment,
    Contents,
    Group,
    LogEntry,
    LogFilter,
    News,
    Page,
    Report,
    Subject,
    SwarmStats,
    Tag,
    Torrent,
    Viewer,
)

T = TypeVar("T")

UNRESTRICTED_VIEWER = Viewer(moderates=True, administers=True)
"""Sees everything, hidden torrents included."""


@dataclass(frozen=True, slots=True)
class GroupWrite:
    """What is written of a group; what is UNSET stays as it is, or is blank in a new group."""

    change: GroupChange = field(default_factory=GroupChange)
    locked: bool | Unset = UNSET
    created: int | Unset = UNSET


@dataclass(frozen=True, slots=True)
class TorrentWrite:
    """What is written of a torrent and of its group; what is UNSET stays as it is, or is blank in a new torrent.

    `group_id` is the group to put the torrent into, None its own (a new one for a new torrent); `change.group_id`
    is not read. Contents of None stay as they are. A new torrent of a `work` joins the oldest group of it that
    is not locked.
    """

    change: TorrentChange = field(default_factory=TorrentChange)
    group_id: int | None = None
    group: GroupWrite = field(default_factory=GroupWrite)
    contents: Contents | None = field(default=None, repr=False)
    work: WorkKey | None = None
    infohash: InfoHash | Unset = UNSET
    alias: InfoHash | Unset | None = UNSET
    name: str | Unset = UNSET
    root: str | Unset = UNSET
    size: int | Unset = UNSET
    file_count: int | Unset = UNSET
    private: bool | Unset = UNSET
    held: bool | Unset = UNSET
    uploader: int | Unset | None = UNSET
    added: int | Unset = UNSET
    updated: int | Unset = UNSET
    hidden: bool | Unset = UNSET
    locked: bool | Unset = UNSET


@dataclass(frozen=True, slots=True)
class CommentWrite(Change):
    """What is written of a comment; what is UNSET stays as it is, or is blank in a new one."""

    body: str | Unset = UNSET
    edited: int | Unset | None = UNSET
    editor: int | Unset | None = UNSET
    hidden: bool | Unset = UNSET
    held: bool | Unset = UNSET


class CommentCounts(NamedTuple):
    """How many comments of an account everybody sees, and how many wait for a moderator."""

    shown: int
    held: int


WriteDecision = Callable[[Torrent | None, Group | None], TorrentWrite]
"""Returns what to write, given the stored torrent and the requested group; may raise Refusal."""


class TorrentStore(Protocol):
    """Torrents. A group without torrents is deleted with everything that refers to it."""

    async def check(self, names: Sequence[InfoHash], group: int | None, decision: WriteDecision) -> None:
        """Run the decision as `upsert` would, and write nothing."""
        ...

    async def upsert(
        self, names: Sequence[InfoHash], group: int | None, decision: WriteDecision
    ) -> tuple[int, bool]:
        """Insert or update the torrent of any of these infohashes; return its id, and whether it is new.

        Two records that turn out to be of one torrent are merged.
        """
        ...

    async def change(self, torrent: int, group: int | None, decision: WriteDecision) -> None:
        """Change an existing torrent."""
        ...

    async def remove(self, names: Sequence[InfoHash | int]) -> list[Torrent]:
        """Delete the torrents of any of these infohashes or ids, and return them as they were."""
        ...

    async def torrent(self, key: int | InfoHash, viewer: Viewer) -> Torrent | None:
        """Find a torrent by its id, or by its infohash or alias of 20 bytes."""
        ...

    async def named(self, names: Sequence[InfoHash], viewer: Viewer) -> list[Torrent]:
        """Return the torrents of any of these infohashes or aliases of 20 bytes."""
        ...

    async def torrents(self, ids: Sequence[int], viewer: Viewer) -> list[Torrent]:
        """Return torrents in the order of the ids."""
        ...

    async def contents(self, torrent: int, first: int = 0, count: int = PAGE) -> Contents:
        """Return `count` files from number `first` on, the trackers and the web seeds of a torrent."""
        ...

    async def missing_contents(self, infohashes: Sequence[InfoHash]) -> list[InfoHash]:
        """Return the infohashes, in order, without those of held torrents that have contents."""
        ...

    async def known(self, infohashes: Sequence[InfoHash]) -> set[InfoHash]:
        """Return the infohashes and aliases of the torrents of any of these 20-byte ones."""
        ...

    async def held(self, after: InfoHash | None, limit: int) -> list[InfoHash]:
        """Return infohashes above `after` of torrents that are marked as held, ascending."""
        ...

    async def mark_not_held(self, infohashes: Sequence[InfoHash]) -> None:
        """Mark torrents as no longer held."""
        ...


class GroupStore(Protocol):
    """Groups of torrents."""

    async def group(self, group: int, viewer: Viewer) -> Group | None:
        """Find a group of which the viewer sees a torrent."""
        ...

    async def groups(self, ids: Sequence[int], viewer: Viewer) -> list[Group]:
        """Return groups in the order of the ids."""
        ...

    async def torrents_of(self, groups: Sequence[int], viewer: Viewer) -> dict[int, tuple[Torrent, ...]]:
        """Return the torrents of groups, oldest first."""
        ...

    async def newest_of(self, groups: Sequence[int], viewer: Viewer, limit: int) -> list[Torrent]:
        """Return the newest torrents of groups, `limit` at most, newest first."""
        ...

    async def group_ids_after(self, after: int, limit: int) -> list[int]:
        """Return ids of groups above `after`, ascending."""
        ...

    async def change_group(self, group: int, writing: GroupWrite) -> None:
        """Change a group."""
        ...

    async def split(self, torrent: int) -> int:
        """Move a torrent out of its group into a new one that says the same; return the id of that."""
        ...

    async def merge(self, group: int, into: int) -> None:
        """Move the torrents, comments, bookmarks and collage entries of a group to another, and delete it."""
        ...


class StatisticsStore(Protocol):
    """Totals, top lists and swarm statistics, over what is not hidden."""

    async def update_swarm_stats(self, figures: Mapping[InfoHash, SwarmStats]) -> int:
        """Write seeders, leechers and snatches in batches, a transaction each; return how many rows changed.

        Snatches never fall: a swarm may have forgotten them.
        """
        ...

    async def totals(self) -> CatalogueTotals:
        """Count torrents, groups and authors, and add up the bytes."""
        ...

    async def category_counts(self) -> dict[int, int]:
        """Count the torrents of each category by its id; those of subcategories count there alone."""
        ...

    async def shown_ids(self, first: int, count: int) -> list[tuple[int, int]]:
        """Return the torrents among `count` ids from `first` on, ascending, and when each was updated."""
        ...

    async def has_titles(self) -> bool:
        """Return whether any group names a title at IMDb."""
        ...

    async def top(self, chart: str, now: int, limit: int) -> tuple[int, ...]:
        """Return the ids of a chart: `day`, `week`, `overall`, `snatched`, `data`, `seeded`; `now` in unix seconds."""
        ...

    async def upload_counts(self, user: int) -> tuple[int, int]:
        """Return how many torrents an account uploaded, and to how many groups; anonymous ones do not count."""
        ...

    async def top_uploaders(self, limit: int) -> tuple[tuple[int, int], ...]:
        """Return pairs of account id and count of torrents uploaded, anonymous ones left out; most first."""
        ...


class CategoryStore(Protocol):
    """Categories. What changes many groups runs in batches; after an interruption a second call goes on."""

    async def all(self) -> tuple[Category, ...]:
        """Return every category, ordered by id."""
        ...

    async def add(self, number: int | None, name: str, parent: int) -> int:
        """Add a category. Refusal: `taken` for its name or number."""
        ...

    async def change(self, category: int, change: CategoryChange) -> None:
        """Change a category. Refusal: `taken`."""
        ...

    async def remove(self, category: int, parent: int) -> None:
        """Delete a category; its groups move to `parent`."""
        ...


class TagStore(Protocol):
    """Tags. What changes many groups runs in batches; after an interruption a second call goes on."""

    async def tags(self, prefix: str, offset: int, limit: int) -> Page[Tag]:
        """Return the tags in use that begin with a prefix, in any form, most used first."""
        ...

    async def tag(self, key: int | str) -> Tag | None:
        """Find a tag by its id, or by its name or an alias, in any form."""
        ...

    async def alias(self, alias: str, tag: str) -> int:
        """Make `alias` an alias of `tag`, and return the id of the latter. Refusal: `invalid`, `taken`."""
        ...

    async def unalias(self, alias: str) -> None:
        """Make an alias a tag of its own again."""
        ...

    async def remove(self, tag: int) -> None:
        """Delete a tag with its aliases, and remove it from every group."""
        ...


class AuthorStore(Protocol):
    """Authors of groups."""

    async def authors(self, prefix: str, offset: int, limit: int) -> Page[Author]:
        """Return the authors of visible torrents whose name begins with a prefix."""
        ...

    async def author(self, key: int | str) -> Author | None:
        """Find an author by id, or by name without regard to case."""
        ...

    async def change(self, author: int, change: AuthorChange) -> None:
        """Change an author. Refusal: `taken`."""
        ...

    async def groups_of(self, author: int, viewer: Viewer, *, first_only: bool = False) -> tuple[int, ...]:
        """Return the ids of an author's groups, newest first."""
        ...


class CommentStore(Protocol):
    """Comments and news."""

    async def comments(
        self, group: int, offset: int, limit: int, viewer: Viewer, *, newest_first: bool = False
    ) -> Page[Comment]:
        """Return the comments on a group."""
        ...

    async def comment(self, comment: int, viewer: Viewer) -> Comment | None:
        """Find a comment."""
        ...

    async def held(self, offset: int, limit: int, viewer: Viewer) -> Page[Comment]:
        """Return the comments that wait for a moderator, oldest first."""
        ...

    async def counts_of(self, author: int) -> CommentCounts:
        """Count the comments of an author."""
        ...

    async def add_comment(self, group: int, author: int, added: int, writing: CommentWrite) -> int:
        """Add a comment, and return its id."""
        ...

    async def change_comment(self, comment: int, writing: CommentWrite) -> None:
        """Change a comment."""
        ...

    async def remove_comment(self, comment: int) -> None:
        """Delete a comment."""
        ...

    async def news(self, offset: int, limit: int) -> Page[News]:
        """Return news, newest first."""
        ...

    async def news_item(self, news: int) -> News | None:
        """Find a news item."""
        ...

    async def add_news(self, title: str, body: str, author: int, added: int) -> int:
        """Add a news item, and return its id."""
        ...

    async def remove_news(self, news: int) -> None:
        """Delete a news item."""
        ...


class CollageStore(Protocol):
    """Collages and bookmarks."""

    async def collages(self, offset: int, limit: int, viewer: Viewer, search: str = "") -> Page[Collage]:
        """Return collages whose name contains a text, newest first."""
        ...

    async def collage(self, collage: int, viewer: Viewer) -> Collage | None:
        """Find a collage, with those of its groups that the viewer sees."""
        ...

    async def add_collage(self, change: CollageChange, creator: int, created: int) -> int:
        """Add a collage, a personal one by default, and return its id."""
        ...

    async def change_collage(self, collage: int, change: CollageChange) -> None:
        """Change a collage."""
        ...

    async def remove_collage(self, collage: int) -> None:
        """Delete a collage."""
        ...

    async def add_group(self, collage: int, group: int, by: int, most: int) -> None:
        """Append a group, once. Refusal: `full` beyond `most`."""
        ...

    async def remove_group(self, collage: int, group: int) -> None:
        """Remove a group."""
        ...

    async def bookmark(self, user: int, kind: BookmarkKind, target: int, now: int, most: int) -> None:
        """Bookmark something. Refusal: `full` beyond `most` of a kind."""
        ...

    async def unbookmark(self, user: int, kind: BookmarkKind, target: int) -> None:
        """Delete a bookmark, if there is one."""
        ...

    async def bookmarks(self, user: int, kind: BookmarkKind, offset: int, limit: int) -> Page[int]:
        """Return the ids of what an account bookmarked, newest first."""
        ...

    async def bookmarked(
        self, user: int | None, kind: BookmarkKind, targets: Sequence[int]
    ) -> frozenset[int]:
        """Return those of the targets that an account bookmarked; none for None."""
        ...


class ModerationStore(Protocol):
    """Reports and the moderators' log."""

    async def add_report(
        self, subject: Subject, target: int, reporter: int, reason: str, *, now: int, most: int
    ) -> int:
        """Add a report, and return its id; an open one of the same reporter gets the new reason.

        Refusal: `full` beyond `most` open ones of the reporter.
        """
        ...

    async def report(self, report: int) -> Report | None:
        """Find a report."""
        ...

    async def reports(self, offset: int, limit: int, *, resolved: bool) -> Page[Report]:
        """Return reports, oldest first while they are open, else newest first."""
        ...

    async def resolve(self, report: int, resolver: int, resolution: str, now: int) -> None:
        """Close a report that is open."""
        ...

    async def add_log_entry(
        self, actor: int | None, verb: str, subject: Subject, target: str, *, detail: str, time: int
    ) -> None:
        """Add an entry to the log."""
        ...

    async def log_entries(self, offset: int, limit: int, wanted: LogFilter = EVERY_ENTRY) -> Page[LogEntry]:
        """Return the log, newest first."""
        ...

    async def log_verbs(self) -> list[str]:
        """Return what the log says was done, each verb once, sorted."""
        ...


@dataclass(frozen=True, slots=True)
class CatalogueStore:
    """The stores of the catalogue, over one database."""

    torrents: TorrentStore
    groups: GroupStore
    statistics: StatisticsStore
    categories: CategoryStore
    tags: TagStore
    authors: AuthorStore
    comments: CommentStore
    collages: CollageStore
    moderation: ModerationStore
    history: HistoryStore


def require(value: T | None) -> T:
    """Return a record that was just written. Refusal: `not-found`, when it was deleted in the meantime."""
    if value is None:
        raise Refusal("not-found")
    return value
