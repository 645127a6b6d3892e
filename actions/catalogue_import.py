"""Imports lines of a catalogue dump: each is merged into what is stored, and nothing is deleted.

Each line is one transaction or, for collages and bookmarks, one per group or target. A line that equals what is
stored changes nothing, so that a dump can be imported again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, cast

from accounts.fields import fold
from accounts.model import Role
from accounts.store import AccountStore
from actions.catalogue_dump_lines import CollageKey
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue import fields
from catalogue.categories import BUILTIN_CATEGORIES, UNSORTED
from catalogue.model import BookmarkKind, Collage, Comment, Group, Torrent
from catalogue.normalization import fold_name
from catalogue.store import UNRESTRICTED_VIEWER, CatalogueStore, TorrentChanges, Values, WriteDecision

LineValues = dict[str, Any]
NEW, CHANGED, SAME = "new", "changed", "same"
_BATCH = 500
_MOST_ORPHANS = 100_000
_FILE_FACTS = ("name", "root", "size", "private", "file_count")
_COUNTS: Values = {"held": 0, "seeders": 0, "leechers": 0, "snatched": 0}
_TEXT_COLUMNS = ("description", "picture", "organism", "strain", "accession", "lab", "location")


class Blocklist(Protocol):
    """The blocklist."""

    async def refuse_blocked_hash(self, infohash: InfoHash) -> None:
        """Refuse a torrent that is blocked. Refusal: `blocked`."""


class CatalogueImport:
    """The import of one dump. `clock` gives unix seconds."""

    def __init__(
        self, store: CatalogueStore, accounts: AccountStore, blocks: Blocklist, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._blocks = blocks
        self._clock = clock
        self._handlers: Mapping[str, Callable[[LineValues], Awaitable[str]]] = {
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

    async def apply(self, kind: str, line: Mapping[str, object]) -> str:
        """Merge a line into what is stored; return "new", "changed" or "same".

        Refusal, and nothing is changed: `not-found` for what the line names, `blocked`, `taken`, `invalid`.
        """
        return await self._handlers[kind](dict(line))

    async def _account(self, line: LineValues) -> str:
        known = await self._accounts.user(fold(line["name"]))
        if known is not None:
            return SAME
        made = await self._accounts.add(line["name"], fold(line["name"]), None, Role.USER, line["joined"])
        if made is None:
            return SAME
        await self._accounts.set_enabled(made.id, enabled=False)
        return NEW

    async def _category(self, line: LineValues) -> str:
        number = line.pop("number")
        for known in await self._store.categories.all():
            if fold_name(known.name) == fold_name(line["name"]):
                self._category_ids[number] = known.id
                return SAME
        await self._store.categories.add(number, line)
        return NEW

    async def _tag(self, line: LineValues) -> str:
        outcome = SAME
        for alias in line["aliases"]:
            known = await self._store.tags.tag(alias)
            if known is None or known.name != line["name"]:
                await self._store.tags.alias(alias, line["name"])
                outcome = CHANGED
        return outcome

    async def _torrent(self, line: LineValues) -> str:
        infohash, alias, key = line.pop("hash"), line.pop("alias"), line.pop("group")
        names = [name for name in (infohash, alias) if name is not None]
        await self._refuse_blocked(names)
        values = await self._values(line, alias)
        group = None if key == infohash else await self._group_of(key)
        known = await self._store.torrents.torrent(infohash, UNRESTRICTED_VIEWER)
        orphaned = group is None and key != infohash
        if known is not None:
            if orphaned:
                self._remember_group(key, known.group.id)
            if not _differences(known, values, group):
                return SAME
        decision = _upsert({**values, "infohash": infohash}, group)
        number, new = await self._store.torrents.upsert(names, group, decision)
        try:
            # A block that was set meanwhile found nothing to remove.
            await self._refuse_blocked(names)
        except Refusal:
            await self._store.torrents.remove([number])
            raise
        if known is None and orphaned:
            await self._find_orphan(key, number)
        return NEW if new else CHANGED

    async def _values(self, line: LineValues, alias: InfoHash | None) -> LineValues:
        uploader = line.pop("uploader")
        values = {**line, "file_count": line.pop("files")}
        del values["files"]
        if alias is not None:
            values["alias"] = alias
        if uploader is not None:
            values["uploader_id"] = await self._id_of(uploader)
        return values

    async def _find_orphan(self, key: InfoHash, number: int) -> None:
        for torrent in await self._store.torrents.torrents([number], UNRESTRICTED_VIEWER):
            self._remember_group(key, torrent.group.id)

    def _remember_group(self, key: InfoHash, group: int) -> None:
        if len(self._orphan_groups) < _MOST_ORPHANS:
            self._orphan_groups.setdefault(key, group)

    async def _group(self, line: LineValues) -> str:
        number = await self._require_group(line.pop("group"))
        tags, authors = line.pop("tags"), line.pop("authors")
        line["category_id"] = self._category_ids.get(line["category_id"], line["category_id"])
        (known,) = await self._store.torrents.groups([number], UNRESTRICTED_VIEWER)
        changed = {name: value for name, value in line.items() if _of_group(known, name) != value}
        writing = TorrentChanges(
            group_values=changed,
            tags=None if set(tags) == set(known.tags) else tags,
            authors=None if list(authors) == [author.name for author in known.authors] else authors,
        )
        if writing == TorrentChanges():
            return SAME
        await self._store.torrents.change_group(number, writing)
        return CHANGED

    async def _author(self, line: LineValues) -> str:
        known = await self._store.authors.author(fold_name(line["name"]))
        if known is None:
            raise Refusal("not-found")
        changed = {
            name: line[name] for name in ("picture", "description") if getattr(known, name) != line[name]
        }
        if not changed:
            return SAME
        await self._store.authors.change(known.id, changed)
        return CHANGED

    async def _comment(self, line: LineValues) -> str:
        group, author = await self._require_group(line["group"]), await self._id_of(line["author"])
        editor = await self._id_of(line["editor"]) if line["editor"] is not None else None
        details = {"edited": line["edited"], "editor_id": editor, "hidden": line["hidden"]}
        for known in await self._comments(group):
            if known.author.id == author and known.added == line["added"] and _same_comment(known, line):
                known_values = {"body": known.body, "edited": known.edited, "hidden": known.hidden}
                if known_values == {name: line[name] for name in known_values}:
                    return SAME
                await self._store.comments.change_comment(known.id, {**details, "body": line["body"]})
                self._comments_cache = (0, [])
                return CHANGED
        await self._store.comments.add_comment(group, author, line["body"], line["added"], details)
        self._comments_cache = (0, [])
        return NEW

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

    async def _collage(self, line: LineValues) -> str:
        creator = await self._id_of(line.pop("creator"))
        created, keys = line.pop("created"), line.pop("groups")
        line["kind"] = line.pop("of")
        key = CollageKey(creator, created, line["name"])
        known = (await self._known_collages()).get(key)
        outcome = NEW if known is None else SAME
        if known is None:
            number = await self._store.collages.add_collage(line, creator, created)
        else:
            number = known.id
            if changed := {name: value for name, value in line.items() if getattr(known, name) != value}:
                await self._store.collages.change_collage(number, changed)
                outcome = CHANGED
        groups = [group for each in keys if (group := await self._group_of(each)) is not None]
        inside = frozenset(known.group_ids) if known is not None else frozenset()
        for group in groups:
            if group not in inside:
                await self._store.collages.add_group(number, group, creator, fields.MOST_IN_COLLAGE)
                outcome = NEW if known is None else CHANGED
        if outcome != SAME:
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

    def _bookmarks(self, kind: BookmarkKind) -> Callable[[LineValues], Awaitable[str]]:
        async def apply(line: LineValues) -> str:
            user = await self._id_of(line["account"])
            found = [await self._target(kind, each) for each in line["targets"]]
            targets = [target for target in found if target is not None]
            known = await self._store.collages.bookmarked(user, kind, targets)
            missing = [target for target in targets if target not in known]
            # The oldest comes first; a second between any two keeps their order.
            first = int(self._clock()) - len(missing)
            for at, target in enumerate(missing, start=1):
                await self._store.collages.bookmark(user, kind, target, first + at, fields.MOST_BOOKMARKS)
            return CHANGED if missing else SAME

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

    async def _news(self, line: LineValues) -> str:
        author = await self._id_of(line.pop("author"))
        if self._known_news is None:
            self._known_news, offset = set(), 0
            while items := (await self._store.comments.news(offset, _BATCH)).items:
                self._known_news.update((each.author.id, each.added, each.title) for each in items)
                offset += len(items)
        key = (author, line["added"], line["title"])
        if key in self._known_news:
            return SAME
        await self._store.comments.add_news({**line, "account_id": author})
        self._known_news.add(key)
        return NEW

    async def _id_of(self, name: str) -> int:
        user = await self._accounts.user(fold(name))
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

    async def _refuse_blocked(self, names: Sequence[InfoHash]) -> None:
        for name in names:
            await self._blocks.refuse_blocked_hash(name)


def _upsert(values: LineValues, group: int | None) -> WriteDecision:
    """Return the decision that updates a torrent, or inserts it, in a group of its own unless one is given."""

    def decide(known: Torrent | None, _: Group | None) -> TorrentChanges:
        if known is not None:
            return TorrentChanges(_differences(known, values, group), group)
        work = {
            **dict.fromkeys(_TEXT_COLUMNS, ""),
            **dict.fromkeys(("year", "season", "imdb")),
            "name": values["title"],
            "category_id": BUILTIN_CATEGORIES[UNSORTED],
            "locked": 0,
            "created": values["added"],
        }
        whole = {"alias": None, "uploader_id": None, **_COUNTS, **values}
        return TorrentChanges(whole, group, work if group is None else {})

    return decide


def _differences(known: Torrent, values: LineValues, group: int | None) -> dict[str, object]:
    """Return the values that differ from a torrent's; where its file is held, facts of the file are left out."""
    changed = {
        name: value
        for name, value in values.items()
        if not (known.held and name in _FILE_FACTS) and _of_torrent(known, name) != value
    }
    if group not in (None, known.group.id):
        changed["work_id"] = group
    return changed


def _of_torrent(torrent: Torrent, name: str) -> object:
    if name == "uploader_id":
        return torrent.uploader.id if torrent.uploader is not None else None
    return getattr(torrent, name)


def _of_group(group: Group, name: str) -> object:
    return group.category.id if name == "category_id" else getattr(group, name)


def _same_comment(known: Comment, line: LineValues) -> bool:
    """Tell whether a comment of the same author and second is the one of the line, or an earlier version of it."""
    return bool(known.body == line["body"] or (line["edited"] is not None and known.edited != line["edited"]))


def _key_of(collage: Collage) -> CollageKey:
    return CollageKey(collage.creator.id, collage.created, collage.name)
