"""Hides what a line of a written catalogue changes: what it says is laid over what is known, and nothing is dropped.

Each line is one change or, for collages and bookmarks, one for each thing that they name. A line that says what is
known already changes nothing, so that a file can be read again.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, cast

from accounts.fields import fold
from accounts.model import Role
from accounts.store import AccountStore
from actions.transcript_lines import CollageKey
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue import fields
from catalogue.categories import NINE, UNSORTED
from catalogue.model import Bookmarked, Collage, Comment, Group, Torrent
from catalogue.shelf import ALL, Decision, Shelf, Values, Writing
from catalogue.spelling import folded

Said = dict[str, Any]
NEW, CHANGED, SAME = "new", "changed", "same"
_BATCH = 500
_MOST_STRAYS = 100_000
_FACTS = ("name", "root", "size", "private", "file_count")
_COUNTS: Values = {"held": 0, "seeders": 0, "leechers": 0, "snatched": 0}
_WORDS = ("description", "picture", "organism", "strain", "accession", "lab", "location")


class Blocks(Protocol):
    """What must not come back."""

    async def refuse_named(self, infohash: InfoHash) -> None:
        """Refuse a torrent that is blocked. Refusal: `blocked`."""


class Retelling:
    """One reading of a file. `clock` gives unix seconds."""

    def __init__(
        self, shelf: Shelf, accounts: AccountStore, blocks: Blocks, clock: Callable[[], float]
    ) -> None:
        self._shelf = shelf
        self._accounts = accounts
        self._blocks = blocks
        self._clock = clock
        self._kinds: Mapping[str, Callable[[Said], Awaitable[str]]] = {
            "account": self._account,
            "category": self._category,
            "tag": self._tag,
            "torrent": self._torrent,
            "group": self._group,
            "author": self._author,
            "comment": self._comment,
            "collage": self._collage,
            "news": self._news,
            **{f"bookmarks-{kind}": self._bookmarks(kind) for kind in Bookmarked},
        }
        # Groups whose oldest torrent was refused here, by its hash.
        self._strays: dict[bytes, int] = {}
        self._numbers: dict[int, int] = {}
        self._said: tuple[int, list[Comment]] = (0, [])
        self._collages: dict[CollageKey, Collage] | None = None
        self._announced: set[tuple[int, int, str]] | None = None

    async def apply(self, kind: str, said: Mapping[str, object]) -> str:
        """Lay a line over what is known; return "new", "changed" or "same".

        Refusal, and nothing is changed: `not-found` for what the line names, `blocked`, `taken`, `invalid`.
        """
        return await self._kinds[kind](dict(said))

    async def _account(self, said: Said) -> str:
        known = await self._accounts.user(fold(said["name"]))
        if known is not None:
            return SAME
        made = await self._accounts.add(said["name"], fold(said["name"]), None, Role.USER, said["joined"])
        if made is None:
            return SAME
        await self._accounts.set_enabled(made.id, enabled=False)
        return NEW

    async def _category(self, said: Said) -> str:
        number = said.pop("number")
        for known in await self._shelf.categories.all():
            if folded(known.name) == folded(said["name"]):
                self._numbers[number] = known.id
                return SAME
        await self._shelf.categories.add(number, said)
        return NEW

    async def _tag(self, said: Said) -> str:
        outcome = SAME
        for alias in said["aliases"]:
            known = await self._shelf.tags.tag(alias)
            if known is None or known.name != said["name"]:
                await self._shelf.tags.alias(alias, said["name"])
                outcome = CHANGED
        return outcome

    async def _torrent(self, said: Said) -> str:
        infohash, alias, key = said.pop("hash"), said.pop("alias"), said.pop("group")
        names = [name for name in (infohash, alias) if name is not None]
        await self._refuse_blocked(names)
        values = await self._values(said, alias)
        group = None if key == infohash else await self._group_of(key)
        known = await self._shelf.works.torrent(infohash, ALL)
        lost = group is None and key != infohash
        if known is not None:
            if lost:
                self._remember(key, known.group.id)
            if not _differences(known, values, group):
                return SAME
        decision = _entering({**values, "infohash": infohash}, group)
        number, new = await self._shelf.works.enter(names, group, decision)
        try:
            # A block that came meanwhile found nothing to remove.
            await self._refuse_blocked(names)
        except Refusal:
            await self._shelf.works.remove([number])
            raise
        if known is None and lost:
            await self._find_stray(key, number)
        return NEW if new else CHANGED

    async def _values(self, said: Said, alias: InfoHash | None) -> Said:
        uploader = said.pop("uploader")
        values = {**said, "file_count": said.pop("files")}
        del values["files"]
        if alias is not None:
            values["alias"] = alias
        if uploader is not None:
            values["uploader_id"] = await self._id_of(uploader)
        return values

    async def _find_stray(self, key: InfoHash, number: int) -> None:
        for torrent in await self._shelf.works.torrents([number], ALL):
            self._remember(key, torrent.group.id)

    def _remember(self, key: InfoHash, group: int) -> None:
        if len(self._strays) < _MOST_STRAYS:
            self._strays.setdefault(key, group)

    async def _group(self, said: Said) -> str:
        number = await self._need_group(said.pop("group"))
        tags, authors = said.pop("tags"), said.pop("authors")
        said["category_id"] = self._numbers.get(said["category_id"], said["category_id"])
        (known,) = await self._shelf.works.groups([number], ALL)
        changed = {name: value for name, value in said.items() if _of_group(known, name) != value}
        writing = Writing(
            work=changed,
            tags=None if set(tags) == set(known.tags) else tags,
            authors=None if list(authors) == [author.name for author in known.authors] else authors,
        )
        if writing == Writing():
            return SAME
        await self._shelf.works.change_group(number, writing)
        return CHANGED

    async def _author(self, said: Said) -> str:
        known = await self._shelf.authors.author(folded(said["name"]))
        if known is None:
            raise Refusal("not-found")
        changed = {
            name: said[name] for name in ("picture", "description") if getattr(known, name) != said[name]
        }
        if not changed:
            return SAME
        await self._shelf.authors.change(known.id, changed)
        return CHANGED

    async def _comment(self, said: Said) -> str:
        group, author = await self._need_group(said["group"]), await self._id_of(said["author"])
        editor = await self._id_of(said["editor"]) if said["editor"] is not None else None
        more = {"edited": said["edited"], "editor_id": editor, "hidden": said["hidden"]}
        for known in await self._comments(group):
            if known.author.id == author and known.added == said["added"] and _same_words(known, said):
                written = {"body": known.body, "edited": known.edited, "hidden": known.hidden}
                if written == {name: said[name] for name in written}:
                    return SAME
                await self._shelf.remarks.change_comment(known.id, {**more, "body": said["body"]})
                self._said = (0, [])
                return CHANGED
        await self._shelf.remarks.add_comment(group, author, said["body"], said["added"], more)
        self._said = (0, [])
        return NEW

    async def _comments(self, group: int) -> list[Comment]:
        """Return a group's comments; those of one group come one after the other."""
        if self._said[0] != group:
            found: list[Comment] = []
            while items := (
                await self._shelf.remarks.comments(group, len(found), _BATCH, ALL, newest_first=False)
            ).items:
                found += items
            self._said = (group, found)
        return self._said[1]

    async def _collage(self, said: Said) -> str:
        creator = await self._id_of(said.pop("creator"))
        created, keys = said.pop("created"), said.pop("groups")
        said["kind"] = said.pop("of")
        key = CollageKey(creator, created, said["name"])
        known = (await self._known_collages()).get(key)
        outcome = NEW if known is None else SAME
        if known is None:
            number = await self._shelf.collages.add_collage(said, creator, created)
        else:
            number = known.id
            if changed := {name: value for name, value in said.items() if getattr(known, name) != value}:
                await self._shelf.collages.change_collage(number, changed)
                outcome = CHANGED
        groups = [group for each in keys if (group := await self._group_of(each)) is not None]
        inside = frozenset(known.group_ids) if known is not None else frozenset()
        for group in groups:
            if group not in inside:
                await self._shelf.collages.put(number, group, creator, fields.MOST_IN_COLLAGE)
                outcome = NEW if known is None else CHANGED
        if outcome != SAME:
            await self._learn(key, number)
        return outcome

    async def _known_collages(self) -> dict[CollageKey, Collage]:
        if self._collages is None:
            self._collages, offset = {}, 0
            while items := (await self._shelf.collages.collages(offset, _BATCH, ALL, "")).items:
                self._collages.update((_key_of(each), each) for each in items)
                offset += len(items)
        return self._collages

    async def _learn(self, key: CollageKey, number: int) -> None:
        collage = await self._shelf.collages.collage(number, ALL)
        if collage is not None:
            (await self._known_collages())[key] = collage

    def _bookmarks(self, kind: Bookmarked) -> Callable[[Said], Awaitable[str]]:
        async def apply(said: Said) -> str:
            user = await self._id_of(said["account"])
            found = [await self._target(kind, each) for each in said["targets"]]
            targets = [target for target in found if target is not None]
            known = await self._shelf.collages.bookmarked(user, kind, targets)
            missing = [target for target in targets if target not in known]
            # The oldest comes first, and their order is kept by a second between any two.
            first = int(self._clock()) - len(missing)
            for at, target in enumerate(missing, start=1):
                await self._shelf.collages.bookmark(user, kind, target, first + at, fields.MOST_BOOKMARKS)
            return CHANGED if missing else SAME

        return apply

    async def _target(self, kind: Bookmarked, name: object) -> int | None:
        if kind is Bookmarked.TORRENT:
            torrent = await self._shelf.works.torrent(cast("InfoHash", name), ALL)
            return torrent.id if torrent is not None else None
        if kind is Bookmarked.GROUP:
            return await self._group_of(cast("InfoHash", name))
        if kind is Bookmarked.AUTHOR:
            author = await self._shelf.authors.author(folded(str(name)))
            return author.id if author is not None else None
        creator, created, title = cast("tuple[str, int, str]", name)
        key = CollageKey(await self._id_of(creator), created, title)
        collage = (await self._known_collages()).get(key)
        return collage.id if collage is not None else None

    async def _news(self, said: Said) -> str:
        author = await self._id_of(said.pop("author"))
        if self._announced is None:
            self._announced, offset = set(), 0
            while items := (await self._shelf.remarks.news(offset, _BATCH)).items:
                self._announced.update((each.author.id, each.added, each.title) for each in items)
                offset += len(items)
        key = (author, said["added"], said["title"])
        if key in self._announced:
            return SAME
        await self._shelf.remarks.add_news({**said, "account_id": author})
        self._announced.add(key)
        return NEW

    async def _id_of(self, name: str) -> int:
        user = await self._accounts.user(fold(name))
        if user is None:
            raise Refusal("not-found", f"there is no account {name}")
        return user.id

    async def _group_of(self, key: InfoHash) -> int | None:
        torrent = await self._shelf.works.torrent(key, ALL)
        return torrent.group.id if torrent is not None else self._strays.get(key)

    async def _need_group(self, key: InfoHash) -> int:
        group = await self._group_of(key)
        if group is None:
            raise Refusal("not-found")
        return group

    async def _refuse_blocked(self, names: Sequence[InfoHash]) -> None:
        for name in names:
            await self._blocks.refuse_named(name)


def _entering(values: Said, group: int | None) -> Decision:
    """Return the decision that lays values over a torrent, or makes its record in a group of its own."""

    def decide(known: Torrent | None, _: Group | None) -> Writing:
        if known is not None:
            return Writing(_differences(known, values, group), group)
        work = {
            **dict.fromkeys(_WORDS, ""),
            **dict.fromkeys(("year", "season", "imdb")),
            "name": values["title"],
            "category_id": NINE[UNSORTED],
            "locked": 0,
            "created": values["added"],
        }
        whole = {"alias": None, "uploader_id": None, **_COUNTS, **values}
        return Writing(whole, group, work if group is None else {})

    return decide


def _differences(known: Torrent, values: Said, group: int | None) -> dict[str, object]:
    """Return which values are not those of a torrent; what its file tells is not changed, where that is held."""
    changed = {
        name: value
        for name, value in values.items()
        if not (known.held and name in _FACTS) and _of_torrent(known, name) != value
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


def _same_words(known: Comment, said: Said) -> bool:
    """Tell whether a comment of the same author and second is the one that is told of, or an earlier form of it."""
    return bool(known.body == said["body"] or (said["edited"] is not None and known.edited != said["edited"]))


def _key_of(collage: Collage) -> CollageKey:
    return CollageKey(collage.creator.id, collage.created, collage.name)
