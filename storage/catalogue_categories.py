"""Categories in `peerage.db`."""

from sqlalchemy import bindparam, func, select, update

from bittorrent.refusal import Refusal
from catalogue.categories import FIRST_CUSTOM_ID
from catalogue.fields import CategoryChange
from catalogue.model import Category
from storage.catalogue_columns import change_columns, with_folded
from storage.catalogue_reindexing import BATCH_SIZE, GroupReindexer, SearchIndexWriter, fetch_ids
from storage.database import Database
from storage.dialect import in_list
from storage.rows import ColumnValues, TableRows, Writer, bounded_id, json_ids
from storage.tables import category, work


class SqliteCategories:
    """Categories in SQLite."""

    def __init__(self, database: Database, index: SearchIndexWriter) -> None:
        compiled = database.compile
        self._database = database
        self._rows = TableRows(database, category)
        self._reindexer = GroupReindexer(database, index)
        self._all = compiled(
            select(category.c.id, category.c.name, category.c.parent_id).order_by(category.c.id)
        )
        self._next = compiled(select(func.max(category.c.id)))
        self._others = compiled(
            select(category.c.id).where(
                category.c.folded == bindparam("folded"), category.c.id != bindparam("row")
            )
        )
        self._group_batch = compiled(
            select(work.c.id).where(work.c.category_id == bindparam("row")).limit(bindparam("limit"))
        )
        self._move = compiled(
            update(work).where(in_list(work.c.id, "ids")).values(category_id=bindparam("parent"))
        )

    async def all(self) -> tuple[Category, ...]:
        """Return every category, ordered by id."""
        return tuple(Category(*row) for row in await self._database.rows(self._all))

    async def add(self, number: int | None, name: str, parent: int) -> int:
        """Add a category. Refusal: `taken` for its name or number."""
        values = with_folded({"name": name, "parent_id": parent})
        async with self._database.transaction() as connection:
            writer = Writer(connection)
            await self._refuse_taken(writer, 0, values)
            if number is None:
                ((last,),) = await writer.rows(self._next, {})
                number = max(last or 0, FIRST_CUSTOM_ID - 1) + 1
            elif await self._rows.get(writer, number) is not None:
                raise Refusal("taken")
            return await self._rows.insert(writer, {**values, "id": bounded_id(number) or None})

    async def change(self, number: int, change: CategoryChange) -> None:
        """Change a category. Refusal: `taken`."""
        values = with_folded(change_columns(change))
        async with self._database.transaction() as connection:
            writer = Writer(connection)
            await self._rows.require(writer, number)
            await self._refuse_taken(writer, number, values)
            await self._rows.update(writer, number, values)

    async def remove(self, number: int, parent: int) -> None:
        """Delete a category; its groups move to `parent`."""
        while await self._move_batch(number, parent):
            continue

    async def _move_batch(self, number: int, parent: int) -> bool:
        async with self._database.transaction() as connection:
            writer = Writer(connection)
            await self._rows.require(writer, number)
            batch = await fetch_ids(writer, self._group_batch, {"row": number, "limit": BATCH_SIZE})
            if not batch:
                await self._rows.delete(writer, number)
                return False
            await writer.run(self._move, {"ids": json_ids(batch), "parent": parent})
            await self._reindexer.reindex(writer, batch)
            return True

    async def _refuse_taken(self, writer: Writer, number: int, values: ColumnValues) -> None:
        if "folded" in values and await writer.rows(
            self._others, {"folded": values["folded"], "row": number}
        ):
            raise Refusal("taken")
