"""Hides how downloads lie in `peerage.db`: content, its files packed, and the accounts' jobs."""

import json
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, Table, bindparam, delete, insert, select, update

from bittorrent.infohash import InfoHash
from downloads.model import ContentFile, ContentKey, Seed
from downloads.store import ContentRow, JobRow, Metadata
from storage.database import Database, Row
from storage.dialect import among
from storage.download_tables import content, job
from storage.rows import Writer, listed

_BATCH = 1000
_FLAGS = ("known", "private", "begun", "complete", "rested")
_CONTENT = tuple(column for column in content.c if column.name not in {"files", "torrent"})
_JOB = tuple(column for column in job.c if column.name != "magnet")
_NOTHING = zlib.compress(b"[]")


class SqliteJobs:
    """A `JobStore` in SQLite."""

    def __init__(self, database: Database) -> None:
        compiled = database.compile
        self._database = database
        self._contents = compiled(_batch(content, _CONTENT))
        self._jobs = compiled(_batch(job, _JOB))
        self._add_content = compiled(insert(content).returning(content.c.id))
        self._add_job = compiled(insert(job).returning(job.c.id))
        self._keep_content = compiled(_change(content, [column.name for column in _CONTENT]))
        self._keep_job = compiled(_change(job, [column.name for column in _JOB]))
        self._learn = compiled(_change(content, ["files", "torrent"]))
        self._move = compiled(_change(job, ["content_id"]))
        held = select(job.c.account_id).where(job.c.content_id == bindparam("target"))
        here = job.c.content_id == bindparam("source")
        movable = update(job).where(here, job.c.account_id.not_in(held))
        self._merge = compiled(movable.values(content_id=bindparam("target")))
        self._drop_held = compiled(delete(job).where(here))
        self._drop_jobs = compiled(delete(job).where(among(job.c.id, "ids")))
        self._drop_content = compiled(delete(content).where(content.c.id == bindparam("row")))
        self._files = compiled(select(content.c.id, content.c.files).where(among(content.c.id, "ids")))
        self._torrent = compiled(select(content.c.torrent).where(content.c.id == bindparam("row")))
        self._magnets = compiled(select(job.c.id, job.c.magnet).where(among(job.c.id, "ids")))

    async def contents(self) -> AsyncIterator[list[ContentRow]]:
        """Yield all content in bounded batches, by id."""
        async for rows in self._walk(self._contents):
            yield [_content(row) for row in rows]

    async def jobs(self) -> AsyncIterator[list[JobRow]]:
        """Yield all jobs in bounded batches, by id."""
        async for rows in self._walk(self._jobs):
            yield [_job(row) for row in rows]

    async def add(
        self, content: ContentRow, metadata: Metadata | None, job: JobRow, magnet: str
    ) -> tuple[int, int]:
        """Keep a job, and its content where that is new; return the ids of content and job."""
        async with self._database.transaction() as connection:
            writer = Writer(connection)
            number = content.id or await self._put(writer, content, metadata)
            row = {**_of_job(job), "id": None, "content_id": number, "magnet": magnet}
            ((added,),) = await writer.rows(self._add_job, row)
        return number, int(added)

    async def keep(self, contents: Sequence[ContentRow], jobs: Sequence[JobRow]) -> None:
        """Write rows in place of those with the same ids."""
        if not contents and not jobs:
            return
        async with self._database.transaction() as connection:
            writer = Writer(connection)
            await writer.run_many(self._keep_content, [_new(_of_content(row)) for row in contents])
            await writer.run_many(self._keep_job, [_new(_of_job(row)) for row in jobs])

    async def learn(self, content: ContentRow, metadata: Metadata) -> None:
        """Write a content's row with its metadata."""
        async with self._database.transaction() as connection:
            writer = Writer(connection)
            await writer.run(self._keep_content, _new(_of_content(content)))
            await writer.run(self._learn, _new({"id": content.id, **_packed(metadata)}))

    async def part(self, job: int, content: ContentRow, metadata: Metadata) -> int:
        """Give a job new content of its own, and return that content's id."""
        async with self._database.transaction() as connection:
            writer = Writer(connection)
            number = await self._put(writer, content, metadata)
            await writer.run(self._move, _new({"id": job, "content_id": number}))
        return number

    async def merge(self, source: int, target: int) -> None:
        """Move jobs to other content, but for accounts that hold that already; drop what is left of the source."""
        async with self._database.transaction() as connection:
            writer = Writer(connection)
            await writer.run(self._merge, {"source": source, "target": target})
            await writer.run(self._drop_held, {"source": source})
            await writer.run(self._drop_content, {"row": source})

    async def remove(self, jobs: Sequence[int], content: int | None) -> None:
        """Drop jobs, and content that nobody holds any more."""
        async with self._database.transaction() as connection:
            writer = Writer(connection)
            await writer.run(self._drop_jobs, {"ids": listed(jobs)})
            if content is not None:
                await writer.run(self._drop_content, {"row": content})

    async def files(self, contents: Sequence[int]) -> Mapping[int, tuple[ContentFile, ...]]:
        """Return the files of content by its id."""
        rows = await self._database.rows(self._files, {"ids": listed(contents)})
        return {number: _unpacked(packed) for number, packed in rows}

    async def torrent(self, content: int) -> bytes | None:
        """Return the .torrent of content."""
        rows = await self._database.rows(self._torrent, {"row": content})
        return rows[0][0] if rows else None

    async def magnets(self, jobs: Sequence[int]) -> Mapping[int, str]:
        """Return the magnet links of jobs by their ids."""
        return dict(await self._database.rows(self._magnets, {"ids": listed(jobs)}))

    async def _walk(self, sql: str) -> AsyncIterator[list[Row]]:
        after = 0
        while rows := await self._database.rows(sql, {"after": after}):
            yield rows
            after = rows[-1][0]

    async def _put(self, writer: Writer, row: ContentRow, metadata: Metadata | None) -> int:
        packed = _packed(metadata) if metadata is not None else {"files": _NOTHING, "torrent": None}
        ((number,),) = await writer.rows(self._add_content, {**_of_content(row), **packed, "id": None})
        return int(number)


def _batch(table: Table, columns: Sequence[Any]) -> Select[Any]:
    return select(*columns).where(table.c.id > bindparam("after")).order_by(table.c.id).limit(_BATCH)


def _change(table: Table, names: Sequence[str]) -> Any:  # noqa: ANN401 - an Update, whatever its columns
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names if name != "id"}
    return update(table).where(table.c.id == bindparam("new_id")).values(values)


def _new(values: Mapping[str, object]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in values.items()}


def _content(row: Row) -> ContentRow:
    values: dict[str, Any] = dict(zip((column.name for column in _CONTENT), row, strict=True))
    values["key"] = ContentKey(InfoHash(values.pop("infohash")), values.pop("account_id"))
    values["v2"] = InfoHash(values["v2"]) if values["v2"] else None
    values.update({name: bool(values[name]) for name in _FLAGS})
    return ContentRow(**values)


def _of_content(row: ContentRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "infohash": bytes(row.key.infohash),
        "account_id": row.key.account,
        "v2": bytes(row.v2) if row.v2 else None,
        "name": row.name,
        "size": row.size,
        "known": int(row.known),
        "private": int(row.private),
        "begun": int(row.begun),
        "complete": int(row.complete),
        "rested": int(row.rested),
        "downloaded": row.downloaded,
        "uploaded": row.uploaded,
        "added": row.added,
        "finished": row.finished,
    }


def _job(row: Row) -> JobRow:
    number, account, content_id, name, seed, allow_zip, queued, paused, cached, created, updated = row
    return JobRow(
        id=number,
        account=account,
        content=content_id,
        name=name,
        seed=Seed(seed),
        allow_zip=bool(allow_zip),
        queued=queued,
        paused=bool(paused),
        cached=bool(cached),
        created=created,
        updated=updated,
    )


def _of_job(row: JobRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "account_id": row.account,
        "content_id": row.content,
        "name": row.name,
        "seed": int(row.seed),
        "allow_zip": int(row.allow_zip),
        "queued": row.queued,
        "paused": int(row.paused),
        "cached": int(row.cached),
        "created": row.created,
        "updated": row.updated,
    }


def _packed(metadata: Metadata) -> dict[str, Any]:
    files = [[file.path, file.size] for file in metadata.files]
    text = json.dumps(files, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return {"files": zlib.compress(text), "torrent": metadata.torrent}


def _unpacked(packed: bytes) -> tuple[ContentFile, ...]:
    files = json.loads(zlib.decompress(packed))
    return tuple(ContentFile(index, path, size) for index, (path, size) in enumerate(files))
