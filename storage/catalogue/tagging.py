"""Links groups to tags and authors, and keeps each tag's count of uses right.

A use is a group with a visible torrent. Every change to a group is wrapped in `TagUseCounter.recounted`, which
counts before and after and writes the difference, so that no other code updates the counts.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from catalogue.normalization import fold_name
from storage.database import Database, Transaction

if TYPE_CHECKING:
    from storage.statements.tagging import TaggingStatements, TagUseStatements


class TagUseCounter:
    """Keeps `tag.uses`, the number of groups with a visible torrent that have the tag."""

    def __init__(self, database: Database) -> None:
        self._sql: TagUseStatements = database.dialect.statements(
            "storage.statements.tagging.TagUseStatements"
        )
        self._dialect = database.dialect

    @asynccontextmanager
    async def recounted(self, transaction: Transaction, works: set[int]) -> AsyncIterator[None]:
        """Write by how much the block changed the uses; the block may add the ids of groups it changes to `works`."""
        before = await self._uses(transaction, works)
        yield
        after = await self._uses(transaction, works)
        changed = [
            {"tag": number, "more": after[number] - before[number]}
            for number in before.keys() | after.keys()
            if after[number] != before[number]
        ]
        await transaction.run_many(self._sql.add_uses, changed)

    async def _uses(self, transaction: Transaction, works: set[int]) -> Counter[int]:
        if not works:
            return Counter()
        return Counter(dict(await transaction.rows(self._sql.count_uses, {"ids": self._dialect.ids(works)})))


class GroupTagging:
    """Sets the tags and authors of groups, and creates those that are new."""

    def __init__(self, database: Database) -> None:
        self._dialect = database.dialect
        self._sql: TaggingStatements = database.dialect.statements(
            "storage.statements.tagging.TaggingStatements"
        )

    async def set_tags(self, transaction: Transaction, work: int, names: Sequence[str]) -> None:
        """Replace the tags of a group; an alias is resolved to its tag."""
        numbers = await self.tag_ids(transaction, names)
        await transaction.run(self._sql.delete_tags, {"work": work})
        await transaction.run_many(
            self._sql.insert_tagging, [{"work_id": work, "tag_id": number} for number in numbers]
        )

    async def tag_ids(self, transaction: Transaction, names: Sequence[str]) -> list[int]:
        """Return the ids of tags, created where they are new; an alias is resolved to its tag."""
        blank = {"alias_of": None, "uses": 0}
        await transaction.run_many(self._sql.insert_tag, [{**blank, "name": name} for name in names])
        tag_ids: dict[str, int] = dict(
            await transaction.rows(self._sql.resolve_aliases, {"names": self._dialect.texts(names)})
        )
        return list(dict.fromkeys(tag_ids[name] for name in names))

    async def set_authors(self, transaction: Transaction, work: int, names: Sequence[str]) -> None:
        """Replace the authors of a group, in this order."""
        before = await self.author_ids(transaction, work)
        blank = {"picture": "", "description": ""}
        new = [{**blank, "name": name, "folded": fold_name(name)} for name in names]
        await transaction.run_many(self._sql.insert_author, new)
        keys = [fold_name(name) for name in names]
        known: dict[str, int] = dict(
            await transaction.rows(self._sql.author_ids, {"names": self._dialect.texts(keys)})
        )
        await transaction.run(self._sql.delete_authors, {"work": work})
        rows = [
            {"work_id": work, "position": position, "author_id": known[name]}
            for position, name in enumerate(dict.fromkeys(keys))
        ]
        await transaction.run_many(self._sql.insert_authorship, rows)
        await self.remove_orphans(transaction, before)

    async def author_ids(self, transaction: Transaction, work: int) -> list[int]:
        """Return the ids of a group's authors."""
        return [
            number
            for (number,) in await transaction.rows(
                self._sql.authors_of_groups, {"ids": self._dialect.ids([work])}
            )
        ]

    async def remove_orphans(self, transaction: Transaction, authors: Sequence[int]) -> None:
        """Delete those of the authors who have no group, description or picture."""
        ids = {"ids": self._dialect.ids(authors)}
        await transaction.run(self._sql.delete_orphan_bookmarks, ids)
        await transaction.run(self._sql.delete_orphans, ids)
