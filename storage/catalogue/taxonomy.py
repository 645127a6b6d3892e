"""Categories, tags with their aliases, and authors in `peerage.db`."""

from typing import TYPE_CHECKING, Any

from bittorrent.refusal import Refusal
from catalogue.categories import FIRST_CUSTOM_ID
from catalogue.fields import AuthorChange, CategoryChange
from catalogue.model import Author, Category, Page, Tag, Viewer
from catalogue.normalization import fold_name, normalize_tag_or_none, normalize_tag_prefix
from storage.catalogue.columns import change_columns, with_folded
from storage.catalogue.indexing import GroupReindexer
from storage.catalogue.tagging import GroupTagging, TagUseCounter
from storage.catalogue.torrent_queries import viewer_parameters
from storage.database import Database, Parameters, Transaction
from storage.dialect import Statement
from storage.parameters import bounded_id, page_parameters
from storage.rows import ColumnValues, TableRows
from storage.search import SearchIndexWriter

if TYPE_CHECKING:
    from storage.statements.taxonomy import AuthorStatements, CategoryStatements, TagStatements


_HIGHEST_CHARACTER = "\U0010ffff"
"""Sorts after every character of a name: the end of a prefix range."""


class SqlCategories:
    """Categories in a SQL database."""

    def __init__(self, database: Database, index: SearchIndexWriter, batch: int) -> None:
        self._database = database
        self._batch = batch
        self._dialect = database.dialect
        self._rows = TableRows(database, "catalogue.category")
        self._reindexer = GroupReindexer(database, index)
        self._sql: CategoryStatements = database.dialect.statements(
            "storage.statements.taxonomy.CategoryStatements"
        )

    async def all(self) -> tuple[Category, ...]:
        """Return every category, ordered by id."""
        return tuple(Category(*row) for row in await self._database.rows(self._sql.all))

    async def add(self, number: int | None, name: str, parent: int) -> int:
        """Add a category. Refusal: `taken` for its name or number."""
        values = with_folded({"name": name, "parent_id": parent})
        async with self._database.transaction() as transaction:
            await self._refuse_taken(transaction, 0, values)
            if number is None or not bounded_id(number):
                ((last,),) = await transaction.rows(self._sql.next, {})
                number = max(last or 0, FIRST_CUSTOM_ID - 1) + 1
            elif await self._rows.get(transaction, number) is not None:
                raise Refusal("taken")
            await transaction.run(self._sql.insert, {**values, "id": number})
            return number

    async def change(self, number: int, change: CategoryChange) -> None:
        """Change a category. Refusal: `taken`."""
        values = with_folded(change_columns(change))
        async with self._database.transaction() as transaction:
            await self._rows.require(transaction, number)
            await self._refuse_taken(transaction, number, values)
            await self._rows.update(transaction, number, values)

    async def remove(self, number: int, parent: int) -> None:
        """Delete a category; its groups move to `parent`."""
        while await self._move_batch(number, parent):
            continue

    async def _move_batch(self, number: int, parent: int) -> bool:
        async with self._database.transaction() as transaction:
            await self._rows.require(transaction, number)
            batch = await _fetch_ids(
                transaction, self._sql.group_batch, {"row": number, "limit": self._batch}
            )
            if not batch:
                await self._rows.delete(transaction, number)
                return False
            await transaction.run(self._sql.move, {"ids": self._dialect.ids(batch), "parent": parent})
            await self._reindexer.reindex(transaction, batch)
            return True

    async def _refuse_taken(self, transaction: Transaction, number: int, values: ColumnValues) -> None:
        if "folded" in values and await transaction.rows(
            self._sql.others, {"folded": values["folded"], "row": number}
        ):
            raise Refusal("taken")


class SqlTags:
    """Tags in a SQL database."""

    def __init__(self, database: Database, index: SearchIndexWriter, batch: int) -> None:
        self._database = database
        self._batch = batch
        self._dialect = database.dialect
        self._rows = TableRows(database, "catalogue.tag")
        self._tagging = GroupTagging(database)
        self._tag_uses = TagUseCounter(database)
        self._reindexer = GroupReindexer(database, index)
        self._sql: TagStatements = database.dialect.statements("storage.statements.taxonomy.TagStatements")

    async def tags(self, prefix: str, offset: int, limit: int) -> Page[Tag]:
        """Return the tags in use that begin with a prefix, in any form, most used first."""
        prefix = normalize_tag_prefix(prefix)
        bounds = {"low": prefix, "high": prefix + _HIGHEST_CHARACTER}
        ((total,),) = await self._database.rows(self._sql.count, bounds)
        parameters = {**bounds, **page_parameters(offset, limit)}
        return Page(await self._with_aliases(await self._database.rows(self._sql.page, parameters)), total)

    async def tag(self, key: int | str) -> Tag | None:
        """Find a tag by its id, or by its name or an alias, in any form."""
        if isinstance(key, str):
            found = await self._database.rows(self._sql.by_name, {"key": normalize_tag_or_none(key)})
        else:
            found = await self._database.rows(self._sql.by_id, {"key": bounded_id(key)})
        return (await self._with_aliases(found))[0] if found else None

    async def alias(self, alias: str, name: str) -> int:
        """Make `alias` an alias of the tag `name`, and return the id of the latter. Refusal: `invalid`, `taken`."""
        async with self._database.transaction() as transaction:
            (target,) = await self._tagging.tag_ids(transaction, [name])
            await self._tagging.tag_ids(transaction, [alias])
            ((source,),) = await transaction.rows(self._sql.named, {"name": alias})
            known = await self._rows.require(transaction, source)
            if source == target:
                raise Refusal("invalid", fields={"tag": ["The tag field names what is the same tag."]})
            if known["alias_of"] not in (None, target):
                raise Refusal("taken")
            await transaction.run(self._sql.repoint, {"old": source, "new": target})
            await self._rows.update(transaction, source, {"alias_of": target})
        while await self._move_batch(source, target):
            continue
        return target

    async def unalias(self, alias: str) -> None:
        """Make an alias a tag of its own again."""
        async with self._database.transaction() as transaction:
            row = await self._find(transaction, normalize_tag_or_none(alias) or "")
            if row is None or row["alias_of"] is None:
                raise Refusal("not-found")
            await self._rows.update(transaction, row["id"], {"alias_of": None})

    async def remove(self, number: int) -> None:
        """Delete a tag with its aliases, and remove it from every group."""
        await self._rows.require(self._database, number)
        while await self._move_batch(number, None):
            continue
        async with self._database.transaction() as transaction:
            await self._rows.delete(transaction, number)

    async def _move_batch(self, source: int, target: int | None) -> bool:
        """Move a batch of groups from a tag to another, or to none; return whether there were any."""
        async with self._database.transaction() as transaction:
            batch = await _fetch_ids(
                transaction, self._sql.group_batch, {"row": source, "limit": self._batch}
            )
            async with self._tag_uses.recounted(transaction, set(batch)):
                if target is not None:
                    await transaction.run_many(
                        self._sql.insert_tagging, [{"work_id": each, "tag_id": target} for each in batch]
                    )
                await transaction.run(
                    self._sql.delete_tagging, {"row": source, "ids": self._dialect.ids(batch)}
                )
            if batch:
                await self._reindexer.reindex(transaction, batch)
            return bool(batch)

    async def _find(self, transaction: Transaction, name: str) -> ColumnValues | None:
        found = await transaction.rows(self._sql.named, {"name": name})
        return await self._rows.get(transaction, found[0][0]) if found else None

    async def _with_aliases(self, rows: list[tuple[Any, ...]]) -> tuple[Tag, ...]:
        aliases: dict[int, list[str]] = {number: [] for number, *_ in rows}
        for number, name in await self._database.rows(self._sql.aliases, {"ids": self._dialect.ids(aliases)}):
            aliases[number].append(name)
        return tuple(Tag(number, name, uses, tuple(aliases[number])) for number, name, uses in rows)


class SqlAuthors:
    """Authors in a SQL database."""

    def __init__(self, database: Database, index: SearchIndexWriter, batch: int) -> None:
        self._database = database
        self._batch = batch
        self._rows = TableRows(database, "catalogue.author")
        self._reindexer = GroupReindexer(database, index)
        self._sql: AuthorStatements = database.dialect.statements(
            "storage.statements.taxonomy.AuthorStatements"
        )

    async def authors(self, prefix: str, offset: int, limit: int) -> Page[Author]:
        """Return the authors of visible torrents whose name begins with a prefix."""
        bounds = {"low": fold_name(prefix), "high": fold_name(prefix) + _HIGHEST_CHARACTER}
        ((total,),) = await self._database.rows(self._sql.count, bounds)
        parameters = {**bounds, **page_parameters(offset, limit)}
        rows = await self._database.rows(self._sql.page, parameters)
        return Page(tuple(Author(*row) for row in rows), total)

    async def author(self, key: int | str) -> Author | None:
        """Find an author by id or name, without regard to case."""
        if isinstance(key, str):
            rows = await self._database.rows(self._sql.by_name, {"key": fold_name(key)})
        else:
            rows = await self._database.rows(self._sql.by_id, {"key": bounded_id(key)})
        return Author(*rows[0]) if rows else None

    async def change(self, number: int, change: AuthorChange) -> None:
        """Change an author. Refusal: `taken`."""
        values = with_folded(change_columns(change))
        async with self._database.transaction() as transaction:
            if "folded" in values:
                found = await transaction.rows(self._sql.by_name, {"key": values["folded"]})
                if found and found[0][0] != number:
                    raise Refusal("taken")
            before = await self._rows.update(transaction, number, values)
        after = 0 if values.get("name", before["name"]) != before["name"] else None
        while after is not None:
            after = await self._reindex_batch(number, after)

    async def groups_of(self, number: int, viewer: Viewer, *, first_only: bool = False) -> tuple[int, ...]:
        """Return the ids of an author's groups, newest first."""
        statement = self._sql.groups_first if first_only else self._sql.groups
        rows = await self._database.rows(statement, {"row": bounded_id(number), **viewer_parameters(viewer)})
        return tuple(group for (group,) in rows)

    async def _reindex_batch(self, number: int, after: int) -> int | None:
        async with self._database.transaction() as transaction:
            batch = await _fetch_ids(
                transaction, self._sql.group_batch, {"row": number, "after": after, "limit": self._batch}
            )
            if not batch:
                return None
            await self._reindexer.reindex(transaction, batch)
            return batch[-1]


async def _fetch_ids(transaction: Transaction, statement: Statement, parameters: Parameters) -> list[int]:
    """Return the first column of a query's rows."""
    return [number for (number,) in await transaction.rows(statement, parameters)]
