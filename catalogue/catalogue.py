"""Catalogue: torrents, groups, categories, tags, authors, comments, collages and moderation, over a store."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue import fields
from catalogue.categories import NINE, UNSORTED
from catalogue.entering import TorrentUpsert, edit_decision, group_changes, requested_group
from catalogue.fields import check, refused
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
from catalogue.shelf import ALL, Shelf, Writing
from catalogue.spelling import beginning_of, spelled_tag, tag_of
from catalogue.texts import plain_line

T = TypeVar("T")

_DAY = 86_400


class Catalogue:
    """Records of torrents and groups and what belongs to them, over a store; `clock` gives unix seconds.

    Hidden records are only found by a viewer who moderates, or who uploaded or wrote them. Changes are
    validated by `catalogue.fields`, raise Refusal "invalid" with the fields at fault, and are on disk when
    they return. Authorization is not checked here: that is `actions.curation`.
    """

    def __init__(self, shelf: Shelf, clock: Callable[[], float]) -> None:
        self._shelf = shelf
        self._clock = clock

    # Torrents

    async def enter(
        self, summary: Sheet, release: Reading, details: Details = NO_DETAILS, uploader: int | None = None
    ) -> tuple[Torrent, bool]:
        """Add a torrent, in a group of its own unless `details` name one; return it, and whether it is new.

        A known one keeps its fields; without an owner it is claimed by `uploader` and takes the details.
        Refusal: `owned` when somebody else has it and an uploader is given, `invalid`, `group-locked`.
        """
        values = check(details, fields.UPLOAD)
        upsert = TorrentUpsert(summary, release, values, uploader)
        number, new = await self._shelf.works.enter(upsert.infohashes, requested_group(values), upsert.decide)
        return await self._torrent(number), new

    async def foresee(self, summary: Sheet, details: Details, uploader: int | None) -> None:
        """Refuse what adding the torrent would refuse, before anything of an upload is stored."""
        values = check(details, fields.UPLOAD)
        upsert = TorrentUpsert(summary, Reading("", UNSORTED), values, uploader)
        await self._shelf.works.decide(upsert.infohashes, requested_group(values), upsert.decide)

    async def torrent(self, key: int | InfoHash, viewer: Viewer) -> Torrent | None:
        """Find a torrent by its id, or by any of its infohashes."""
        return await self._shelf.works.torrent(key, viewer)

    async def torrents(self, ids: Sequence[int], viewer: Viewer) -> list[Torrent]:
        """Return those of the torrents that the viewer sees, in the order of the ids."""
        return await self._shelf.works.torrents(ids, viewer)

    async def contents(self, torrent: int) -> Contents:
        """Return a torrent's files, trackers and web seeds."""
        return await self._shelf.works.contents(torrent)

    async def edit_torrent(self, torrent: int, changes: Details) -> Torrent:
        """Change a torrent and its group; `group_id` moves it. Refusal: `invalid`, `not-found`."""
        values = check(changes, fields.UPLOAD)
        await self._shelf.works.change(torrent, requested_group(values), edit_decision(values, self._now()))
        return await self._torrent(torrent)

    async def remove_torrent(self, torrent: int) -> Torrent:
        """Delete a torrent's record, and its group with the last torrent. Refusal: `not-found`."""
        for removed in await self._shelf.works.remove([torrent]):
            return removed
        raise Refusal("not-found")

    async def mark_torrent(
        self, torrent: int, *, hidden: bool | None = None, locked: bool | None = None
    ) -> Torrent:
        """Hide or unhide, lock or unlock a torrent. Refusal: `not-found`."""
        marks = {"hidden": hidden, "locked": locked}
        changes = {name: value for name, value in marks.items() if value is not None}
        await self._shelf.works.change(torrent, None, lambda _known, _group: Writing(changes))
        return await self._torrent(torrent)

    async def forget(self, infohashes: Sequence[InfoHash]) -> list[Torrent]:
        """Delete the records of a torrent under any of its infohashes, because it is blocked; return them."""
        return await self._shelf.works.remove(infohashes)

    async def lacking(self, infohashes: Sequence[InfoHash]) -> list[InfoHash]:
        """Return the infohashes that have no held record with contents, in order."""
        return await self._shelf.works.lacking(infohashes)

    async def held(self, after: InfoHash | None, limit: int) -> list[InfoHash]:
        """Return infohashes above `after` of torrents that are marked as held by the cache, ascending."""
        return await self._shelf.works.held(after, limit)

    async def unhold(self, infohashes: Sequence[InfoHash]) -> None:
        """Mark torrents as no longer held by the cache."""
        await self._shelf.works.unhold(infohashes)

    async def refresh(self, stats: Mapping[InfoHash, Figures]) -> int:
        """Write swarm statistics to the torrents that have records; return how many changed."""
        return await self._shelf.charts.refresh(stats)

    async def totals(self) -> Totals:
        """Count torrents, groups and authors."""
        return await self._shelf.charts.totals()

    # Groups

    async def group(self, group: int, viewer: Viewer) -> Group | None:
        """Find a group of which the viewer sees a torrent."""
        for found in await self._shelf.works.groups([group], viewer):
            return found
        return None

    async def groups(self, ids: Sequence[int], viewer: Viewer) -> list[Group]:
        """Return those of the groups that the viewer sees, in the order of the ids."""
        return await self._shelf.works.groups(ids, viewer)

    async def torrents_of(self, groups: Sequence[int], viewer: Viewer) -> Mapping[int, tuple[Torrent, ...]]:
        """Return the torrents of each group that the viewer sees, oldest first."""
        return await self._shelf.works.torrents_of(groups, viewer)

    async def edit_group(self, group: int, changes: Details) -> Group:
        """Change a group. Refusal: `invalid`, `not-found`."""
        await self._shelf.works.change_group(group, group_changes(check(changes, fields.GROUP)))
        return _found(await self.group(group, ALL))

    async def lock_group(self, group: int, *, locked: bool) -> Group:
        """Lock a group against changes by anyone but moderators, or unlock it. Refusal: `not-found`."""
        await self._shelf.works.change_group(group, Writing(work={"locked": locked}))
        return _found(await self.group(group, ALL))

    async def merge_groups(self, group: int, into: int) -> Group:
        """Move every torrent, comment and bookmark of a group into another. Refusal: `not-found`, `invalid`."""
        if group == into:
            raise refused("into", "It names the group itself.")
        await self._shelf.works.merge(group, into)
        return _found(await self.group(into, ALL))

    # Categories, tags, authors

    async def categories(self) -> tuple[Category, ...]:
        """Return every category, the built-in ones first, ordered by id."""
        return await self._shelf.categories.all()

    async def add_category(self, name: str, parent: int, number: int | None = None) -> Category:
        """Add a category under a built-in one, with an id of the operator's choice. Refusal: `invalid`, `taken`."""
        given = {"name": name, "parent_id": parent} | ({} if number is None else {"number": number})
        values = check(given, fields.CATEGORY)
        values.pop("number", None)
        return await self._category(await self._shelf.categories.add(number, values))

    async def edit_category(self, category: int, changes: Details) -> Category:
        """Rename or move a custom category. Refusal: `invalid`, `taken`, `not-found`, `fixed`."""
        values = check(changes, fields.EDIT_CATEGORY)
        await self._custom_category(category)
        await self._shelf.categories.change(category, values)
        return await self._category(category)

    async def remove_category(self, category: int) -> None:
        """Delete a custom category; its groups move to its parent. Refusal: `not-found`, `fixed`."""
        parent = (await self._custom_category(category)).parent
        await self._shelf.categories.remove(category, parent or NINE[UNSORTED])

    async def tags(self, prefix: str, offset: int, limit: int) -> Page[Tag]:
        """Return tags by prefix, most used first."""
        return await self._shelf.tags.tags(beginning_of(prefix), offset, limit)

    async def tag(self, key: int | str) -> Tag | None:
        """Find a tag by its id, its name or an alias."""
        name = spelled_tag(key) if isinstance(key, str) else key
        return await self._shelf.tags.tag(name) if name is not None else None

    async def alias_tag(self, alias: str, tag: str) -> Tag:
        """Make one tag an alias of another; groups with the first get the second. Refusal: `invalid`, `taken`."""
        check({"alias": alias, "tag": tag}, fields.TAG)
        return _found(await self.tag(await self._shelf.tags.alias(tag_of(alias), tag_of(tag))))

    async def unalias_tag(self, alias: str) -> None:
        """Make an alias a tag of its own again. Refusal: `not-found`."""
        await self._shelf.tags.unalias(spelled_tag(alias) or "")

    async def remove_tag(self, tag: int) -> None:
        """Remove a tag from every group. Refusal: `not-found`."""
        await self._shelf.tags.remove(tag)

    async def authors(self, prefix: str, offset: int, limit: int) -> Page[Author]:
        """Return authors by name prefix, ordered by name."""
        return await self._shelf.authors.authors(prefix, offset, limit)

    async def author(self, key: int | str) -> Author | None:
        """Find an author by id, or by name without regard to case."""
        return await self._shelf.authors.author(key)

    async def edit_author(self, author: int, changes: Details) -> Author:
        """Change an author. Refusal: `invalid`, `taken`, `not-found`."""
        await self._shelf.authors.change(author, check(changes, fields.AUTHOR))
        return _found(await self.author(author))

    async def groups_of_author(
        self, author: int, viewer: Viewer, *, first_only: bool = False
    ) -> tuple[int, ...]:
        """Return the ids of an author's groups, newest first; `first_only` where the author comes first."""
        return await self._shelf.authors.groups_of(author, viewer, first_only=first_only)

    # Comments

    async def comments(
        self, group: int, offset: int, limit: int, viewer: Viewer, *, newest_first: bool = False
    ) -> Page[Comment]:
        """Return the comments on a group, oldest first by default."""
        return await self._shelf.remarks.comments(group, offset, limit, viewer, newest_first=newest_first)

    async def comment(self, comment: int, viewer: Viewer) -> Comment | None:
        """Find a comment."""
        return await self._shelf.remarks.comment(comment, viewer)

    async def add_comment(self, group: int, author: int, body: str) -> Comment:
        """Add a comment on a group. Refusal: `invalid`, `not-found`."""
        values = check({"body": body}, fields.COMMENT)
        added = await self._shelf.remarks.add_comment(group, author, str(values["body"]), self._now())
        return _found(await self.comment(added, ALL))

    async def edit_comment(self, comment: int, body: str, editor: int) -> Comment:
        """Change a comment. Refusal: `invalid`, `not-found`."""
        values = check({"body": body}, fields.COMMENT)
        await self._shelf.remarks.change_comment(
            comment, {**values, "edited": self._now(), "editor_id": editor}
        )
        return _found(await self.comment(comment, ALL))

    async def hide_comment(self, comment: int, *, hidden: bool) -> Comment:
        """Hide or unhide a comment. Refusal: `not-found`."""
        await self._shelf.remarks.change_comment(comment, {"hidden": hidden})
        return _found(await self.comment(comment, ALL))

    async def remove_comment(self, comment: int) -> None:
        """Delete a comment. Refusal: `not-found`."""
        await self._shelf.remarks.remove_comment(comment)

    # Collages

    async def collages(self, offset: int, limit: int, viewer: Viewer, search: str = "") -> Page[Collage]:
        """Return collages whose name contains a text, newest first."""
        return await self._shelf.collages.collages(offset, limit, viewer, search)

    async def collage(self, collage: int, viewer: Viewer) -> Collage | None:
        """Find a collage."""
        return await self._shelf.collages.collage(collage, viewer)

    async def add_collage(self, details: Details, creator: int) -> Collage:
        """Create a collage. Refusal: `invalid`."""
        values = check(details, fields.COLLAGE, ["name"])
        number = await self._shelf.collages.add_collage(values, creator, self._now())
        return _found(await self.collage(number, ALL))

    async def edit_collage(self, collage: int, changes: Details) -> Collage:
        """Change a collage. Refusal: `invalid`, `not-found`."""
        await self._shelf.collages.change_collage(collage, check(changes, fields.COLLAGE))
        return _found(await self.collage(collage, ALL))

    async def remove_collage(self, collage: int) -> None:
        """Delete a collage; its groups stay. Refusal: `not-found`."""
        await self._shelf.collages.remove_collage(collage)

    async def put_in_collage(self, collage: int, group: int, by: int) -> Collage:
        """Append a group to a collage unless it is there. Refusal: `not-found`, `full`."""
        await self._shelf.collages.put(collage, group, by, fields.MOST_IN_COLLAGE)
        return _found(await self.collage(collage, ALL))

    async def take_from_collage(self, collage: int, group: int) -> Collage:
        """Remove a group from a collage. Refusal: `not-found`."""
        await self._shelf.collages.take(collage, group)
        return _found(await self.collage(collage, ALL))

    # Bookmarks

    async def bookmark(self, user: int, kind: Bookmarked, target: int, *, on: bool) -> None:
        """Add or remove a bookmark. Refusal: `not-found`, `full`."""
        if not on:
            return await self._shelf.collages.unbookmark(user, kind, target)
        return await self._shelf.collages.bookmark(user, kind, target, self._now(), fields.MOST_BOOKMARKS)

    async def bookmarks(self, user: int, kind: Bookmarked, offset: int, limit: int) -> Page[int]:
        """Return the ids of what an account bookmarked, newest first."""
        return await self._shelf.collages.bookmarks(user, kind, offset, limit)

    async def bookmarked(self, user: int | None, kind: Bookmarked, targets: Sequence[int]) -> frozenset[int]:
        """Return those of the targets that an account bookmarked; none for None."""
        if user is None or not targets:
            return frozenset()
        return await self._shelf.collages.bookmarked(user, kind, targets)

    # Moderation

    async def report(self, subject: Subject, target: int, reporter: int, reason: str) -> Report:
        """Report something to the moderators. Refusal: `invalid`, `not-found`, `full`."""
        values = check({"reason": reason}, fields.REPORT)
        number = await self._shelf.cases.add_report(
            subject, target, reporter, str(values["reason"]), now=self._now(), most=fields.MOST_REPORTS
        )
        return _found(await self._shelf.cases.report(number))

    async def reports(self, offset: int, limit: int, *, resolved: bool) -> Page[Report]:
        """Return open reports, oldest first, or resolved ones, newest first."""
        return await self._shelf.cases.reports(offset, limit, resolved=resolved)

    async def resolve(self, report: int, resolver: int, resolution: str) -> Report:
        """Close a report. Refusal: `invalid`, `not-found`."""
        values = check({"resolution": resolution}, fields.RESOLUTION)
        await self._shelf.cases.resolve(report, resolver, str(values["resolution"]), self._now())
        return _found(await self._shelf.cases.report(report))

    async def log(
        self, actor: int | None, verb: str, subject: Subject, target: str, detail: str = ""
    ) -> None:
        """Add an entry to the moderators' log."""
        values = {"verb": verb, "target": target, "detail": plain_line(detail, fields.LONGEST_REASON)}
        await self._shelf.cases.log({**values, "time": self._now(), "account_id": actor, "subject": subject})

    async def deeds(self, offset: int, limit: int) -> Page[Deed]:
        """Return the moderators' log, newest first."""
        return await self._shelf.cases.deeds(offset, limit)

    async def news(self, offset: int, limit: int) -> Page[News]:
        """Return announcements, newest first."""
        return await self._shelf.remarks.news(offset, limit)

    async def post_news(self, title: str, body: str, author: int) -> News:
        """Post an announcement. Refusal: `invalid`."""
        values = check({"title": title, "body": body}, fields.NEWS)
        number = await self._shelf.remarks.add_news({**values, "account_id": author, "added": self._now()})
        return _found(await self._shelf.remarks.one_news(number))

    async def remove_news(self, news: int) -> None:
        """Delete an announcement. Refusal: `not-found`."""
        await self._shelf.remarks.remove_news(news)

    # Charts

    async def top_torrents(self, chart: str, limit: int) -> tuple[int, ...]:
        """Return the ids of a public chart: `day`, `week`, `overall`, `snatched`, `data`, `seeded`."""
        span = _DAY if chart == "day" else 7 * _DAY
        return await self._shelf.charts.top(chart, self._now() - span, limit)

    async def uploads_of(self, user: int) -> tuple[int, int]:
        """Count the torrents and groups that an account uploaded, without anonymous uploads."""
        return await self._shelf.charts.uploads_of(user)

    async def top_uploaders(self, limit: int) -> tuple[tuple[int, int], ...]:
        """Return accounts by number of uploads: pairs of id and count."""
        return await self._shelf.charts.top_uploaders(limit)

    def _now(self) -> int:
        return int(self._clock())

    async def _torrent(self, number: int) -> Torrent:
        return _found(await self.torrent(number, ALL))

    async def _category(self, number: int) -> Category:
        return _found(next((each for each in await self.categories() if each.id == number), None))

    async def _custom_category(self, number: int) -> Category:
        category = await self._category(number)
        if category.parent is None:
            raise Refusal("fixed")
        return category


def _found(value: T | None) -> T:
    if value is None:
        raise Refusal("not-found")  # deleted in the meantime
    return value
