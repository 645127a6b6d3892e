"""Download jobs and their content in `peerage.db`; file lists are compressed JSON."""

import json
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from bittorrent.infohash import InfoHash
from downloads.model import ContentFile, ContentKey, JobLabels, SeedPolicy
from downloads.store import ContentMetadata, ContentRow, JobRow, LabelKind
from storage.database import Database, Row, Transaction
from storage.dialect import Statement

if TYPE_CHECKING:
    from storage.statements.jobs import JobStatements


_BATCH = 1000
_FLAGS = ("known", "private", "begun", "complete", "rested")
_FEW_FILES = 512  # bytes of a packed list up to which it is kept as it was read
_NO_FILES = zlib.compress(b"[]")


class SqlJobs:
    """A `JobStore` in a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dialect = database.dialect
        self._sql: JobStatements = database.dialect.statements("storage.statements.jobs.JobStatements")

    async def contents(self) -> AsyncIterator[list[ContentRow]]:
        """Yield all content in bounded batches, by id."""
        async for rows in self._walk(self._sql.contents):
            yield [_content_row(self._sql.content_columns, row) for row in rows]

    async def jobs(self) -> AsyncIterator[list[JobRow]]:
        """Yield all jobs in bounded batches, by id."""
        async for rows in self._walk(self._sql.jobs):
            yield [_job_row(row) for row in rows]

    async def add(
        self, content: ContentRow, metadata: ContentMetadata | None, job: JobRow, magnet: str
    ) -> tuple[int, int]:
        """Add a job, and its content where that is new; return the ids of content and job."""
        async with self._database.transaction() as transaction:
            number = content.id or await self._insert_content(transaction, content, metadata)
            row = {**_job_columns(job), "content_id": number, "magnet": magnet}
            ((added,),) = await transaction.rows(self._sql.add_job, row)
        return number, int(added)

    async def save(self, contents: Sequence[ContentRow], jobs: Sequence[JobRow]) -> None:
        """Update rows by id."""
        if not contents and not jobs:
            return
        async with self._database.transaction() as transaction:
            await transaction.run_many(
                self._sql.update_content, [_new_values(_content_columns(row)) for row in contents]
            )
            await transaction.run_many(self._sql.update_job, [_new_values(_job_columns(row)) for row in jobs])

    async def set_metadata(self, content: ContentRow, metadata: ContentMetadata) -> None:
        """Write a content's row with its metadata."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.update_content, _new_values(_content_columns(content)))
            await transaction.run(
                self._sql.set_metadata, _new_values({"id": content.id, **_metadata_columns(metadata)})
            )

    async def split(self, job: int, content: ContentRow, metadata: ContentMetadata) -> int:
        """Give a job new content of its own, and return that content's id."""
        async with self._database.transaction() as transaction:
            number = await self._insert_content(transaction, content, metadata)
            await transaction.run(self._sql.set_content, _new_values({"id": job, "content_id": number}))
        return number

    async def merge(self, source: int, target: int) -> None:
        """Move jobs to other content, except of accounts that have a job there; delete the rest of the source."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.merge, {"source": source, "target": target})
            await transaction.run(self._sql.delete_jobs_of_content, {"source": source})
            await transaction.run(self._sql.delete_content, {"row": source})

    async def remove(self, jobs: Sequence[int], content: int | None) -> None:
        """Delete jobs, and content that no job uses any more."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.delete_jobs, {"ids": self._dialect.ids(jobs)})
            if content is not None:
                await transaction.run(self._sql.delete_content, {"row": content})

    async def files(self, contents: Sequence[int]) -> Mapping[int, tuple[ContentFile, ...]]:
        """Return the files of content by its id."""
        rows = await self._database.rows(self._sql.files, {"ids": self._dialect.ids(contents)})
        return {number: _decode_files(packed) for number, packed in rows}

    async def torrent(self, content: int) -> bytes | None:
        """Return the .torrent of content."""
        rows = await self._database.rows(self._sql.torrent, {"row": content})
        return rows[0][0] if rows else None

    async def magnets(self, jobs: Sequence[int]) -> Mapping[int, str]:
        """Return the magnet links of jobs by their ids."""
        return dict(await self._database.rows(self._sql.magnets, {"ids": self._dialect.ids(jobs)}))

    async def names(self, account: int, kind: LabelKind) -> list[str]:
        """Return the categories or tags that an account keeps, by name."""
        rows = await self._database.rows(self._sql.names, {"account": account, "label": kind.value})
        return [name for (name,) in rows]

    async def add_names(self, account: int, kind: LabelKind, names: Sequence[str]) -> None:
        """Keep categories or tags of an account; one that is there stays."""
        async with self._database.transaction() as transaction:
            for name in names:
                wanted = {"account": account, "label": kind.value, "value": name}
                if not await transaction.rows(self._sql.name, wanted):
                    row = {"account_id": account, "kind": kind.value, "name": name}
                    await transaction.run(self._sql.add_name, row)

    async def remove_names(
        self, account: int, kind: LabelKind, names: Sequence[str], jobs: Sequence[JobRow]
    ) -> None:
        """Delete categories or tags of an account, and update the rows of the jobs that had them."""
        async with self._database.transaction() as transaction:
            for name in names:
                wanted = {"account": account, "label": kind.value, "value": name}
                await transaction.run(self._sql.delete_name, wanted)
            await transaction.run_many(self._sql.update_job, [_new_values(_job_columns(row)) for row in jobs])

    async def _walk(self, statement: Statement) -> AsyncIterator[list[Row]]:
        after = 0
        while rows := await self._database.rows(statement, {"after": after}):
            yield rows
            after = rows[-1][0]

    async def _insert_content(
        self, transaction: Transaction, row: ContentRow, metadata: ContentMetadata | None
    ) -> int:
        packed = (
            _metadata_columns(metadata) if metadata is not None else {"files": _NO_FILES, "torrent": None}
        )
        ((number,),) = await transaction.rows(self._sql.add_content, {**_content_columns(row), **packed})
        return int(number)


def _new_values(values: Mapping[str, object]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in values.items()}


def _content_columns(row: ContentRow) -> dict[str, Any]:
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


def _job_row(row: Row) -> JobRow:
    number, account, content_id, name, seed, allow_zip, queued, paused, cached, created, updated, *rest = row
    category, tags, ratio, seed_time = rest
    return JobRow(
        id=number,
        account=account,
        content=content_id,
        name=name,
        seed=SeedPolicy(seed),
        allow_zip=bool(allow_zip),
        queued=queued,
        paused=bool(paused),
        cached=bool(cached),
        created=created,
        updated=updated,
        labels=JobLabels(category, tuple(tags.split("\n")) if tags else (), ratio, seed_time),
    )


def _job_columns(row: JobRow) -> dict[str, Any]:
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
        "category": row.labels.category,
        "tags": "\n".join(row.labels.tags),
        "ratio": row.labels.ratio,
        "seed_time": row.labels.seed_time,
    }


def _metadata_columns(metadata: ContentMetadata) -> dict[str, Any]:
    files = [[file.path, file.size] for file in metadata.files]
    text = json.dumps(files, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
    return {"files": zlib.compress(text), "torrent": metadata.torrent}


def _decode_files(packed: bytes) -> tuple[ContentFile, ...]:
    return _few_files(packed) if len(packed) <= _FEW_FILES else _unpacked_files(packed)


@lru_cache(4096)
def _few_files(packed: bytes) -> tuple[ContentFile, ...]:
    return _unpacked_files(packed)


def _unpacked_files(packed: bytes) -> tuple[ContentFile, ...]:
    files = json.loads(zlib.decompress(packed))
    return tuple(ContentFile(index, path, size) for index, (path, size) in enumerate(files))


def _content_row(columns: Sequence[str], row: Row) -> ContentRow:
    values: dict[str, Any] = dict(zip(columns, row, strict=True))
    values["key"] = ContentKey(InfoHash(values.pop("infohash")), values.pop("account_id"))
    values["v2"] = InfoHash(values["v2"]) if values["v2"] else None
    values.update({name: bool(values[name]) for name in _FLAGS})
    return ContentRow(**values)
