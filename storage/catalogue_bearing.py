"""Hides how groups bear tags and authors, and how the uses of a tag stay counted.

A use is a group that everyone sees something of. Whatever changes a group is wrapped in `Tally.kept`, which
compares what was counted before with what is counted after, so that no deed has to know of the numbers.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from sqlalchemy import and_, bindparam, delete, exists, func, insert, select, update

from catalogue.spelling import folded
from storage.database import Database
from storage.dialect import among, insert_missing
from storage.rows import Writer, listed, texts
from storage.tables import author, authorship, bookmark, tag, tagging, torrent


class Tally:
    """Keeps the uses of tags right."""

    def __init__(self, database: Database) -> None:
        shown = exists(
            select(torrent.c.id).where(torrent.c.work_id == tagging.c.work_id, torrent.c.hidden == 0)
        )
        compiled = database.compile
        self._used = compiled(
            select(tagging.c.tag_id, func.count())
            .where(among(tagging.c.work_id, "ids"), shown)
            .group_by(tagging.c.tag_id)
        )
        self._add = compiled(
            update(tag).where(tag.c.id == bindparam("tag")).values(uses=tag.c.uses + bindparam("more"))
        )

    @asynccontextmanager
    async def kept(self, writer: Writer, works: set[int]) -> AsyncIterator[None]:
        """Count the uses again that change within; groups that are touched may be added to `works`."""
        before = await self._uses(writer, works)
        yield
        after = await self._uses(writer, works)
        changed = [
            {"tag": number, "more": after[number] - before[number]}
            for number in before.keys() | after.keys()
            if after[number] != before[number]
        ]
        await writer.run_many(self._add, changed)

    async def _uses(self, writer: Writer, works: set[int]) -> Counter[int]:
        return Counter(dict(await writer.rows(self._used, {"ids": listed(works)})))


class Bearing:
    """Gives groups their tags and authors, which are made as they are first named."""

    def __init__(self, database: Database) -> None:
        compiled = database.compile
        self._make_tag = compiled(insert_missing(tag))
        self._meant = compiled(
            select(tag.c.name, func.coalesce(tag.c.alias_of, tag.c.id)).where(among(tag.c.name, "names"))
        )
        self._untag = compiled(delete(tagging).where(tagging.c.work_id == bindparam("work")))
        self._tag = compiled(insert_missing(tagging))
        self._make_author = compiled(insert_missing(author))
        self._known = compiled(select(author.c.folded, author.c.id).where(among(author.c.folded, "names")))
        self._written = compiled(
            select(authorship.c.author_id).where(among(authorship.c.work_id, "ids")).distinct()
        )
        self._unwrite = compiled(delete(authorship).where(authorship.c.work_id == bindparam("work")))
        self._write = compiled(insert(authorship))
        orphan = and_(
            among(author.c.id, "ids"),
            ~exists(select(authorship.c.work_id).where(authorship.c.author_id == author.c.id)),
            author.c.description == "",
            author.c.picture == "",
        )
        self._forget_bookmarks = compiled(
            delete(bookmark).where(
                bookmark.c.kind == "author", bookmark.c.target.in_(select(author.c.id).where(orphan))
            )
        )
        self._forget = compiled(delete(author).where(orphan))

    async def tag(self, writer: Writer, work: int, names: Sequence[str]) -> None:
        """Give a group these tags and no others; an alias gives what it stands for."""
        numbers = await self.tags(writer, names)
        await writer.run(self._untag, {"work": work})
        await writer.run_many(self._tag, [{"work_id": work, "tag_id": number} for number in numbers])

    async def tags(self, writer: Writer, names: Sequence[str]) -> list[int]:
        """Return the ids of tags, made where they are new; an alias gives what it stands for."""
        blank = {"id": None, "alias_of": None, "uses": 0}
        await writer.run_many(self._make_tag, [{**blank, "name": name} for name in names])
        meant = dict(await writer.rows(self._meant, {"names": texts(names)}))
        return list(dict.fromkeys(meant[name] for name in names))

    async def credit(self, writer: Writer, work: int, names: Sequence[str]) -> None:
        """Give a group these authors in this order and no others."""
        before = await self.authors(writer, work)
        blank = {"id": None, "picture": "", "description": ""}
        fresh = [{**blank, "name": name, "folded": folded(name)} for name in names]
        await writer.run_many(self._make_author, fresh)
        spelled = [folded(name) for name in names]
        known = dict(await writer.rows(self._known, {"names": texts(spelled)}))
        await writer.run(self._unwrite, {"work": work})
        rows = [
            {"work_id": work, "position": position, "author_id": known[name]}
            for position, name in enumerate(dict.fromkeys(spelled))
        ]
        await writer.run_many(self._write, rows)
        await self.forget(writer, before)

    async def authors(self, writer: Writer, work: int) -> list[int]:
        """Return the ids of a group's authors."""
        return [number for (number,) in await writer.rows(self._written, {"ids": listed([work])})]

    async def forget(self, writer: Writer, authors: Sequence[int]) -> None:
        """Drop those of the authors who have no group left, and of whom nothing else is said."""
        ids = {"ids": listed(authors)}
        await writer.run(self._forget_bookmarks, ids)
        await writer.run(self._forget, ids)
