"""Catalogue: torrents, groups, categories, tags, authors, comments, collages and moderation, over a store."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue import fields
from catalogue.categories import BUILTIN_CATEGORIES, UNSORTED
from catalogue.fields import invalid_field, validate
from catalogue.model import (
    NO_DETAILS,
    Author,
    BookmarkKind,
    CatalogueTotals,
    Category,
    Collage,
    Comment,
    Contents,
    Details,
    Group,
    LogEntry,
    MetainfoSummary,
    News,
    Page,
    ParsedRelease,
    Report,
    Subject,
    SwarmStats,
    Tag,
    Torrent,
    Viewer,
)
from catalogue.normalization import normalize_tag, normalize_tag_or_none, normalize_tag_prefix
from catalogue.store import UNRESTRICTED_VIEWER, CatalogueStore, TorrentChanges
from catalogue.text_cleaning import plain_line
from catalogue.upsert import TorrentUpsert, edit_decision, group_changes, requested_group

T = TypeVar("T")

_DAY = 86_400


class Catalogue:
    """Records of torrents and groups and what belongs to them, over a store; `clock` gives unix seconds.

    Hidden records are only found by a viewer who moderates, or who uploaded or wrote them. Changes are
    validated by `catalogue.fields`, raise Refusal "invalid" with the fields at fault, and are on disk when
    they return. Authorization is not checked here: that is `actions.curation`.
    """

    def __init__(self, store: CatalogueStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    # Torrents

    async def add_torrent(
        self,
        summary: MetainfoSummary,
        release: ParsedRelease,
        details: Details = NO_DETAILS,
        uploader: int | None = None,
    ) -> tuple[Torrent, bool]:
        """Add a torrent, in a group of its own unless `details` name one; return it, and whether it is new.

        A known one keeps its fields; without an owner it is claimed by `uploader` and takes the details.
        Refusal: `owned` when somebody else has it and an uploader is given, `invalid`, `group-locked`.
        """
        values = validate(details, fields.UPLOAD)
        upsert = TorrentUpsert(summary, release, values, uploader)
        number, new = await self._store.torrents.upsert(
            upsert.infohashes, requested_group(values), upsert.decide
        )
        return await self._torrent(number), new

    async def check_upload(self, summary: MetainfoSummary, details: Details, uploader: int | None) -> None:
        """Refuse what adding the torrent would refuse, before anything of an upload is stored."""
        values = validate(details, fields.UPLOAD)
        upsert = TorrentUpsert(summary, ParsedRelease("", UNSORTED), values, uploader)
        await self._store.torrents.check(upsert.infohashes, requested_group(values), upsert.decide)

    async def torrent(self, key: int | InfoHash, viewer: Viewer) -> Torrent | None:
        """Find a torrent by its id, or by any of its infohashes."""
        return await self._store.torrents.torrent(key, viewer)

    async def torrents(self, ids: Sequence[int], viewer: Viewer) -> list[Torrent]:
        """Return those of the torrents that the viewer sees, in the order of the ids."""
        return await self._store.torrents.torrents(ids, viewer)

    async def contents(self, torrent: int) -> Contents:
        """Return a torrent's files, trackers and web seeds."""
        return await self._store.torrents.contents(torrent)

    async def edit_torrent(self, torrent: int, changes: Details) -> Torrent:
        """Change a torrent and its group; `group_id` moves it. Refusal: `invalid`, `not-found`."""
        values = validate(changes, fields.UPLOAD)
        await self._store.torrents.change(
            torrent, requested_group(values), edit_decision(values, self._now())
        )
        return await self._torrent(torrent)

    async def remove_torrent(self, torrent: int) -> Torrent:
        """Delete a torrent's record, and its group with the last torrent. Refusal: `not-found`."""
        for removed in await self._store.torrents.remove([torrent]):
            return removed
        raise Refusal("not-found")

    async def mark_torrent(
        self, torrent: int, *, hidden: bool | None = None, locked: bool | None = None
    ) -> Torrent:
        """Hide or unhide, lock or unlock a torrent. Refusal: `not-found`."""
        marks = {"hidden": hidden, "locked": locked}
        changes = {name: value for name, value in marks.items() if value is not None}
        await self._store.torrents.change(torrent, None, lambda _known, _group: TorrentChanges(changes))
        return await self._torrent(torrent)

    async def remove_by_infohash(self, infohashes: Sequence[InfoHash]) -> list[Torrent]:
        """Delete the records of a torrent under any of its infohashes, because it is blocked; return them."""
        return await self._store.torrents.remove(infohashes)

    async def missing_contents(self, infohashes: Sequence[InfoHash]) -> list[InfoHash]:
        """Return the infohashes that have no held record with contents, in order."""
        return await self._store.torrents.missing_contents(infohashes)

    async def held(self, after: InfoHash | None, limit: int) -> list[InfoHash]:
        """Return infohashes above `after` of torrents that are marked as held by the cache, ascending."""
        return await self._store.torrents.held(after, limit)

    async def mark_not_held(self, infohashes: Sequence[InfoHash]) -> None:
        """Mark torrents as no longer held by the cache."""
        await self._store.torrents.mark_not_held(infohashes)

    async def update_swarm_stats(self, stats: Mapping[InfoHash, SwarmStats]) -> int:
        """Write swarm statistics to the torrents that have records; return how many changed."""
        return await self._store.statistics.update_swarm_stats(stats)

    async def totals(self) -> CatalogueTotals:
        """Count torrents, groups and authors."""
        return await self._store.statistics.totals()

    # Groups

    async def group(self, group: int, viewer: Viewer) -> Group | None:
        """Find a group of which the viewer sees a torrent."""
        for found in await self._store.torrents.groups([group], viewer):
            return found
        return None

    async def groups(self, ids: Sequence[int], viewer: Viewer) -> list[Group]:
        """Return those of the groups that the viewer sees, in the order of the ids."""
        return await self._store.torrents.groups(ids, viewer)

    async def torrents_of(self, groups: Sequence[int], viewer: Viewer) -> Mapping[int, tuple[Torrent, ...]]:
        """Return the torrents of each group that the viewer sees, oldest first."""
        return await self._store.torrents.torrents_of(groups, viewer)

    async def edit_group(self, group: int, changes: Details) -> Group:
        """Change a group. Refusal: `invalid`, `not-found`."""
        await self._store.torrents.change_group(group, group_changes(validate(changes, fields.GROUP)))
        return _found(await self.group(group, UNRESTRICTED_VIEWER))

    async def lock_group(self, group: int, *, locked: bool) -> Group:
        """Lock a group against changes by anyone but moderators, or unlock it. Refusal: `not-found`."""
        await self._store.torrents.change_group(group, TorrentChanges(group_values={"locked": locked}))
        return _found(await self.group(group, UNRESTRICTED_VIEWER))

    async def merge_groups(self, group: int, into: int) -> Group:
        """Move every torrent, comment and bookmark of a group into another. Refusal: `not-found`, `invalid`."""
        if group == into:
            raise invalid_field("into", "It names the group itself.")
        await self._store.torrents.merge(group, into)
        return _found(await self.group(into, UNRESTRICTED_VIEWER))

    # Categories, tags, authors

    async def categories(self) -> tuple[Category, ...]:
        """Return every category, the built-in ones first, ordered by id."""
        return await self._store.categories.all()

    async def add_category(self, name: str, parent: int, number: int | None = None) -> Category:
        """Add a category under a built-in one, with an id of the operator's choice. Refusal: `invalid`, `taken`."""
        given = {"name": name, "parent_id": parent} | ({} if number is None else {"number": number})
        values = validate(given, fields.CATEGORY)
        values.pop("number", None)
        return await self._category(await self._store.categories.add(number, values))

    async def edit_category(self, category: int, changes: Details) -> Category:
        """Rename or move a custom category. Refusal: `invalid`, `taken`, `not-found`, `fixed`."""
        values = validate(changes, fields.EDIT_CATEGORY)
        await self._custom_category(category)
        await self._store.categories.change(category, values)
        return await self._category(category)

    async def remove_category(self, category: int) -> None:
        """Delete a custom category; its groups move to its parent. Refusal: `not-found`, `fixed`."""
        parent = (await self._custom_category(category)).parent
        await self._store.categories.remove(category, parent or BUILTIN_CATEGORIES[UNSORTED])

    async def tags(self, prefix: str, offset: int, limit: int) -> Page[Tag]:
        """Return tags by prefix, most used first."""
        return await self._store.tags.tags(normalize_tag_prefix(prefix), offset, limit)

    async def tag(self, key: int | str) -> Tag | None:
        """Find a tag by its id, its name or an alias."""
        name = normalize_tag_or_none(key) if isinstance(key, str) else key
        return await self._store.tags.tag(name) if name is not None else None

    async def alias_tag(self, alias: str, tag: str) -> Tag:
        """Make one tag an alias of another; groups with the first get the second. Refusal: `invalid`, `taken`."""
        validate({"alias": alias, "tag": tag}, fields.TAG)
        return _found(await self.tag(await self._store.tags.alias(normalize_tag(alias), normalize_tag(tag))))

    async def unalias_tag(self, alias: str) -> None:
        """Make an alias a tag of its own again. Refusal: `not-found`."""
        await self._store.tags.unalias(normalize_tag_or_none(alias) or "")

    async def remove_tag(self, tag: int) -> None:
        """Remove a tag from every group. Refusal: `not-found`."""
        await self._store.tags.remove(tag)

    async def authors(self, prefix: str, offset: int, limit: int) -> Page[Author]:
        """Return authors by name prefix, ordered by name."""
        return await self._store.authors.authors(prefix, offset, limit)

    async def author(self, key: int | str) -> Author | None:
        """Find an author by id, or by name without regard to case."""
        return await self._store.authors.author(key)

    async def edit_author(self, author: int, changes: Details) -> Author:
        """Change an author. Refusal: `invalid`, `taken`, `not-found`."""
        await self._store.authors.change(author, validate(changes, fields.AUTHOR))
        return _found(await self.author(author))

    async def groups_of_author(
        self, author: int, viewer: Viewer, *, first_only: bool = False
    ) -> tuple[int, ...]:
        """Return the ids of an author's groups, newest first; `first_only` where the author comes first."""
        return await self._store.authors.groups_of(author, viewer, first_only=first_only)

    # Comments

    async def comments(
        self, group: int, offset: int, limit: int, viewer: Viewer, *, newest_first: bool = False
    ) -> Page[Comment]:
        """Return the comments on a group, oldest first by default."""
        return await self._store.comments.comments(group, offset, limit, viewer, newest_first=newest_first)

    async def comment(self, comment: int, viewer: Viewer) -> Comment | None:
        """Find a comment."""
        return await self._store.comments.comment(comment, viewer)

    async def add_comment(self, group: int, author: int, body: str) -> Comment:
        """Add a comment on a group. Refusal: `invalid`, `not-found`."""
        values = validate({"body": body}, fields.COMMENT)
        added = await self._store.comments.add_comment(group, author, str(values["body"]), self._now())
        return _found(await self.comment(added, UNRESTRICTED_VIEWER))

    async def edit_comment(self, comment: int, body: str, editor: int) -> Comment:
        """Change a comment. Refusal: `invalid`, `not-found`."""
        values = validate({"body": body}, fields.COMMENT)
        await self._store.comments.change_comment(
            comment, {**values, "edited": self._now(), "editor_id": editor}
        )
        return _found(await self.comment(comment, UNRESTRICTED_VIEWER))

    async def hide_comment(self, comment: int, *, hidden: bool) -> Comment:
        """Hide or unhide a comment. Refusal: `not-found`."""
        await self._store.comments.change_comment(comment, {"hidden": hidden})
        return _found(await self.comment(comment, UNRESTRICTED_VIEWER))

    async def remove_comment(self, comment: int) -> None:
        """Delete a comment. Refusal: `not-found`."""
        await self._store.comments.remove_comment(comment)

    # Collages

    async def collages(self, offset: int, limit: int, viewer: Viewer, search: str = "") -> Page[Collage]:
        """Return collages whose name contains a text, newest first."""
        return await self._store.collages.collages(offset, limit, viewer, search)

    async def collage(self, collage: int, viewer: Viewer) -> Collage | None:
        """Find a collage."""
        return await self._store.collages.collage(collage, viewer)

    async def add_collage(self, details: Details, creator: int) -> Collage:
        """Create a collage. Refusal: `invalid`."""
        values = validate(details, fields.COLLAGE, ["name"])
        number = await self._store.collages.add_collage(values, creator, self._now())
        return _found(await self.collage(number, UNRESTRICTED_VIEWER))

    async def edit_collage(self, collage: int, changes: Details) -> Collage:
        """Change a collage. Refusal: `invalid`, `not-found`."""
        await self._store.collages.change_collage(collage, validate(changes, fields.COLLAGE))
        return _found(await self.collage(collage, UNRESTRICTED_VIEWER))

    async def remove_collage(self, collage: int) -> None:
        """Delete a collage; its groups stay. Refusal: `not-found`."""
        await self._store.collages.remove_collage(collage)

    async def add_to_collage(self, collage: int, group: int, by: int) -> Collage:
        """Append a group to a collage unless it is there. Refusal: `not-found`, `full`."""
        await self._store.collages.add_group(collage, group, by, fields.MOST_IN_COLLAGE)
        return _found(await self.collage(collage, UNRESTRICTED_VIEWER))

    async def remove_from_collage(self, collage: int, group: int) -> Collage:
        """Remove a group from a collage. Refusal: `not-found`."""
        await self._store.collages.remove_group(collage, group)
        return _found(await self.collage(collage, UNRESTRICTED_VIEWER))

    # Bookmarks

    async def bookmark(self, user: int, kind: BookmarkKind, target: int, *, on: bool) -> None:
        """Add or remove a bookmark. Refusal: `not-found`, `full`."""
        if not on:
            return await self._store.collages.unbookmark(user, kind, target)
        return await self._store.collages.bookmark(user, kind, target, self._now(), fields.MOST_BOOKMARKS)

    async def bookmarks(self, user: int, kind: BookmarkKind, offset: int, limit: int) -> Page[int]:
        """Return the ids of what an account bookmarked, newest first."""
        return await self._store.collages.bookmarks(user, kind, offset, limit)

    async def bookmarked(
        self, user: int | None, kind: BookmarkKind, targets: Sequence[int]
    ) -> frozenset[int]:
        """Return those of the targets that an account bookmarked; none for None."""
        if user is None or not targets:
            return frozenset()
        return await self._store.collages.bookmarked(user, kind, targets)

    # Moderation

    async def report(self, subject: Subject, target: int, reporter: int, reason: str) -> Report:
        """Report something to the moderators. Refusal: `invalid`, `not-found`, `full`."""
        values = validate({"reason": reason}, fields.REPORT)
        number = await self._store.moderation.add_report(
            subject, target, reporter, str(values["reason"]), now=self._now(), most=fields.MOST_REPORTS
        )
        return _found(await self._store.moderation.report(number))

    async def reports(self, offset: int, limit: int, *, resolved: bool) -> Page[Report]:
        """Return open reports, oldest first, or resolved ones, newest first."""
        return await self._store.moderation.reports(offset, limit, resolved=resolved)

    async def resolve(self, report: int, resolver: int, resolution: str) -> Report:
        """Close a report. Refusal: `invalid`, `not-found`."""
        values = validate({"resolution": resolution}, fields.RESOLUTION)
        await self._store.moderation.resolve(report, resolver, str(values["resolution"]), self._now())
        return _found(await self._store.moderation.report(report))

    async def log(
        self, actor: int | None, verb: str, subject: Subject, target: str, detail: str = ""
    ) -> None:
        """Add an entry to the moderators' log."""
        values = {"verb": verb, "target": target, "detail": plain_line(detail, fields.LONGEST_REASON)}
        await self._store.moderation.add_log_entry(
            {**values, "time": self._now(), "account_id": actor, "subject": subject}
        )

    async def log_entries(self, offset: int, limit: int) -> Page[LogEntry]:
        """Return the moderators' log, newest first."""
        return await self._store.moderation.log_entries(offset, limit)

    async def news(self, offset: int, limit: int) -> Page[News]:
        """Return announcements, newest first."""
        return await self._store.comments.news(offset, limit)

    async def post_news(self, title: str, body: str, author: int) -> News:
        """Post an announcement. Refusal: `invalid`."""
        values = validate({"title": title, "body": body}, fields.NEWS)
        number = await self._store.comments.add_news({**values, "account_id": author, "added": self._now()})
        return _found(await self._store.comments.news_item(number))

    async def remove_news(self, news: int) -> None:
        """Delete an announcement. Refusal: `not-found`."""
        await self._store.comments.remove_news(news)

    # Charts

    async def top_torrents(self, chart: str, limit: int) -> tuple[int, ...]:
        """Return the ids of a public chart: `day`, `week`, `overall`, `snatched`, `data`, `seeded`."""
        span = _DAY if chart == "day" else 7 * _DAY
        return await self._store.statistics.top(chart, self._now() - span, limit)

    async def upload_counts(self, user: int) -> tuple[int, int]:
        """Count the torrents and groups that an account uploaded, without anonymous uploads."""
        return await self._store.statistics.upload_counts(user)

    async def top_uploaders(self, limit: int) -> tuple[tuple[int, int], ...]:
        """Return accounts by number of uploads: pairs of id and count."""
        return await self._store.statistics.top_uploaders(limit)

    def _now(self) -> int:
        return int(self._clock())

    async def _torrent(self, number: int) -> Torrent:
        return _found(await self.torrent(number, UNRESTRICTED_VIEWER))

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
