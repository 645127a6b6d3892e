"""Collages and bookmarks in `peerage.db`."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bittorrent.refusal import Refusal
from catalogue.fields import CollageChange
from catalogue.model import BookmarkKind, Collage, CollageKind, Page, Person, Viewer
from storage.catalogue.cascades import Cascades
from storage.catalogue.columns import BLANK_COLLAGE, change_columns
from storage.catalogue.torrent_queries import viewer_parameters
from storage.database import Database
from storage.parameters import bounded_id, page_parameters
from storage.rows import TableRows

if TYPE_CHECKING:
    from storage.statements.collages import CollageStatements


_ESCAPE = "!"


class SqlCollages:
    """Collages and bookmarks in a SQL database."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._dialect = database.dialect
        self._cascades = Cascades(database, clock)
        self._rows = TableRows(database, "collages.collage")
        self._targets = {
            BookmarkKind.TORRENT: TableRows(database, "catalogue.torrent"),
            BookmarkKind.GROUP: TableRows(database, "catalogue.work"),
            BookmarkKind.COLLAGE: self._rows,
            BookmarkKind.AUTHOR: TableRows(database, "catalogue.author"),
        }
        self._sql: CollageStatements = database.dialect.statements(
            "storage.statements.collages.CollageStatements"
        )

    async def collages(self, offset: int, limit: int, viewer: Viewer, search: str = "") -> Page[Collage]:
        """Return collages whose name contains a text, newest first."""
        conditions = {"pattern": _pattern(search), **viewer_parameters(viewer)}
        ((total,),) = await self._database.rows(self._sql.count, conditions)
        parameters = {**conditions, **page_parameters(offset, limit)}
        rows = await self._database.rows(self._sql.page, parameters)
        return Page(tuple(await self._with_groups(rows, viewer)), total)

    async def collage(self, number: int, viewer: Viewer) -> Collage | None:
        """Find a collage, with those of its groups that the viewer sees."""
        rows = await self._database.rows(
            self._sql.one, {"row": bounded_id(number), **viewer_parameters(viewer)}
        )
        return (await self._with_groups(rows, viewer))[0] if rows else None

    async def add_collage(self, change: CollageChange, creator: int, created: int) -> int:
        """Add a collage, a personal one by default, and return its id."""
        row = {**BLANK_COLLAGE, **change_columns(change), "account_id": creator, "created": created}
        async with self._database.transaction() as transaction:
            return await self._rows.insert(transaction, row)

    async def change_collage(self, number: int, change: CollageChange) -> None:
        """Change a collage."""
        async with self._database.transaction() as transaction:
            await self._rows.update(transaction, number, change_columns(change))

    async def remove_collage(self, number: int) -> None:
        """Delete a collage."""
        async with self._database.transaction() as transaction:
            await self._rows.require(transaction, number)
            await self._cascades.drop_collage(transaction, number)

    async def add_group(self, number: int, group: int, by: int, most: int) -> None:
        """Append a group, once. Refusal: `full` beyond `most`."""
        async with self._database.transaction() as transaction:
            await self._rows.require(transaction, number)
            await self._targets[BookmarkKind.GROUP].require(transaction, group)
            ((count, last),) = await transaction.rows(self._sql.positions, {"row": number})
            present = await transaction.rows(self._sql.position_of, {"row": number, "work": group})
            if not present and count >= most:
                raise Refusal("full", f"at most {most}")
            row = {"collage_id": number, "work_id": group, "position": (last or 0) + 1, "account_id": by}
            await transaction.run(self._sql.insert_entry, row)

    async def remove_group(self, number: int, group: int) -> None:
        """Remove a group."""
        async with self._database.transaction() as transaction:
            taken = {"row": bounded_id(number), "work": bounded_id(group)}
            if not await transaction.run(self._sql.delete_entry, taken):
                raise Refusal("not-found")

    async def bookmark(self, user: int, kind: BookmarkKind, target: int, now: int, most: int) -> None:
        """Bookmark something. Refusal: `full` beyond `most` of a kind."""
        async with self._database.transaction() as transaction:
            await self._targets[kind].require(transaction, target)
            ((count,),) = await transaction.rows(self._sql.count_bookmarks, {"user": user, "of": kind})
            existing = {"user": user, "of": kind, "ids": self._dialect.ids([target])}
            if count >= most and not await transaction.rows(self._sql.bookmarked, existing):
                raise Refusal("full", f"at most {most}")
            row = {"account_id": user, "kind": kind, "target": target, "added": now}
            await transaction.run(self._sql.add_bookmark, row)

    async def unbookmark(self, user: int, kind: BookmarkKind, target: int) -> None:
        """Delete a bookmark, if there is one."""
        async with self._database.transaction() as transaction:
            dropped = {"user": bounded_id(user), "of": kind, "row": bounded_id(target)}
            await transaction.run(self._sql.drop_bookmark, dropped)

    async def bookmarks(self, user: int, kind: BookmarkKind, offset: int, limit: int) -> Page[int]:
        """Return the ids of what an account bookmarked, newest first."""
        own = {"user": bounded_id(user), "of": kind}
        ((total,),) = await self._database.rows(self._sql.count_bookmarks, own)
        parameters = {**own, **page_parameters(offset, limit)}
        rows = await self._database.rows(self._sql.bookmarks, parameters)
        return Page(tuple(number for (number,) in rows), total)

    async def bookmarked(
        self, user: int | None, kind: BookmarkKind, targets: Sequence[int]
    ) -> frozenset[int]:
        """Return those of the targets that an account bookmarked; none for None."""
        if user is None or not targets:
            return frozenset()
        parameters = {"user": bounded_id(user), "of": kind, "ids": self._dialect.ids(targets)}
        rows = await self._database.rows(self._sql.bookmarked, parameters)
        return frozenset(number for (number,) in rows)

    async def _with_groups(self, rows: Sequence[tuple[Any, ...]], viewer: Viewer) -> list[Collage]:
        groups: dict[int, list[int]] = {row[0]: [] for row in rows}
        parameters = {"ids": self._dialect.ids(groups), **viewer_parameters(viewer)}
        for number, group in await self._database.rows(self._sql.groups, parameters):
            groups[number].append(group)
        return [_collage(row, tuple(groups[row[0]])) for row in rows]


def _collage(row: tuple[Any, ...], groups: tuple[int, ...]) -> Collage:
    number, name, description, kind, creator, locked, hidden, created, creator_name, subscribers = row
    return Collage(
        id=number,
        name=name,
        description=description,
        kind=CollageKind(kind),
        creator=Person(creator, creator_name),
        locked=bool(locked),
        hidden=bool(hidden),
        created=created,
        group_ids=groups,
        subscribers=subscribers,
    )


def _pattern(text: str) -> str:
    for special in (_ESCAPE, "%", "_"):
        text = text.replace(special, _ESCAPE + special)
    return f"%{text}%"
