"""Tags and their aliases in `peerage.db`."""

from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, delete, func, select, update

from bittorrent.refusal import Refusal
from catalogue.model import Page, Tag
from catalogue.normalization import normalize_tag_or_none, normalize_tag_prefix
from storage.catalogue_reindexing import BATCH_SIZE, GroupReindexer, SearchIndexWriter, fetch_ids
from storage.catalogue_tagging import GroupTagging, TagUseCounter
from storage.database import Database
from storage.dialect import in_list, insert_or_ignore
from storage.rows import ColumnValues, TableRows, Writer, bounded_id, json_ids, page_parameters
from storage.tables import tag, tagging

HIGHEST_CHARACTER = "\U0010ffff"
"""Sorts after every character of a name: the end of a prefix range."""


class SqliteTags:
    """Tags in SQLite."""

    def __init__(self, database: Database, index: SearchIndexWriter) -> None:
        compiled = database.compile
        self._database = database
        self._rows = TableRows(database, tag)
        self._tagging = GroupTagging(database)
        self._tag_uses = TagUseCounter(database)
        self._reindexer = GroupReindexer(database, index)
        used = (tag.c.uses > 0, tag.c.name >= bindparam("low"), tag.c.name < bindparam("high"))
        self._count = compiled(select(func.count()).select_from(tag).where(*used))
        self._page = compiled(
            select(tag.c.id, tag.c.name, tag.c.uses)
            .where(*used)
            .order_by(tag.c.uses.desc(), tag.c.name)
            .limit(bindparam("limit"))
            .offset(bindparam("offset"))
        )
        self._by_id = compiled(_resolved(tag.c.id == bindparam("key")))
        self._by_name = compiled(_resolved(tag.c.name == bindparam("key")))
        self._named = compiled(select(tag.c.id).where(tag.c.name == bindparam("name")))
        self._aliases = compiled(
            select(tag.c.alias_of, tag.c.name).where(in_list(tag.c.alias_of, "ids")).order_by(tag.c.name)
        )
        self._repoint = compiled(
            update(tag).where(tag.c.alias_of == bindparam("old")).values(alias_of=bindparam("new"))
        )
        self._group_batch = compiled(
            select(tagging.c.work_id).where(tagging.c.tag_id == bindparam("row")).limit(bindparam("limit"))
        )
        self._insert_tagging = compiled(insert_or_ignore(tagging))
        self._delete_tagging = compiled(
            delete(tagging).where(tagging.c.tag_id == bindparam("row"), in_list(tagging.c.work_id, "ids"))
        )

    async def tags(self, prefix: str, offset: int, limit: int) -> Page[Tag]:
        """Return the tags in use that begin with a prefix, in any form, most used first."""
        prefix = normalize_tag_prefix(prefix)
        bounds = {"low": prefix, "high": prefix + HIGHEST_CHARACTER}
        ((total,),) = await self._database.rows(self._count, bounds)
        parameters = {**bounds, **page_parameters(offset, limit)}
        return Page(await self._with_aliases(await self._database.rows(self._page, parameters)), total)

    async def tag(self, key: int | str) -> Tag | None:
        """Find a tag by its id, or by its name or an alias, in any form."""
        if isinstance(key, str):
            found = await self._database.rows(self._by_name, {"key": normalize_tag_or_none(key)})
        else:
            found = await self._database.rows(self._by_id, {"key": bounded_id(key)})
        return (await self._with_aliases(found))[0] if found else None

    async def alias(self, alias: str, name: str) -> int:
        """Make `alias` an alias of the tag `name`, and return the id of the latter. Refusal: `invalid`, `taken`."""
        async with self._database.transaction() as connection:
            writer = Writer(connection)
            (target,) = await self._tagging.tag_ids(writer, [name])
            await self._tagging.tag_ids(writer, [alias])
            ((source,),) = await writer.rows(self._named, {"name": alias})
            known = await self._rows.require(writer, source)
            if source == target:
                raise Refusal("invalid", fields={"tag": ["The tag field names what is the same tag."]})
            if known["alias_of"] not in (None, target):
                raise Refusal("taken")
            await writer.run(self._repoint, {"old": source, "new": target})
            await self._rows.update(writer, source, {"alias_of": target})
        while await self._move_batch(source, target):
            continue
        return target

    async def unalias(self, alias: str) -> None:
        """Make an alias a tag of its own again."""
        async with self._database.transaction() as connection:
            writer = Writer(connection)
            row = await self._find(writer, normalize_tag_or_none(alias) or "")
            if row is None or row["alias_of"] is None:
                raise Refusal("not-found")
            await self._rows.update(writer, row["id"], {"alias_of": None})

    async def remove(self, number: int) -> None:
        """Delete a tag with its aliases, and remove it from every group."""
        await self._rows.require(self._database, number)
        while await self._move_batch(number, None):
            continue
        async with self._database.transaction() as connection:
            await self._rows.delete(Writer(connection), number)

    async def _move_batch(self, source: int, target: int | None) -> bool:
        """Move a batch of groups from a tag to another, or to none; return whether there were any."""
        async with self._database.transaction() as connection:
            writer = Writer(connection)
            batch = await fetch_ids(writer, self._group_batch, {"row": source, "limit": BATCH_SIZE})
            async with self._tag_uses.recounted(writer, set(batch)):
                if target is not None:
                    await writer.run_many(
                        self._insert_tagging, [{"work_id": each, "tag_id": target} for each in batch]
                    )
                await writer.run(self._delete_tagging, {"row": source, "ids": json_ids(batch)})
            if batch:
                await self._reindexer.reindex(writer, batch)
            return bool(batch)

    async def _find(self, writer: Writer, name: str) -> ColumnValues | None:
        found = await writer.rows(self._named, {"name": name})
        return await self._rows.get(writer, found[0][0]) if found else None

    async def _with_aliases(self, rows: list[tuple[Any, ...]]) -> tuple[Tag, ...]:
        aliases: dict[int, list[str]] = {number: [] for number, *_ in rows}
        for number, name in await self._database.rows(self._aliases, {"ids": json_ids(aliases)}):
            aliases[number].append(name)
        return tuple(Tag(number, name, uses, tuple(aliases[number])) for number, name, uses in rows)


def _resolved(where: ColumnElement[bool]) -> Select[Any]:
    resolved = tag.alias("resolved")
    joined = tag.join(resolved, resolved.c.id == func.coalesce(tag.c.alias_of, tag.c.id))
    return select(resolved.c.id, resolved.c.name, resolved.c.uses).select_from(joined).where(where)
