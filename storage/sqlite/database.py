"""A SQLite database in WAL mode: one writer, some readers, migrated when it is opened."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, closing
from functools import partial
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import aiosqlite
import structlog

from storage.database import (
    NO_PARAMETERS,
    AtEnd,
    DatabaseError,
    QueryTimeout,
    Row,
    SchemaTooNew,
    Sql,
)
from storage.dialect import changes_made
from storage.fsync import fsync_directory
from storage.schema import Schema
from storage.set_aside import set_aside
from storage.sqlite.dialect import SqliteDialect
from storage.sqlite.errors import translate, translated, unusable
from storage.sqlite.parameters import Values, bound
from storage.sqlite.shared_commits import Body, SharedCommits
from storage.sqlite.short_reads import ShortReads, connect
from storage.table_versions import TableChange, TableVersions
from tasks.fair_turns import FairSlots, HeldSlot, SlotsClosed
from tasks.recent_work import urgent

Synchronous = Literal["NORMAL", "FULL"]
T = TypeVar("T")

_READERS = 2
_BUSY_SECONDS = 5.0
_INTERRUPT_INTERVAL = 0.05
_WAL_BYTES_KEPT = 64 * 2**20
_CACHE_KIB = 32 * 1024  # of each connection; SQLite's default of 2 MiB holds less than one search reads
_APPLICATION_ID = 0x50474545  # "PGEE", which a health check writes
_LONGEST_WRITE = 30.0
# The first query makes the write-ahead log. SQLite syncs its folder once, and takes no notice when that fails.
_MAKE_LOG = "SELECT count(*) FROM sqlite_schema"
_READ_ONLY = "PRAGMA query_only = ON"

log = structlog.get_logger()


class SqliteTransaction:
    """The writer connection inside a transaction."""

    def __init__(self, path: Path, connection: aiosqlite.Connection, dialect: SqliteDialect) -> None:
        self._path = path
        self._connection = connection
        self.dialect = dialect
        self.changes: set[TableChange | None] = set()
        """What its statements did, None for what is not known."""

    async def rows(self, sql: Sql, parameters: Values = NO_PARAMETERS) -> list[Row]:
        """Run a query or a statement that returns rows, and return all of them."""
        self.changes.update(changes_made(sql))
        with translated(self._path):
            return [
                tuple(row) for row in await self._connection.execute_fetchall(str(sql), bound(parameters))
            ]

    async def run(self, sql: Sql, parameters: Values = NO_PARAMETERS) -> int:
        """Run a statement, and return how many rows changed."""
        self.changes.update(changes_made(sql))
        with translated(self._path):
            return (await self._connection.execute(str(sql), bound(parameters))).rowcount

    async def run_many(self, sql: Sql, parameters: Sequence[Values]) -> int:
        """Run a statement for each of the parameters, and return how many rows changed."""
        if not parameters:
            return 0
        self.changes.update(changes_made(sql))
        with translated(self._path):
            return (await self._connection.executemany(str(sql), parameters)).rowcount

    async def compute(self, function: Callable[[], T]) -> T:
        """Return what a function returns, which is run in a thread."""
        return await asyncio.to_thread(function)

    async def at_end(self, work: AtEnd, numbers: Sequence[int]) -> None:
        """Do work on numbers, at once."""
        await work(self, numbers)


class SqliteDatabase:
    """One SQLite file: transactions one after another on the writer, reads beside them on the readers."""

    def __init__(
        self,
        path: Path,
        writer: aiosqlite.Connection,
        readers: Sequence[aiosqlite.Connection],
        short: ShortReads,
        reopen: "Callable[[], Awaitable[SqliteDatabase]]",
    ) -> None:
        self.path = path
        self._reopen = reopen
        self.dialect = SqliteDialect()
        self._writer = writer
        self._readers = _Readers(path, readers)
        self._short = short
        self._lock = FairSlots(1)
        self.versions = TableVersions()
        """Counts what was committed, in the thread of the connection that writes."""
        self._shared = SharedCommits(self, self._lock.slot)
        self._closed = False
        self._writing_since: float | None = None
        self._overwrites = False

    @classmethod
    async def open(
        cls,
        path: Path,
        schema: Schema,
        synchronous: Synchronous,
        readers: int = _READERS,
        *,
        busy_seconds: float = _BUSY_SECONDS,
    ) -> Self:
        """Open or create the file, and migrate it to the newest version.

        Locks of other processes are waited for `busy_seconds`.
        DatabaseDamaged, SchemaTooNew, DatabaseError: the file is left as it is.
        """
        opened: list[aiosqlite.Connection] = []
        try:
            # aiosqlite leaks a thread when its first connect fails; migrating has connected before.
            await asyncio.to_thread(_migrate, path, schema, synchronous, busy_seconds)
            for _ in range(1 + readers):
                opened.append(await aiosqlite.connect(path, timeout=busy_seconds, isolation_level=None))
                pragmas = (*_pragmas(synchronous), *((_READ_ONLY,) if opened[1:] else (_MAKE_LOG,)))
                await _in_thread_of(opened[-1], partial(_run_all, pragmas))
            await asyncio.to_thread(fsync_directory, path.parent)
        except BaseException as error:
            for connection in opened:
                await connection.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise unusable(path, error) from error
            if isinstance(error, OSError):
                raise DatabaseError(f"{path} cannot be opened: {error.strerror}") from error
            raise
        reopen = partial(cls.open, path, schema, synchronous, readers, busy_seconds=busy_seconds)
        short = ShortReads(partial(connect, path, _pragmas(synchronous)))
        return cls(path, opened[0], opened[1:], short, reopen)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqliteTransaction]:
        """Yield the writer inside a transaction: committed at the end, rolled back by any exception."""
        async with self._lock.slot():
            with urgent():
                async with self._write() as transaction:
                    yield transaction

    async def change(self, body: Body[T]) -> T:
        """Run a change in a transaction that it shares with others that are under way; return its result, durable."""
        if self._closed:
            raise DatabaseError(f"{self.path} is closed")
        return await self._shared.run(body)

    async def on_writer(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in the thread of the connection that writes, whose turn the caller has. DatabaseError."""
        if self._closed:
            raise DatabaseError(f"{self.path} is closed")
        self._writing_since = time.monotonic()
        try:
            return await _in_thread_of(self._writer, function)
        finally:
            self._writing_since = None

    @asynccontextmanager
    async def _write(self) -> AsyncIterator[SqliteTransaction]:
        try:
            with translated(self.path):
                await self._writer.execute("BEGIN IMMEDIATE")
            self._writing_since = time.monotonic()
            transaction = SqliteTransaction(self.path, self._writer, self.dialect)
            yield transaction
            with translated(self.path):
                await _in_thread_of(self._writer, partial(self._commit, transaction.changes))
        except BaseException:
            # A cancelled statement still runs in the writer's thread; the rollback is queued behind it.
            await asyncio.shield(self._writer.rollback())
            raise
        finally:
            self._writing_since = None

    def _commit(self, changes: Iterable[TableChange | None], connection: sqlite3.Connection) -> None:
        """Commit, and count what was changed: in the writer's thread, since the caller may be gone before."""
        try:
            connection.commit()
        finally:
            self.versions.count(changes)  # a commit that failed may have held

    def version(self, changes: frozenset[TableChange]) -> int:
        """Return a number that is another once a transaction that made one of the changes is answered."""
        return self.versions.version(changes)

    async def rows(
        self,
        sql: Sql,
        parameters: Values = NO_PARAMETERS,
        *,
        seconds: float | None = None,
        short: bool | None = None,
    ) -> list[Row]:
        """Run a query on a reader, which sees everything committed, and return all its rows.

        One that is `short`, as is any without `seconds` of which it is not said, is run on the event loop where it
        was so the last time.
        DatabaseDamaged: the pages that the query reads are. QueryTimeout: it took more than `seconds`, waiting for a
        reader included, and was interrupted.
        """
        if self._closed:
            raise DatabaseError(f"{self.path} is closed")
        tried = seconds is None if short is None else short
        try:
            if tried and (found := await self._short.rows(str(sql), bound(parameters))) is not None:
                return found
            async with asyncio.timeout(seconds):
                return await self._readers.run(
                    lambda connection: connection.execute(str(sql), bound(parameters)).fetchall()
                )
        except sqlite3.Error as error:
            raise translate(self.path, error) from error
        except TimeoutError as error:
            raise QueryTimeout(f"a query of {self.path} took more than {seconds} s") from error

    async def overwrite_deleted(self) -> None:
        """Overwrite with zeros what is deleted from now on."""
        async with self._lock.slot():
            self._overwrites = True
            with translated(self.path):
                await self._writer.execute_fetchall("PRAGMA secure_delete = ON")

    async def purge_deleted(self) -> bool:
        """Checkpoint and truncate the write-ahead log; False where a reader prevents it."""
        async with self._lock.slot():
            with translated(self.path):
                found = await self._writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
            ((busy, _, _),) = found
            return not busy

    async def healthy(self) -> bool:
        """Return whether the file takes a write; one that is under way for less than half a minute is one."""
        if self._closed:
            return False
        since = self._writing_since
        try:
            if since is not None and time.monotonic() - since < _LONGEST_WRITE:
                await self.rows("SELECT count(*) FROM sqlite_schema")
                return True
            async with self.transaction() as transaction:
                await transaction.run(f"PRAGMA application_id = {_APPLICATION_ID}")
        except DatabaseError as error:
            log.warning("database.no_answer", path=str(self.path), error=str(error))
            return False
        return True

    async def start_over(self, now: float) -> Path:
        """Set the damaged file aside and go on with an empty one; return where it is. `now` in unix seconds."""
        async with self._lock.slot():
            self._short.close()
            await self._readers.close()
            await self._writer.close()
            aside = set_aside(self.path, now)
            fresh = await self._reopen()
            self._writer, self._readers, self._short = fresh._writer, fresh._readers, fresh._short
            self.versions.count((None,))
            if self._overwrites:
                await self._writer.execute_fetchall("PRAGMA secure_delete = ON")
        return aside

    async def close(self) -> None:
        """Wait for running transactions and queries, and close; a second call does nothing."""
        await self._shared.drain()
        async with self._lock.slot():
            if self._closed:
                return
            self._closed = True
            self._short.close()
            await self._readers.close()
            try:
                await self._writer.execute("PRAGMA optimize")
            except sqlite3.Error as error:
                # Statistics only; what was committed is on disk already.
                log.warning("database.not_optimized", path=str(self.path), error=str(error))
            finally:
                await self._writer.close()


class _Readers:
    """A pool of read-only connections; each serves one query until that has ended in its thread.

    They are shared out fairly among the clients whose requests ask, and a query's time counts as its client's work.
    """

    def __init__(self, path: Path, readers: Sequence[aiosqlite.Connection]) -> None:
        self._path = path
        self._slots = FairSlots(len(readers))
        # Last in, first out: the cache of the one used last is warm.
        self._idle = list(readers)
        self._interrupting: set[asyncio.Task[None]] = set()

    async def run(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Run a query in a reader's thread; it is interrupted when its caller is cancelled."""
        try:
            held = await self._slots.acquire()
        except SlotsClosed:
            raise DatabaseError(f"{self._path} is closed") from None
        reader = self._idle.pop()
        running = asyncio.create_task(self._execute(reader, query, held))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            interrupting = asyncio.create_task(_interrupt(reader, running))
            self._interrupting.add(interrupting)
            interrupting.add_done_callback(self._interrupting.discard)
            raise

    async def close(self) -> None:
        """Wait until every reader is idle, and close it."""
        for _ in range(self._slots.size):
            await self._slots.acquire(for_service=True)
            await self._idle.pop().close()
        self._slots.close()

    async def _execute(
        self, reader: aiosqlite.Connection, query: Callable[[sqlite3.Connection], T], held: HeldSlot
    ) -> T:
        began = time.perf_counter()
        try:
            return await _in_thread_of(reader, query)
        finally:
            if held.client is not None:
                held.client.add(time.perf_counter() - began)
            self._idle.append(reader)
            self._slots.release(held)


async def _in_thread_of(connection: aiosqlite.Connection, function: Callable[[sqlite3.Connection], T]) -> T:
    """Run a function in a connection's thread: aiosqlite's own calls are all made by this."""
    result: T = await connection._execute(lambda: function(connection._conn))  # type: ignore[no-untyped-call]
    return result


async def _interrupt(reader: aiosqlite.Connection, query: asyncio.Task[Any]) -> None:
    """Interrupt a query until it has ended: an interrupt before it has begun does nothing.

    Until then the reader is not reused, and an interrupt of an idle connection has no effect.
    """
    while not query.done():
        await reader.interrupt()
        await asyncio.wait({query}, timeout=_INTERRUPT_INTERVAL)
    if not query.cancelled():
        query.exception()  # nobody waits for it any more


def _pragmas(synchronous: Synchronous) -> tuple[str, ...]:
    return (
        "PRAGMA journal_mode = WAL",
        f"PRAGMA synchronous = {synchronous}",
        "PRAGMA foreign_keys = ON",
        f"PRAGMA journal_size_limit = {_WAL_BYTES_KEPT}",
        f"PRAGMA cache_size = -{_CACHE_KIB}",
    )


def _run_all(statements: Iterable[str], connection: sqlite3.Connection) -> None:
    for statement in statements:
        connection.execute(statement).fetchall()


def _migrate(path: Path, schema: Schema, synchronous: Synchronous, busy_seconds: float) -> None:
    """Migrate the file to the newest version. SchemaTooNew, sqlite3.DatabaseError."""
    with closing(sqlite3.connect(path, timeout=busy_seconds, isolation_level=None)) as connection:
        if (version := _read_version(connection)) == schema.head:
            return
        if version is not None and version < schema.head:
            _keep_before(path, version)
        # Imported only when it is needed: Alembic takes longer to load than everything else.
        from storage.sqlite.upgrade import UnknownRevision, upgrade_file  # noqa: PLC0415

        for pragma in _pragmas(synchronous):
            connection.execute(pragma)
        connection.execute(_MAKE_LOG).fetchone()
        fsync_directory(path.parent)
        # A migration may rebuild a table that others refer to.
        connection.execute("PRAGMA foreign_keys = OFF")
        try:
            upgrade_file(connection, schema)
        except UnknownRevision as error:
            raise SchemaTooNew(
                f"{path} is of version {error.version}, this program knows up to {schema.head}: "
                "use a newer program"
            ) from error


def _keep_before(path: Path, version: str) -> None:
    """Keep what is about to be migrated, so that the program from before can be installed again."""
    from storage.sqlite.upkeep import keep_before  # noqa: PLC0415 - seldom

    kept = keep_before(path, version)
    if kept is None:
        log.warning("database.no_room_for_a_copy", path=str(path))
    else:
        log.info("database.kept_before_migration", path=str(path), copy=kept.name)


def _read_version(connection: sqlite3.Connection) -> str | None:
    """Return the Alembic revision that a file has, None where it has none. sqlite3.DatabaseError."""
    with closing(connection.cursor()) as cursor:
        cursor.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'alembic_version'")
        if cursor.fetchone() == (0,):
            return None
        found = cursor.execute("SELECT version_num FROM alembic_version").fetchone()
        return found[0] if found is not None else None
