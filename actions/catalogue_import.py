"""Imports lines of a catalogue dump: each is merged into what is stored, and nothing is deleted.

Each line is one transaction or, for collages and bookmarks, one per group or target. A line that equals what is
stored changes nothing, so that a dump can be imported again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, cast

from accounts.erasure import ERASED_NAME
from accounts.fields import fold
from accounts.model import Role
from accounts.store import AccountStore
from actions.catalogue_dump_lines import CollageKey
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.catalogue import Catalogue
from catalogue.fields import AuthorChange, CollageChange, GroupChange, TorrentChange, table_of
from catalogue.model import BookmarkKind, Collage, Comment, Outcome
from catalogue.normalization import fold_name
from catalogue.store import UNRESTRICTED_VIEWER, CommentWrite, GroupWrite, TorrentWrite

LineValues = dict[str, Any]
_BATCH = 500
_MOST_ORPHANS = 100_000


_INDEPENDENT = {"torrent": "group", "group": "group", "author": "name"}


def independent_part(kind: str, line: Mapping[str, object]) -> object:
    """Return what a line changes, where lines of its kind that change something else may be merged beside it."""
    name = _INDEPENDENT.get(kind)
    return None if name is None else line[name]


class Blocklist(Protocol):
    """The blocklist."""

    def entering(self, torrent: Sequence[InfoHash]) -> AbstractAsyncContextManager[None]:
        """Refuse a torrent that is blocked before its record is written or during that. Refusal: `blocked`."""


class CatalogueImport:
    """The import of one dump. `clock` gives unix seconds."""

    def __init__(
        self, catalogue: Catalogue, accounts: AccountStore, blocks: Blocklist, clock: Callable[[], float]
    ) -> None:
        self._catalogue = catalogue
        self._store = catalogue.store
        self._accounts = accounts
        self._blocks = blocks
        self._clock = clock
        self._handlers: Mapping[str, Callable[[LineValues], Awaitable[Outcome]]] = {
            "account": self._account,
            "category": self._category,
            "tag": self._tag,
            "torrent": self._torrent,
            "group": self._group,
            "author": self._author,
            "comment": self._comment,
            "collage": self._collage,
            "news": self._news,
            **{f"bookmarks-{kind}": self._bookmarks(kind) for kind in BookmarkKind},
        }
        # Groups whose oldest torrent was refused here, by that torrent's hash.
        self._orphan_groups: dict[bytes, int] = {}
        self._category_ids: dict[int, int] = {}
        self._comments_cache: tuple[int, list[Comment]] = (0, [])
        self._collages: dict[CollageKey, Collage] | None = None
        self._known_news: set[tuple[int, int, str]] | None = None

    async def apply(self, kind: str, line: Mapping[str, object]) -> Outcome:
        """Merge a line into what is stored; return what became of it.

        Refusal, and nothing is changed: `not-found` for what the line names, `blocked`, `taken`, `invalid`.
        """
        return await self._handlers[kind](dict(line))

    async def _account(self, line: LineValues) -> Outcome:
        known = await self._accounts.user(fold(line["name"]))
        if known is not None:
            return Outcome.SAME
        made = await self._accounts.add(line["name"], fold(line["name"]), None, Role.USER, line["joined"])
        if made is None:
            return Outcome.SAME
        await self._accounts.set_enabled(made.id, enabled=False)
        return Outcome.NEW

    async def _category(self, line: LineValues) -> Outcome:
        for known in await self._store.categories.all():
            if fold_name(known.name) == fold_name(line["name"]):
                self._category_ids[line["number"]] = known.id
                return Outcome.SAME
        await self._catalogue.taxonomy.add_category(line["name"], line["parent_id"], line["number"])
        return Outcome.NEW

    async def _tag(self, line: LineValues) -> Outcome:
        outcome = Outcome.SAME
        for alias in line["aliases"]:
            known = await self._store.tags.tag(alias)
            if known is None or known.name != line["name"]:
                await self._catalogue.taxonomy.alias_tag(alias, line["name"])
                outcome = Outcome.CHANGED
        return outcome

    async def _torrent(self, line: LineValues) -> Outcome:
        infohash, alias, key = line["hash"], line["alias"], line["group"]
        async with self._blocks.entering([name for name in (infohash, alias) if name is not None]):
            group = None if key == infohash else await self._group_of(key)
            record = await self._record(line, group)
            torrent, outcome = await self._catalogue.torrents.restore(infohash, record)
        if group is None and key != infohash:
            self._remember_group(key, torrent.group.id)
        return outcome

    async def _record(self, line: LineValues, group: int | None) -> TorrentWrite:
        """Return the torrent of a line; without an alias or uploader it keeps its own."""
        optional: dict[str, Any] = {}
        if line["alias"] is not None:
            optional["alias"] = line["alias"]
        if line["uploader"] is not None:
            optional["uploader"] = await self._id_of(line["uploader"])
        taken = ("name", "root", "size", "private", "added", "updated", "hidden", "locked")
        return TorrentWrite(
            TorrentChange(**{name: line[name] for name in table_of(TorrentChange) if name in line}),
            group_id=group,
            infohash=line["hash"],
            file_count=line["files"],
            **{name: line[name] for name in taken},
            **optional,
        )

    def _remember_group(self, key: InfoHash, group: int) -> None:
        if len(self._orphan_groups) < _MOST_ORPHANS:
            self._orphan_groups.setdefault(key, group)

    async def _group(self, line: LineValues) -> Outcome:
        number = await self._require_group(line["group"])
        category = self._category_ids.get(line["category_id"], line["category_id"])
        values = {name: line[name] for name in table_of(GroupChange)}
        change = GroupChange(**{**values, "category_id": category})
        write = GroupWrite(change, locked=line["locked"], created=line["created"])
        return await self._catalogue.groups.restore(number, write)

    async def _author(self, line: LineValues) -> Outcome:
        known = await self._store.authors.author(fold_name(line["name"]))
        if known is None:
            raise Refusal("not-found")
        imported = AuthorChange(picture=line["picture"], description=line["description"])
        change = imported.differing(lambda name: getattr(known, name))
        if not change:
            return Outcome.SAME
        await self._catalogue.taxonomy.edit_author(known.id, change)
        return Outcome.CHANGED

    async def _comment(self, line: LineValues) -> Outcome:
        group, author = await self._require_group(line["group"]), await self._id_of(line["author"])
        editor = await self._id_of(line["editor"]) if line["editor"] is not None else None
        write = CommentWrite(line["body"], line["edited"], editor, line["hidden"])
        for known in await self._comments(group):
            if known.author.id == author and known.added == line["added"] and _same_comment(known, line):
                if (known.body, known.edited, known.hidden) == (write.body, write.edited, write.hidden):
                    return Outcome.SAME
                await self._catalogue.comments.write(known.id, write)
                self._comments_cache = (0, [])
                return Outcome.CHANGED
        await self._catalogue.comments.restore(group, author, line["added"], write)
        self._comments_cache = (0, [])
        return Outcome.NEW

    async def _comments(self, group: int) -> list[Comment]:
        """Return a group's comments, cached: lines of one group follow each other."""
        if self._comments_cache[0] != group:
            found: list[Comment] = []
            while items := (
                await self._store.comments.comments(
                    group, len(found), _BATCH, UNRESTRICTED_VIEWER, newest_first=False
                )
            ).items:
                found += items
            self._comments_cache = (group, found)
        return self._comments_cache[1]

    async def _collage(self, line: LineValues) -> Outcome:
        creator = await self._id_of(line["creator"])
        change = CollageChange(
            line["name"], line["description"], line["of"], locked=line["locked"], hidden=line["hidden"]
        )
        key = CollageKey(creator, line["created"], line["name"])
        known = (await self._known_collages()).get(key)
        outcome = Outcome.NEW if known is None else Outcome.SAME
        collages = self._catalogue.collages
        if known is None:
            number = (await collages.add(change, creator, line["created"])).id
        else:
            number, same = known.id, known
            if differing := change.differing(lambda name: getattr(same, name)):
                await collages.edit(number, differing)
                outcome = Outcome.CHANGED
        groups = [group for each in line["groups"] if (group := await self._group_of(each)) is not None]
        inside = frozenset(known.group_ids) if known is not None else frozenset()
        for group in groups:
            if group not in inside:
                await collages.add_group(number, group, creator)
                outcome = Outcome.NEW if known is None else Outcome.CHANGED
        if outcome is not Outcome.SAME:
            await self._cache_collage(key, number)
        return outcome

    async def _known_collages(self) -> dict[CollageKey, Collage]:
        if self._collages is None:
            self._collages, offset = {}, 0
            while items := (
                await self._store.collages.collages(offset, _BATCH, UNRESTRICTED_VIEWER, "")
            ).items:
                self._collages.update((_key_of(each), each) for each in items)
                offset += len(items)
        return self._collages

    async def _cache_collage(self, key: CollageKey, number: int) -> None:
        collage = await self._store.collages.collage(number, UNRESTRICTED_VIEWER)
        if collage is not None:
            (await self._known_collages())[key] = collage

    def _bookmarks(self, kind: BookmarkKind) -> Callable[[LineValues], Awaitable[Outcome]]:
        async def apply(line: LineValues) -> Outcome:
            user = await self._id_of(line["account"])
            found = [await self._target(kind, each) for each in line["targets"]]
            targets = [target for target in found if target is not None]
            known = await self._store.collages.bookmarked(user, kind, targets)
            missing = [target for target in targets if target not in known]
            # The oldest comes first; a second between any two keeps their order.
            first = int(self._clock()) - len(missing)
            for at, target in enumerate(missing, start=1):
                await self._catalogue.collages.bookmark(user, kind, target, on=True, at=first + at)
            return Outcome.CHANGED if missing else Outcome.SAME

        return apply

    async def _target(self, kind: BookmarkKind, name: object) -> int | None:
        if kind is BookmarkKind.TORRENT:
            torrent = await self._store.torrents.torrent(cast("InfoHash", name), UNRESTRICTED_VIEWER)
            return torrent.id if torrent is not None else None
        if kind is BookmarkKind.GROUP:
            return await self._group_of(cast("InfoHash", name))
        if kind is BookmarkKind.AUTHOR:
            author = await self._store.authors.author(fold_name(str(name)))
            return author.id if author is not None else None
        creator, created, title = cast("tuple[str, int, str]", name)
        key = CollageKey(await self._id_of(creator), created, title)
        collage = (await self._known_collages()).get(key)
        return collage.id if collage is not None else None

    async def _news(self, line: LineValues) -> Outcome:
        author = await self._id_of(line["author"])
        if self._known_news is None:
            self._known_news, offset = set(), 0
            while items := (await self._store.comments.news(offset, _BATCH)).items:
                self._known_news.update((each.author.id, each.added, each.title) for each in items)
                offset += len(items)
        key = (author, line["added"], line["title"])
        if key in self._known_news:
            return Outcome.SAME
        await self._catalogue.comments.post_news(line["title"], line["body"], author, line["added"])
        self._known_news.add(key)
        return Outcome.NEW

    async def _id_of(self, name: str) -> int:
        user = await self._accounts.user(fold(name))
        if user is None and name == ERASED_NAME:
            user = await self._accounts.add(ERASED_NAME, ERASED_NAME, None, Role.USER, 0)
            if user is not None:
                await self._accounts.set_enabled(user.id, enabled=False)
        if user is None:
            raise Refusal("not-found", f"there is no account {name}")
        return user.id

    async def _group_of(self, key: InfoHash) -> int | None:
        torrent = await self._store.torrents.torrent(key, UNRESTRICTED_VIEWER)
        return torrent.group.id if torrent is not None else self._orphan_groups.get(key)

    async def _require_group(self, key: InfoHash) -> int:
        group = await self._group_of(key)
        if group is None:
            raise Refusal("not-found")
        return group


def _same_comment(known: Comment, line: LineValues) -> bool:
    """Tell whether a comment of the same author and second is the one of the line, or an earlier version of it."""
    return bool(known.body == line["body"] or (line["edited"] is not None and known.edited != line["edited"]))


def _key_of(collage: Collage) -> CollageKey:
    return CollageKey(collage.creator.id, collage.created, collage.name)
