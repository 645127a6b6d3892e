"""Exports the catalogue as lines of a dump, each after the lines that it refers to.

A group is identified by the infohash of its oldest torrent, an account by its name, a collage by creator, creation
time and name.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

from accounts.store import AccountStore
from actions.catalogue_dump_lines import HEADER, MOST_TARGETS
from catalogue import fields
from catalogue.categories import FIRST_CUSTOM_ID
from catalogue.model import BookmarkKind, Collage, Comment, Group, Page, Person, Torrent
from catalogue.store import UNRESTRICTED_VIEWER, CatalogueStore

DumpLine = dict[str, Any]
T = TypeVar("T")
_BATCH = 500
_TORRENT = tuple(name for name in fields.TORRENT if name != "group_id")
_GROUP = tuple(name for name in fields.GROUP if name not in {"category_id", "authors"})


class CatalogueExport:
    """Yields the catalogue line by line, hidden entries included."""

    def __init__(self, store: CatalogueStore, accounts: AccountStore) -> None:
        self._store = store
        self._accounts = accounts

    async def lines(self) -> AsyncIterator[DumpLine]:
        """Yield every line; concurrent changes may or may not be included."""
        yield dict(HEADER)
        for part in (
            self._dump_accounts,
            self._dump_categories,
            self._dump_tags,
            self._dump_groups,
            self._dump_collages,
            self._dump_bookmarks,
            self._dump_news,
        ):
            async for line in part():
                yield line

    async def _dump_accounts(self) -> AsyncIterator[DumpLine]:
        offset = 0
        while users := (await self._accounts.users("", offset, _BATCH))[0]:
            for user in users:
                yield {"kind": "account", "name": user.name, "joined": user.joined}
            offset += len(users)

    async def _dump_categories(self) -> AsyncIterator[DumpLine]:
        for each in await self._store.categories.all():
            if each.id >= FIRST_CUSTOM_ID:
                yield {"kind": "category", "number": each.id, "name": each.name, "parent_id": each.parent}

    async def _dump_tags(self) -> AsyncIterator[DumpLine]:
        async for tag in _pages(lambda offset, limit: self._store.tags.tags("", offset, limit)):
            if tag.aliases:
                yield {"kind": "tag", "name": tag.name, "aliases": list(tag.aliases)}

    async def _dump_groups(self) -> AsyncIterator[DumpLine]:
        after, described = 0, set[int]()
        while ids := await self._store.groups.group_ids_after(after, _BATCH):
            members = await self._store.groups.torrents_of(ids, UNRESTRICTED_VIEWER)
            for group in await self._store.groups.groups(ids, UNRESTRICTED_VIEWER):
                if torrents := members[group.id]:
                    async for line in self._dump_group(group, torrents):
                        yield line
                for author in group.authors:
                    if (author.picture or author.description) and author.id not in described:
                        described.add(author.id)
                        yield {
                            "kind": "author",
                            "name": author.name,
                            "picture": author.picture,
                            "description": author.description,
                        }
            after = ids[-1]

    async def _dump_group(self, group: Group, torrents: Sequence[Torrent]) -> AsyncIterator[DumpLine]:
        key = torrents[0].infohash.upper
        for torrent in torrents:
            yield torrent_line(torrent, key)
        yield group_line(group, key)
        comments = _pages(
            lambda offset, limit: self._store.comments.comments(
                group.id, offset, limit, UNRESTRICTED_VIEWER, newest_first=False
            )
        )
        async for comment in comments:
            yield _comment(comment, key)

    async def _dump_collages(self) -> AsyncIterator[DumpLine]:
        async for collage in _pages_reversed(
            lambda offset, limit: self._store.collages.collages(offset, limit, UNRESTRICTED_VIEWER, "")
        ):
            keys = await self._keys(collage.group_ids)
            yield {
                "kind": "collage",
                "name": collage.name,
                "description": collage.description,
                "of": int(collage.kind),
                "creator": collage.creator.name,
                "created": collage.created,
                "locked": collage.locked,
                "hidden": collage.hidden,
                "groups": [keys[group] for group in collage.group_ids if group in keys],
            }

    async def _dump_bookmarks(self) -> AsyncIterator[DumpLine]:
        offset = 0
        while users := (await self._accounts.users("", offset, _BATCH))[0]:
            for user in users:
                for kind in BookmarkKind:
                    async for targets in self._dump_bookmark_targets(user.id, kind):
                        yield {"kind": f"bookmarks-{kind}", "account": user.name, "targets": targets}
            offset += len(users)

    async def _dump_bookmark_targets(self, user: int, kind: BookmarkKind) -> AsyncIterator[list[object]]:
        bookmarks = _pages_reversed(
            lambda offset, limit: self._store.collages.bookmarks(user, kind, offset, limit)
        )
        ids = [target async for target in bookmarks]
        for start in range(0, len(ids), MOST_TARGETS):
            if targets := await self._names(kind, ids[start : start + MOST_TARGETS]):
                yield targets

    async def _dump_news(self) -> AsyncIterator[DumpLine]:
        async for news in _pages_reversed(self._store.comments.news):
            yield {
                "kind": "news",
                "title": news.title,
                "body": news.body,
                "author": news.author.name,
                "added": news.added,
            }

    async def _names(self, kind: BookmarkKind, ids: Sequence[int]) -> list[object]:
        if kind is BookmarkKind.TORRENT:
            return [
                each.infohash.upper for each in await self._store.torrents.torrents(ids, UNRESTRICTED_VIEWER)
            ]
        if kind is BookmarkKind.GROUP:
            keys = await self._keys(ids)
            return [keys[number] for number in ids if number in keys]
        if kind is BookmarkKind.AUTHOR:
            authors = [await self._store.authors.author(number) for number in ids]
            return [author.name for author in authors if author is not None]
        collages = [await self._store.collages.collage(number, UNRESTRICTED_VIEWER) for number in ids]
        return [collage_reference(collage) for collage in collages if collage is not None]

    async def _keys(self, groups: Sequence[int]) -> dict[int, str]:
        members = await self._store.groups.torrents_of(groups, UNRESTRICTED_VIEWER)
        return {group: torrents[0].infohash.upper for group, torrents in members.items() if torrents}


def collage_reference(collage: Collage) -> list[object]:
    """Return what identifies a collage in a dump."""
    return [collage.creator.name, collage.created, collage.name]


def group_line(group: Group, key: str) -> DumpLine:
    """Return the line of a group under its key, the infohash of a torrent."""
    values = {name: _plain(getattr(group, name)) for name in _GROUP}
    authors = [author.name for author in group.authors]
    details = {"locked": group.locked, "created": group.created, "category_id": group.category.id}
    return {"kind": "group", "group": key, **values, "authors": authors, **details}


def torrent_line(torrent: Torrent, key: str) -> DumpLine:
    """Return the line of a torrent of the group under that key."""
    values = {name: _plain(getattr(torrent, name)) for name in _TORRENT}
    return {
        "kind": "torrent",
        "hash": torrent.infohash.upper,
        "alias": torrent.alias.upper if torrent.alias is not None else None,
        "group": key,
        "name": torrent.name,
        "root": torrent.root,
        "size": torrent.size,
        "files": torrent.file_count,
        "private": torrent.private,
        "uploader": _name(torrent.uploader),
        "added": torrent.added,
        "updated": torrent.updated,
        "hidden": torrent.hidden,
        "locked": torrent.locked,
        **values,
    }


def _comment(comment: Comment, key: str) -> DumpLine:
    return {
        "kind": "comment",
        "group": key,
        "author": comment.author.name,
        "body": comment.body,
        "added": comment.added,
        "edited": comment.edited,
        "editor": _name(comment.editor),
        "hidden": comment.hidden or comment.held,
    }


def _name(person: Person | None) -> str | None:
    return person.name if person is not None else None


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return int(value) if isinstance(value, int) and not isinstance(value, bool) else value


async def _pages(fetch: Callable[[int, int], Awaitable[Page[T]]]) -> AsyncIterator[T]:
    """Yield the items of a paged list."""
    offset = 0
    while items := (await fetch(offset, _BATCH)).items:
        for item in items:
            yield item
        offset += len(items)


async def _pages_reversed(fetch: Callable[[int, int], Awaitable[Page[T]]]) -> AsyncIterator[T]:
    """Yield the items of a paged list that is newest first, oldest first."""
    total = (await fetch(0, 1)).total
    for offset in range((total - 1) // _BATCH * _BATCH, -1, -_BATCH):
        for item in reversed((await fetch(offset, _BATCH)).items):
            yield item
