"""Authors in `peerage.db`."""

from sqlalchemy import bindparam, exists, func, select

from bittorrent.refusal import Refusal
from catalogue.fields import AuthorChange
from catalogue.model import Author, Page, Viewer
from catalogue.normalization import fold_name
from storage.catalogue_columns import change_columns, with_folded
from storage.catalogue_reader import has_visible_torrent, viewer_parameters
from storage.catalogue_reindexing import BATCH_SIZE, GroupReindexer, SearchIndexWriter, fetch_ids
from storage.catalogue_tags import HIGHEST_CHARACTER
from storage.database import Database
from storage.rows import TableRows, Writer, bounded_id, page_parameters
from storage.tables import author, authorship, torrent, work

_AUTHOR = (author.c.id, author.c.name, author.c.picture, author.c.description)


class SqliteAuthors:
    """Authors in SQLite."""

    def __init__(self, database: Database, index: SearchIndexWriter) -> None:
        compiled = database.compile
        self._database = database
        self._rows = TableRows(database, author)
        self._reindexer = GroupReindexer(database, index)
        shown = exists(
            select(authorship.c.work_id)
            .join_from(authorship, torrent, torrent.c.work_id == authorship.c.work_id)
            .where(authorship.c.author_id == author.c.id, torrent.c.hidden == 0)
        )
        conditions = (author.c.folded >= bindparam("low"), author.c.folded < bindparam("high"), shown)
        self._count = compiled(select(func.count()).select_from(author).where(*conditions))
        self._page = compiled(
            select(*_AUTHOR)
            .where(*conditions)
            .order_by(author.c.folded)
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
        self._by_id = compiled(select(*_AUTHOR).where(author.c.id == bindparam("key")))
        self._by_name = compiled(select(*_AUTHOR).where(author.c.folded == bindparam("key")))
        self._group_batch = compiled(
            select(authorship.c.work_id)
            .where(authorship.c.author_id == bindparam("row"), authorship.c.work_id > bindparam("after"))
            .order_by(authorship.c.work_id)
            .limit(bindparam("limit"))
        )
        groups = (
            select(work.c.id)
            .join_from(authorship, work, work.c.id == authorship.c.work_id)
            .where(authorship.c.author_id == bindparam("row"), has_visible_torrent(work.c.id))
            .order_by(work.c.created.desc(), work.c.id.desc())
        )
        self._groups = compiled(groups)
        self._groups_first = compiled(groups.where(authorship.c.position == 0))

    async def authors(self, prefix: str, offset: int, limit: int) -> Page[Author]:
        """Return the authors of visible torrents whose name begins with a prefix."""
        bounds = {"low": fold_name(prefix), "high": fold_name(prefix) + HIGHEST_CHARACTER}
        ((total,),) = await self._database.rows(self._count, bounds)
        parameters = {**bounds, **page_parameters(offset, limit)}
        rows = await self._database.rows(self._page, parameters)
        return Page(tuple(Author(*row) for row in rows), total)

    async def author(self, key: int | str) -> Author | None:
        """Find an author by id or name, without regard to case."""
        if isinstance(key, str):
            rows = await self._database.rows(self._by_name, {"key": fold_name(key)})
        else:
            rows = await self._database.rows(self._by_id, {"key": bounded_id(key)})
        return Author(*rows[0]) if rows else None

    async def change(self, number: int, change: AuthorChange) -> None:
        """Change an author. Refusal: `taken`."""
        values = with_folded(change_columns(change))
        async with self._database.transaction() as connection:
            writer = Writer(connection)
            if "folded" in values:
                found = await writer.rows(self._by_name, {"key": values["folded"]})
                if found and found[0][0] != number:
                    raise Refusal("taken")
            before = await self._rows.update(writer, number, values)
        after = 0 if values.get("name", before["name"]) != before["name"] else None
        while after is not None:
            after = await self._reindex_batch(number, after)

    async def groups_of(self, number: int, viewer: Viewer, *, first_only: bool = False) -> tuple[int, ...]:
        """Return the ids of an author's groups, newest first."""
        statement = self._groups_first if first_only else self._groups
        rows = await self._database.rows(statement, {"row": bounded_id(number), **viewer_parameters(viewer)})
        return tuple(group for (group,) in rows)

    async def _reindex_batch(self, number: int, after: int) -> int | None:
        async with self._database.transaction() as connection:
            writer = Writer(connection)
            batch = await fetch_ids(
                writer, self._group_batch, {"row": number, "after": after, "limit": BATCH_SIZE}
            )
            if not batch:
                return None
            await self._reindexer.reindex(writer, batch)
            return batch[-1]
