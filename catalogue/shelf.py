"""Hides where the catalogue lies: what it asks of the stores under it.

Every change is one transaction, on disk before it returns. A change to what does not exist is refused as
`not-found`; ids may be any int, and those that no database holds are of nothing. Values are by field name.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from bittorrent.infohash import InfoHash
from catalogue.model import (
    Author,
    Bookmarked,
    Category,
    Collage,
    Comment,
    Contents,
    Deed,
    Figures,
    Group,
    News,
    Page,
    Report,
    Subject,
    Tag,
    Torrent,
    Totals,
    Viewer,
)

ALL = Viewer(moderates=True)
"""Who sees everything."""

Values = Mapping[str, object]
NO_VALUES: Values = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Writing:
    """What is to be kept of a torrent and of the group that it is in.

    `group` is the group to be in, None its own (a new one for a new torrent). Tags, authors and contents of
    None stay as they are.
    """

    torrent: Values = field(default_factory=dict)
    group: int | None = None
    work: Values = field(default_factory=dict)
    tags: tuple[str, ...] | None = None
    authors: tuple[str, ...] | None = None
    contents: Contents | None = field(default=None, repr=False)


Decision = Callable[[Torrent | None, Group | None], Writing]
"""Decides what is written, by the torrent as it is known and the group that is asked for; may refuse."""


class Works(Protocol):
    """Torrents and groups. A group without torrents is dropped with all that hangs on it."""

    async def decide(self, names: Sequence[InfoHash], group: int | None, decision: Decision) -> None:
        """Have a decision made as `enter` would, and write nothing."""
        ...

    async def enter(
        self, names: Sequence[InfoHash], group: int | None, decision: Decision
    ) -> tuple[int, bool]:
        """Write the torrent of any of these names; return its id, and whether it is new.

        Two records that turn out to be of one torrent become one.
        """
        ...

    async def change(self, torrent: int, group: int | None, decision: Decision) -> None:
        """Write a torrent that is known."""
        ...

    async def change_group(self, group: int, writing: Writing) -> None:
        """Write a group; the torrent's part is empty."""
        ...

    async def merge(self, group: int, into: int) -> None:
        """Move all that hangs on a group to another, and drop it."""
        ...

    async def remove(self, names: Sequence[InfoHash | int]) -> list[Torrent]:
        """Drop the torrents of any of these names or ids, and return them as they were."""
        ...

    async def torrent(self, key: int | InfoHash, viewer: Viewer) -> Torrent | None:
        """Find a torrent by its id, or by a 20-byte hash that names it."""
        ...

    async def torrents(self, ids: Sequence[int], viewer: Viewer) -> list[Torrent]:
        """Return torrents in the order of the ids."""
        ...

    async def torrents_of(self, groups: Sequence[int], viewer: Viewer) -> dict[int, tuple[Torrent, ...]]:
        """Return the torrents of groups, oldest first."""
        ...

    async def groups(self, ids: Sequence[int], viewer: Viewer) -> list[Group]:
        """Return groups in the order of the ids."""
        ...

    async def walk(self, after: int, limit: int) -> list[int]:
        """Return ids of groups above `after`, ascending."""
        ...

    async def contents(self, torrent: int) -> Contents:
        """Return what a torrent lists."""
        ...

    async def lacking(self, infohashes: Sequence[InfoHash]) -> list[InfoHash]:
        """Return those of the hashes that no record with contents says are held, in order."""
        ...

    async def held(self, after: InfoHash | None, limit: int) -> list[InfoHash]:
        """Return hashes above `after` of torrents that are marked as held, ascending."""
        ...

    async def unhold(self, infohashes: Sequence[InfoHash]) -> None:
        """Mark torrents as no longer held."""
        ...


class Charts(Protocol):
    """The catalogue in numbers, of what everyone sees."""

    async def refresh(self, figures: Mapping[InfoHash, Figures]) -> int:
        """Write the swarms' numbers, in parts that leave the writer to others in between; count changes."""
        ...

    async def totals(self) -> Totals:
        """Return the catalogue in numbers."""
        ...

    async def top(self, chart: str, since: int, limit: int) -> tuple[int, ...]:
        """Return the ids of a chart; `since` bounds those that look back."""
        ...

    async def uploads_of(self, user: int) -> tuple[int, int]:
        """Return how many torrents and groups an account brought under its name."""
        ...

    async def top_uploaders(self, limit: int) -> tuple[tuple[int, int], ...]:
        """Return accounts by how many torrents they brought under their name."""
        ...


class Categories(Protocol):
    """Categories. What touches many groups goes in parts, and is taken up again by a second call."""

    async def all(self) -> tuple[Category, ...]:
        """Return every category, ordered by id."""
        ...

    async def add(self, number: int | None, values: Values) -> int:
        """Add a category. Refusal: `taken` for its name or number."""
        ...

    async def change(self, category: int, values: Values) -> None:
        """Change a category. Refusal: `taken`."""
        ...

    async def remove(self, category: int, parent: int) -> None:
        """Drop a category; its groups go to `parent`."""
        ...


class Tags(Protocol):
    """Tags. What touches many groups goes in parts, and is taken up again by a second call."""

    async def tags(self, beginning: str, offset: int, limit: int) -> Page[Tag]:
        """Return tags that groups bear by their beginning, most used first."""
        ...

    async def tag(self, key: int | str) -> Tag | None:
        """Find a tag by its id, its name or an alias."""
        ...

    async def alias(self, alias: str, tag: str) -> int:
        """Make a tag another name of a second, and return the id of that. Refusal: `invalid`, `taken`."""
        ...

    async def unalias(self, alias: str) -> None:
        """Make an alias a word of its own again."""
        ...

    async def remove(self, tag: int) -> None:
        """Take a tag from every group, and its aliases with it."""
        ...


class Authors(Protocol):
    """Those who made works."""

    async def authors(self, beginning: str, offset: int, limit: int) -> Page[Author]:
        """Return authors of what everyone sees by the beginning of their name."""
        ...

    async def author(self, key: int | str) -> Author | None:
        """Find an author by id, or by name without regard to case."""
        ...

    async def change(self, author: int, values: Values) -> None:
        """Change an author. Refusal: `taken`."""
        ...

    async def groups_of(self, author: int, viewer: Viewer, *, first_only: bool) -> tuple[int, ...]:
        """Return the ids of an author's groups, newest first."""
        ...


class Remarks(Protocol):
    """Comments and announcements."""

    async def comments(
        self, group: int, offset: int, limit: int, viewer: Viewer, *, newest_first: bool
    ) -> Page[Comment]:
        """Return the comments on a group."""
        ...

    async def comment(self, comment: int, viewer: Viewer) -> Comment | None:
        """Find a comment."""
        ...

    async def add_comment(
        self, group: int, author: int, body: str, now: int, more: Values = NO_VALUES
    ) -> int:
        """Add a comment, and return its id; `more` is what else is known of one that was made elsewhere."""
        ...

    async def change_comment(self, comment: int, values: Values) -> None:
        """Change a comment."""
        ...

    async def remove_comment(self, comment: int) -> None:
        """Drop a comment."""
        ...

    async def news(self, offset: int, limit: int) -> Page[News]:
        """Return announcements, newest first."""
        ...

    async def one_news(self, news: int) -> News | None:
        """Find an announcement."""
        ...

    async def add_news(self, values: Values) -> int:
        """Add an announcement, and return its id."""
        ...

    async def remove_news(self, news: int) -> None:
        """Drop an announcement."""
        ...


class Collages(Protocol):
    """Collages and bookmarks."""

    async def collages(self, offset: int, limit: int, viewer: Viewer, search: str) -> Page[Collage]:
        """Return collages whose name holds a text, newest first."""
        ...

    async def collage(self, collage: int, viewer: Viewer) -> Collage | None:
        """Find a collage, with those of its groups that the viewer sees."""
        ...

    async def add_collage(self, values: Values, creator: int, now: int) -> int:
        """Add a collage, a personal one unless said otherwise, and return its id."""
        ...

    async def change_collage(self, collage: int, values: Values) -> None:
        """Change a collage."""
        ...

    async def remove_collage(self, collage: int) -> None:
        """Drop a collage."""
        ...

    async def put(self, collage: int, group: int, by: int, most: int) -> None:
        """Append a group, once. Refusal: `full` beyond `most`."""
        ...

    async def take(self, collage: int, group: int) -> None:
        """Take a group out."""
        ...

    async def bookmark(self, user: int, kind: Bookmarked, target: int, now: int, most: int) -> None:
        """Bookmark something. Refusal: `full` beyond `most` of a kind."""
        ...

    async def unbookmark(self, user: int, kind: Bookmarked, target: int) -> None:
        """Drop a bookmark, if there is one."""
        ...

    async def bookmarks(self, user: int, kind: Bookmarked, offset: int, limit: int) -> Page[int]:
        """Return the ids of what an account bookmarked, newest first."""
        ...

    async def bookmarked(self, user: int, kind: Bookmarked, targets: Sequence[int]) -> frozenset[int]:
        """Return those of the targets that an account bookmarked."""
        ...


class Cases(Protocol):
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

    async def log(self, deed: Values) -> None:
        """Write a line of the log."""
        ...

    async def deeds(self, offset: int, limit: int) -> Page[Deed]:
        """Return the log, newest first."""
        ...


@dataclass(frozen=True, slots=True)
class Shelf:
    """The catalogue's stores, which lie in one database."""

    works: Works
    charts: Charts
    categories: Categories
    tags: Tags
    authors: Authors
    remarks: Remarks
    collages: Collages
    cases: Cases
