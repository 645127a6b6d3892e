"""Torrents and their groups in `peerage.db`."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.contents_encoding import PAGE, decode_contents, encode_contents
from catalogue.editions import WorkKey
from catalogue.fields import MOST_TAGS, UNSET, GroupChange
from catalogue.model import Contents, Group, Torrent, Viewer
from catalogue.store import UNRESTRICTED_VIEWER, GroupWrite, TorrentWrite, WriteDecision
from storage.catalogue.cascades import Cascades
from storage.catalogue.columns import BLANK_GROUP, BLANK_TORRENT, group_columns, torrent_columns
from storage.catalogue.indexing import GroupReindexer
from storage.catalogue.kept_torrents import KeptTorrents
from storage.catalogue.tagging import GroupTagging, TagUseCounter
from storage.catalogue.torrent_queries import CatalogueReader
from storage.database import Database, QuerySource, Transaction
from storage.parameters import bounded_id
from storage.rows import TableRows
from storage.search import SearchIndexWriter

if TYPE_CHECKING:
    from storage.statements.torrents import TorrentStatements


class SqlTorrents:
    """Torrents and groups in a SQL database."""

    def __init__(
        self,
        database: Database,
        index: SearchIndexWriter,
        clock: Callable[[], float],
        changed: Callable[[Iterable[InfoHash]], None] = lambda _: None,
    ) -> None:
        """Make the store; `changed` is told, after each transaction, the infohashes of what it may have written."""
        self._changed = changed
        self._database = database
        self._dialect = database.dialect
        self._index = index
        self._reindexer = GroupReindexer(database, index)
        self._reader = CatalogueReader(database)
        self._kept = KeptTorrents(database, self._reader)
        self._tagging = GroupTagging(database)
        self._tag_uses = TagUseCounter(database)
        self._cascades = Cascades(database, clock)
        self._torrents = TableRows(database, "catalogue.torrent")
        self._works = TableRows(database, "catalogue.work")
        self._sql: TorrentStatements = database.dialect.statements(
            "storage.statements.torrents.TorrentStatements"
        )

    async def check(self, names: Sequence[InfoHash], group: int | None, decision: WriteDecision) -> None:
        """Run the decision as `upsert` would, and write nothing."""
        known = await self._reader.by_names(self._database, names, UNRESTRICTED_VIEWER)
        writing = decision(known[0] if known else None, await self._group(group, self._database))
        await self._need_category(self._database, writing.group.change)

    async def upsert(
        self, names: Sequence[InfoHash], group: int | None, decision: WriteDecision
    ) -> tuple[int, bool]:
        """Insert or update the torrent of any of these infohashes; return its id, and whether it is new."""
        with self._telling(names) as told:
            return await self._database.change(
                lambda transaction: self._upsert(transaction, names, group, decision, told)
            )

    async def _upsert(
        self,
        transaction: Transaction,
        names: Sequence[InfoHash],
        group: int | None,
        decision: WriteDecision,
        told: set[InfoHash],
    ) -> tuple[int, bool]:
        known = await self._reader.by_names(transaction, names, UNRESTRICTED_VIEWER)
        told.update(_infohashes(known))
        writing = decision(known[0] if known else None, await self._group(group, transaction))
        told.update(_named(writing))
        if not known:
            return await self._create(transaction, writing), True
        for other in known[1:]:
            await self._merge_duplicate(transaction, other, known[0].group.id)
        await self._write(transaction, known[0], writing)
        return known[0].id, False

    async def change(self, number: int, group: int | None, decision: WriteDecision) -> None:
        """Change an existing torrent."""
        with self._telling() as told:
            await self._database.change(
                lambda transaction: self._change(transaction, number, group, decision, told)
            )

    async def _change(
        self,
        transaction: Transaction,
        number: int,
        group: int | None,
        decision: WriteDecision,
        told: set[InfoHash],
    ) -> None:
        known = (await self._reader.torrents(transaction, [number], UNRESTRICTED_VIEWER)).get(number)
        told.update(_infohashes([known] if known is not None else []))
        writing = decision(known, await self._group(group, transaction))
        told.update(_named(writing))
        if known is None:
            raise Refusal("not-found")
        await self._write(transaction, known, writing)

    async def change_group(self, group: int, writing: GroupWrite) -> None:
        """Change a group."""
        await self._database.change(lambda transaction: self._change_group(transaction, group, writing))

    async def _change_group(self, transaction: Transaction, group: int, writing: GroupWrite) -> None:
        await self._works.require(transaction, group)
        async with self._tag_uses.recounted(transaction, {group}):
            await self._write_work(transaction, group, writing)
        await self._reindexer.reindex(transaction, [group])

    async def merge(self, group: int, into: int) -> None:
        """Move the torrents, comments, bookmarks and collage entries of a group to another, and delete it."""
        async with self._database.transaction() as transaction:
            await self._works.require(transaction, group)
            await self._works.require(transaction, into)
            await self._merge(transaction, group, into)
            await self._reindexer.reindex(transaction, [into])

    async def remove(self, names: Sequence[InfoHash | int]) -> list[Torrent]:
        """Delete the torrents of any of these infohashes or ids, and return them as they were."""
        if not await self._reader.by_names(self._database, names, UNRESTRICTED_VIEWER):
            return []  # without waiting for the transaction: at start this is asked for every blocked infohash
        with self._telling() as told:
            async with self._database.transaction() as transaction:
                known = await self._reader.by_names(transaction, names, UNRESTRICTED_VIEWER)
                told.update(_infohashes(known))
                for each in known:
                    await self._drop(transaction, each.id, each.group.id)
        return known

    async def torrent(self, key: int | InfoHash, viewer: Viewer) -> Torrent | None:
        """Find a torrent by its id, or by its infohash or alias."""
        found = await self._reader.by_names(self._database, [key], viewer)
        return found[0] if found else None

    async def named(self, names: Sequence[InfoHash], viewer: Viewer) -> list[Torrent]:
        """Return the torrents of any of these infohashes or aliases."""
        return await self._reader.by_names(self._database, names, viewer) if names else []

    async def torrents(self, ids: Sequence[int], viewer: Viewer) -> list[Torrent]:
        """Return torrents in the order of the ids."""
        return await self._kept.torrents(ids, viewer)

    async def torrents_of(self, groups: Sequence[int], viewer: Viewer) -> dict[int, tuple[Torrent, ...]]:
        """Return the torrents of groups, oldest first."""
        return await self._kept.torrents_of(groups, viewer)

    async def newest_of(self, groups: Sequence[int], viewer: Viewer, limit: int) -> list[Torrent]:
        """Return the newest torrents of groups, `limit` at most, newest first."""
        return await self._reader.newest_of(self._database, groups, viewer, limit)

    async def group(self, number: int, viewer: Viewer) -> Group | None:
        """Find a group of which the viewer sees a torrent."""
        found = await self._kept.groups([number], viewer)
        return found[0] if found else None

    async def groups(self, ids: Sequence[int], viewer: Viewer) -> list[Group]:
        """Return groups in the order of the ids."""
        return await self._kept.groups(ids, viewer)

    async def group_ids_after(self, after: int, limit: int) -> list[int]:
        """Return ids of groups above `after`, ascending."""
        rows = await self._database.rows(self._sql.group_ids_after, {"after": after, "limit": limit})
        return [number for (number,) in rows]

    async def contents(self, number: int, first: int = 0, count: int = PAGE) -> Contents:
        """Return `count` files from number `first` on, the trackers and the web seeds of a torrent."""
        found = await self._database.rows(self._sql.contents, {"row": bounded_id(number)})
        if not found:
            return Contents()
        return await asyncio.to_thread(decode_contents, found[0][0], first=first, count=count)

    async def missing_contents(self, infohashes: Sequence[InfoHash]) -> list[InfoHash]:
        """Return the infohashes, in order, without those of held torrents that have contents."""
        complete = await self._database.rows(
            self._sql.held_with_contents, {"hashes": self._dialect.hashes(infohashes)}
        )
        return [infohash for infohash in infohashes if (bytes(infohash),) not in set(complete)]

    async def known(self, infohashes: Sequence[InfoHash]) -> set[InfoHash]:
        """Return the infohashes and aliases of the torrents of any of these."""
        parameters = {"hashes": self._dialect.hashes(infohashes)}
        rows = await self._database.rows(self._sql.named, parameters)
        rows += await self._database.rows(self._sql.named_alias, parameters)
        return {InfoHash.of(name) for row in rows for name in row if name is not None}

    async def held(self, after: InfoHash | None, limit: int) -> list[InfoHash]:
        """Return infohashes above `after` of torrents that are marked as held, ascending."""
        rows = await self._database.rows(self._sql.held, {"after": after or b"", "limit": limit})
        return [InfoHash.of(infohash) for (infohash,) in rows]

    async def mark_not_held(self, infohashes: Sequence[InfoHash]) -> None:
        """Mark torrents as no longer held."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.unhold, {"hashes": self._dialect.hashes(infohashes)})

    @contextmanager
    def _telling(self, names: Iterable[InfoHash] = ()) -> Iterator[set[InfoHash]]:
        """Tell at the end of what was written, of `names` and of what is added; a commit that failed may have held."""
        told = set(names)
        try:
            yield told
        finally:
            self._changed(told)

    async def _group(self, group: int | None, source: QuerySource) -> Group | None:
        if group is None:
            return None
        return (await self._reader.groups(source, [group], UNRESTRICTED_VIEWER)).get(group)

    async def _create(self, transaction: Transaction, writing: TorrentWrite) -> int:
        found = await self._find_work(transaction, writing.work)
        joined = found if found is not None else writing.group_id
        works: set[int] = set() if joined is None else {joined}
        async with self._tag_uses.recounted(transaction, works):
            if joined is None:
                await self._need_category(transaction, writing.group.change)
                group = await self._works.insert(transaction, {**BLANK_GROUP, **group_columns(writing.group)})
                works.add(group)
                await self._set_tags_and_authors(transaction, group, writing.group.change)
            else:
                group = joined
            row = {**BLANK_TORRENT, **torrent_columns(writing), "work_id": group}
            number = await self._torrents.insert(transaction, row)
            await self._write_contents(transaction, number, writing.contents)
            if found is not None:
                await self._join(transaction, group, writing.group.change)
        if found is None:
            await self._index.refresh(transaction, [number])
        else:
            await self._reindexer.reindex(transaction, [group])
        return number

    async def _find_work(self, transaction: Transaction, key: WorkKey | None) -> int | None:
        """Return the oldest group of a work that is not locked."""
        if key is None:
            return None
        asked = {"category": key.category_id, "year": key.year, "season": key.season}
        found = await transaction.rows(self._sql.of_work, asked | {"names": self._dialect.texts(key.names)})
        return int(found[0][0]) if found else None

    async def _join(self, transaction: Transaction, group: int, change: GroupChange) -> None:
        """Add to a group what an upload says of the work: tags, and what nobody has said of it yet."""
        known = await self._group(group, transaction)
        assert known is not None
        kept = GroupChange()
        if change.tags is not UNSET and not {*change.tags} <= {*known.tags}:
            kept = replace(kept, tags=tuple(dict.fromkeys((*known.tags, *change.tags)))[:MOST_TAGS])
        if change.authors is not UNSET and not known.authors:
            kept = replace(kept, authors=change.authors)
        if change.description is not UNSET and not known.description:
            kept = replace(kept, description=change.description)
        if change.imdb is not UNSET and known.imdb is None:
            kept = replace(kept, imdb=change.imdb)
        if kept:
            await self._write_work(transaction, group, GroupWrite(kept))

    async def split(self, torrent: int) -> int:
        """Move a torrent out of its group into a new one that says the same; return the id of that."""
        with self._telling() as told:
            async with self._database.transaction() as transaction:
                known = (await self._reader.torrents(transaction, [torrent], UNRESTRICTED_VIEWER)).get(
                    torrent
                )
                if known is None:
                    raise Refusal("not-found")
                told.update(_infohashes([known]))
                row = await self._works.require(transaction, known.group.id)
                works = {known.group.id}
                async with self._tag_uses.recounted(transaction, works):
                    group = await self._works.insert(
                        transaction, {name: value for name, value in row.items() if name != "id"}
                    )
                    works.add(group)
                    authors = tuple(author.name for author in known.group.authors)
                    said = GroupChange(tags=known.group.tags, authors=authors)
                    await self._set_tags_and_authors(transaction, group, said)
                    await self._torrents.update(transaction, torrent, {"work_id": group})
                    await self._drop_empty(transaction, known.group.id)
                await self._index.refresh(transaction, [torrent])
        return group

    async def _write(self, transaction: Transaction, known: Torrent, writing: TorrentWrite) -> None:
        group = writing.group_id if writing.group_id is not None else known.group.id
        async with self._tag_uses.recounted(transaction, {group, known.group.id}):
            await self._torrents.update(transaction, known.id, {**torrent_columns(writing), "work_id": group})
            await self._write_contents(transaction, known.id, writing.contents)
            await self._write_work(transaction, group, writing.group)
            await self._drop_empty(transaction, known.group.id)
        if writing.group != GroupWrite():
            await self._reindexer.reindex(transaction, [group])
        else:
            await self._index.refresh(transaction, [known.id])

    async def _write_work(self, transaction: Transaction, group: int, writing: GroupWrite) -> None:
        await self._need_category(transaction, writing.change)
        await self._works.update(transaction, group, group_columns(writing))
        await self._set_tags_and_authors(transaction, group, writing.change)

    async def _set_tags_and_authors(self, transaction: Transaction, group: int, change: GroupChange) -> None:
        if change.tags is not UNSET:
            await self._tagging.set_tags(transaction, group, change.tags)
        if change.authors is not UNSET:
            await self._tagging.set_authors(transaction, group, change.authors)

    async def _need_category(self, source: QuerySource, change: GroupChange) -> None:
        number = change.category_id
        if number is not UNSET and not await source.rows(self._sql.category, {"row": number}):
            raise Refusal("invalid", fields={"category_id": ["The category_id field names no category."]})

    async def _write_contents(self, transaction: Transaction, number: int, listing: Contents | None) -> None:
        if listing is not None and listing != Contents():
            payload = await transaction.compute(lambda: encode_contents(listing))
            await transaction.run(self._sql.put_contents, {"torrent_id": number, "payload": payload})

    async def _merge_duplicate(self, transaction: Transaction, other: Torrent, into: int) -> None:
        """Delete a record that was made for another infohash of a torrent, and merge its group into `into`."""
        if (
            other.group.id != into
            and len(await transaction.rows(self._sql.torrents_of_group, {"work": other.group.id})) == 1
        ):
            await self._merge(transaction, other.group.id, into)
        await self._drop(transaction, other.id, into)

    async def _merge(self, transaction: Transaction, group: int, into: int) -> None:
        async with self._tag_uses.recounted(transaction, {group, into}):
            authors = await self._tagging.author_ids(transaction, group)
            await self._cascades.move(transaction, group, into)
            await self._cascades.drop_group(transaction, group)
            await self._tagging.remove_orphans(transaction, authors)

    async def _drop(self, transaction: Transaction, number: int, group: int) -> None:
        async with self._tag_uses.recounted(transaction, {group}):
            await self._index.drop(transaction, [number])
            await self._cascades.drop_torrent(transaction, number)
            await self._drop_empty(transaction, group)

    async def _drop_empty(self, transaction: Transaction, group: int) -> None:
        if not await transaction.rows(self._sql.torrents_of_group, {"work": group}):
            authors = await self._tagging.author_ids(transaction, group)
            await self._cascades.drop_group(transaction, group)
            await self._tagging.remove_orphans(transaction, authors)


def _named(writing: TorrentWrite) -> list[InfoHash]:
    return [name for name in (writing.infohash, writing.alias) if isinstance(name, InfoHash)]


def _infohashes(torrents: Iterable[Torrent]) -> list[InfoHash]:
    return [name for each in torrents for name in (each.infohash, each.alias) if name is not None]
