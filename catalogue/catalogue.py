"""Hides the rules of the catalogue: what a record may say, and what follows from a change to one."""

from collections.abc import Callable, Mapping, Sequence

from bittorrent.infohash import InfoHash
from catalogue.model import (
    NO_DETAILS,
    Author,
    Bookmarked,
    Category,
    Collage,
    Comment,
    Contents,
    Deed,
    Details,
    Figures,
    Group,
    News,
    Page,
    Reading,
    Report,
    Sheet,
    Subject,
    Tag,
    Torrent,
    Totals,
    Viewer,
)
from catalogue.shelf import Shelf


class Catalogue:
    """Records of torrents and groups and what belongs to them, over a shelf; `clock` gives unix seconds.

    What is hidden is only found by a viewer who moderates, or who uploaded or wrote it. Changes take what
    `catalogue.fields` lets through, raise Refusal "invalid" with the fields otherwise, and are on disk when
    they return. Nothing here asks who may: that is `actions.curation`.
    """

    def __init__(self, shelf: Shelf, clock: Callable[[], float]) -> None:
        self._shelf = shelf
        self._clock = clock

    # Torrents

    async def enter(
        self, sheet: Sheet, reading: Reading, details: Details = NO_DETAILS, uploader: int | None = None
    ) -> tuple[Torrent, bool]:
        """Make the record of a torrent, in a group of its own unless `details` name one; tell whether it is new.

        One that exists keeps what it says; without an owner it is claimed by `uploader` and takes the details.
        Refusal: `owned` when somebody else has it and an uploader is given, `invalid`, `group-locked`.
        """
        raise NotImplementedError

    async def torrent(self, key: int | InfoHash, viewer: Viewer) -> Torrent | None:
        """Find a torrent by its id, or by any hash that names it."""
        raise NotImplementedError

    async def torrents(self, ids: Sequence[int], viewer: Viewer) -> list[Torrent]:
        """Return those of the torrents that the viewer sees, in the order of the ids."""
        raise NotImplementedError

    async def contents(self, torrent: int) -> Contents:
        """Return what a torrent lists."""
        raise NotImplementedError

    async def edit_torrent(self, torrent: int, changes: Details) -> Torrent:
        """Change what is said about a torrent, its group (`group_id`) included. Refusal: `invalid`, `not-found`."""
        raise NotImplementedError

    async def remove_torrent(self, torrent: int) -> Torrent:
        """Drop a torrent's record; a group without torrents goes with the last. Refusal: `not-found`."""
        raise NotImplementedError

    async def mark_torrent(
        self, torrent: int, *, hidden: bool | None = None, locked: bool | None = None
    ) -> Torrent:
        """Hide or lock a torrent, or no longer. Refusal: `not-found`."""
        raise NotImplementedError

    async def forget(self, names: Sequence[InfoHash]) -> list[Torrent]:
        """Drop the records of a torrent under any of its names, because it is blocked; return them."""
        raise NotImplementedError

    async def lacking(self, infohashes: Sequence[InfoHash]) -> list[InfoHash]:
        """Return those of the hashes that have no record with contents, in order."""
        raise NotImplementedError

    async def refresh(self, figures: Mapping[InfoHash, Figures]) -> int:
        """Write the swarms' numbers of those torrents that have records; return how many changed."""
        raise NotImplementedError

    async def totals(self) -> Totals:
        """Return the catalogue in numbers."""
        raise NotImplementedError

    # Groups

    async def group(self, group: int, viewer: Viewer) -> Group | None:
        """Find a group that the viewer sees something of."""
        raise NotImplementedError

    async def groups(self, ids: Sequence[int], viewer: Viewer) -> list[Group]:
        """Return those of the groups that the viewer sees, in the order of the ids."""
        raise NotImplementedError

    async def torrents_of(self, groups: Sequence[int], viewer: Viewer) -> Mapping[int, tuple[Torrent, ...]]:
        """Return the torrents of each group that the viewer sees, oldest first."""
        raise NotImplementedError

    async def edit_group(self, group: int, changes: Details) -> Group:
        """Change what is said about a group. Refusal: `invalid`, `not-found`."""
        raise NotImplementedError

    async def lock_group(self, group: int, *, locked: bool) -> Group:
        """Keep everyone but moderators from changing a group, or no longer. Refusal: `not-found`."""
        raise NotImplementedError

    async def merge_groups(self, group: int, into: int) -> Group:
        """Move every torrent, comment and bookmark of a group into another. Refusal: `not-found`, `invalid`."""
        raise NotImplementedError

    # Categories, tags, authors

    async def categories(self) -> tuple[Category, ...]:
        """Return every category, the nine first, ordered by id."""
        raise NotImplementedError

    async def add_category(self, name: str, parent: int, number: int | None = None) -> Category:
        """Add a category under one of the nine, with an id of the operator's choice. Refusal: `invalid`, `taken`."""
        raise NotImplementedError

    async def edit_category(self, category: int, changes: Details) -> Category:
        """Rename a category or move it under another of the nine. Refusal: `invalid`, `taken`, `not-found`, `fixed`."""
        raise NotImplementedError

    async def remove_category(self, category: int) -> None:
        """Drop a category that an operator added; its groups go to its parent. Refusal: `not-found`, `fixed`."""
        raise NotImplementedError

    async def tags(self, beginning: str, offset: int, limit: int) -> Page[Tag]:
        """Return tags by their beginning, most used first."""
        raise NotImplementedError

    async def tag(self, key: int | str) -> Tag | None:
        """Find a tag by its id, its name or an alias."""
        raise NotImplementedError

    async def alias_tag(self, alias: str, tag: str) -> Tag:
        """Make one tag another name of a second; groups that bore it bear that one. Refusal: `invalid`, `taken`."""
        raise NotImplementedError

    async def unalias_tag(self, alias: str) -> None:
        """Make an alias a word of its own again. Refusal: `not-found`."""
        raise NotImplementedError

    async def remove_tag(self, tag: int) -> None:
        """Take a tag from every group. Refusal: `not-found`."""
        raise NotImplementedError

    async def authors(self, beginning: str, offset: int, limit: int) -> Page[Author]:
        """Return authors by the beginning of their name, in its order."""
        raise NotImplementedError

    async def author(self, key: int | str) -> Author | None:
        """Find an author by id, or by name without regard to case."""
        raise NotImplementedError

    async def edit_author(self, author: int, changes: Details) -> Author:
        """Change what is said about an author. Refusal: `invalid`, `taken`, `not-found`."""
        raise NotImplementedError

    async def groups_of_author(
        self, author: int, viewer: Viewer, *, first_only: bool = False
    ) -> tuple[int, ...]:
        """Return the ids of an author's groups, newest first; `first_only` where the author comes first."""
        raise NotImplementedError

    # Comments

    async def comments(
        self, group: int, offset: int, limit: int, viewer: Viewer, *, newest_first: bool = False
    ) -> Page[Comment]:
        """Return the comments on a group, oldest first unless said otherwise."""
        raise NotImplementedError

    async def comment(self, comment: int, viewer: Viewer) -> Comment | None:
        """Find a comment."""
        raise NotImplementedError

    async def add_comment(self, group: int, author: int, body: str) -> Comment:
        """Say something about a group. Refusal: `invalid`, `not-found`."""
        raise NotImplementedError

    async def edit_comment(self, comment: int, body: str, editor: int) -> Comment:
        """Change a comment. Refusal: `invalid`, `not-found`."""
        raise NotImplementedError

    async def hide_comment(self, comment: int, *, hidden: bool) -> Comment:
        """Hide a comment, or no longer. Refusal: `not-found`."""
        raise NotImplementedError

    async def remove_comment(self, comment: int) -> None:
        """Drop a comment. Refusal: `not-found`."""
        raise NotImplementedError

    # Collages

    async def collages(self, offset: int, limit: int, viewer: Viewer, search: str = "") -> Page[Collage]:
        """Return collages whose name holds a text, newest first."""
        raise NotImplementedError

    async def collage(self, collage: int, viewer: Viewer) -> Collage | None:
        """Find a collage."""
        raise NotImplementedError

    async def add_collage(self, details: Details, creator: int) -> Collage:
        """Begin a collage. Refusal: `invalid`."""
        raise NotImplementedError

    async def edit_collage(self, collage: int, changes: Details) -> Collage:
        """Change what is said about a collage. Refusal: `invalid`, `not-found`."""
        raise NotImplementedError

    async def remove_collage(self, collage: int) -> None:
        """Drop a collage; its groups stay. Refusal: `not-found`."""
        raise NotImplementedError

    async def put_in_collage(self, collage: int, group: int, by: int) -> Collage:
        """Append a group to a collage, once. Refusal: `not-found`, `full`."""
        raise NotImplementedError

    async def take_from_collage(self, collage: int, group: int) -> Collage:
        """Take a group out of a collage. Refusal: `not-found`."""
        raise NotImplementedError

    # Bookmarks

    async def bookmark(self, user: int, kind: Bookmarked, target: int, *, on: bool) -> None:
        """Bookmark something, or no longer. Refusal: `not-found`, `full`."""
        raise NotImplementedError

    async def bookmarks(self, user: int, kind: Bookmarked, offset: int, limit: int) -> Page[int]:
        """Return the ids of what an account bookmarked, newest first."""
        raise NotImplementedError

    async def bookmarked(self, user: int | None, kind: Bookmarked, targets: Sequence[int]) -> frozenset[int]:
        """Return those of the targets that an account bookmarked; nobody bookmarked anything."""
        raise NotImplementedError

    # Moderation

    async def report(self, subject: Subject, target: int, reporter: int, reason: str) -> Report:
        """Tell the moderators of something. Refusal: `invalid`, `not-found`, `full`."""
        raise NotImplementedError

    async def reports(self, offset: int, limit: int, *, resolved: bool) -> Page[Report]:
        """Return reports, oldest first while they are open, else newest first."""
        raise NotImplementedError

    async def resolve(self, report: int, resolver: int, resolution: str) -> Report:
        """Close a report. Refusal: `invalid`, `not-found`."""
        raise NotImplementedError

    async def log(
        self, actor: int | None, verb: str, subject: Subject, target: str, detail: str = ""
    ) -> None:
        """Write a line of the moderators' log."""
        raise NotImplementedError

    async def deeds(self, offset: int, limit: int) -> Page[Deed]:
        """Return the moderators' log, newest first."""
        raise NotImplementedError

    # News

    async def news(self, offset: int, limit: int) -> Page[News]:
        """Return announcements, newest first."""
        raise NotImplementedError

    async def post_news(self, title: str, body: str, author: int) -> News:
        """Announce something. Refusal: `invalid`."""
        raise NotImplementedError

    async def remove_news(self, news: int) -> None:
        """Take an announcement back. Refusal: `not-found`."""
        raise NotImplementedError

    # Charts

    async def top_torrents(self, chart: str, limit: int) -> tuple[int, ...]:
        """Return the ids of a chart that everyone sees: `day`, `week`, `overall`, `snatched`, `data`, `seeded`."""
        raise NotImplementedError

    async def uploads_of(self, user: int) -> tuple[int, int]:
        """Return how many torrents and groups an account brought, those uploaded anonymously left out."""
        raise NotImplementedError

    async def top_uploaders(self, limit: int) -> tuple[tuple[int, int], ...]:
        """Return accounts by how many torrents they brought: pairs of id and count."""
        raise NotImplementedError
