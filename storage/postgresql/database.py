"""A PostgreSQL database: one transaction at a time over all nodes, queries beside it, migrated when it is opened."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Self, TypeVar

import structlog

from storage.database import NO_PARAMETERS, DatabaseError, QueryTimeout, Row, SchemaTooNew, Sql
from storage.postgresql.connections import Connection, Connections, DatabaseServer
from storage.postgresql.dialect import PostgresqlDialect
from storage.postgresql.errors import FAILURES, translate, translated
from storage.postgresql.heard_changes import CHANNEL, HeardChanges, told
from storage.postgresql.parameters import by_position, read_rows
from storage.postgresql.shared_turns import Body, SharedTurns
from storage.postgresql.transactions import BEGIN, Parameters, PostgresqlTransaction
from storage.schema import Schema
from storage.table_versions import TableChange, TableVersions
from tasks.fair_turns import FairSlots
from tasks.recent_work import urgent

T = TypeVar("T")

_MIGRATE = f"BEGIN; SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock({0x50474546})"
_HAS_VERSION = "SELECT to_regclass('alembic_version') IS NOT NULL"
_IS_UTF8 = "SELECT getdatabaseencoding()"
# Searches have an index for whatever they ask; a walk through the table would unpack every text of it. Their plans
# depend on the words.
_SEARCHING = {"enable_seqscan": "off", "plan_cache_mode": "force_custom_plan", "work_mem": "32MB"}

log = structlog.get_logger()


class PostgresqlDatabase:
    """One database of a server: transactions take turns among all who write to it, reads go beside them."""

    def __init__(self, server: DatabaseServer, first: Connection, readers: int) -> None:
        self.name = server.name
        self.dialect = PostgresqlDialect()
        self.versions = TableVersions()
        """Counts what was committed, here and over every other connection."""
        self._writers = Connections(server, 1)
        self._writers.add(first)
        self._readers = Connections(server, readers)
        self._searchers = Connections(server, readers, **_SEARCHING)
        self._heard = HeardChanges(server, self.versions)
        self._lock = FairSlots(1)
        self._shared = SharedTurns(self, self._lock.slot)
        self._closed = False

    @classmethod
    async def open(cls, url: str, schema: Schema, readers: int) -> Self:
        """Connect, and migrate the database to the newest version.

        SchemaTooNew, DatabaseError: it is left as it is.
        """
        server = DatabaseServer(url)
        first = await server.connect()
        try:
            with translated(server.name):
                await _migrate(server.name, first, schema)
            opened = cls(server, first, readers)
            await opened._heard.start()
        except BaseException:
            first.terminate()
            raise
        return opened

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresqlTransaction]:
        """Yield a transaction: committed at the end, rolled back by any exception."""
        async with self._lock.slot():
            with urgent():
                async with self._begun() as connection:
                    transaction = PostgresqlTransaction(self.name, connection, self.dialect)
                    yield transaction
                    await self._commit(connection, transaction.changes)

    async def change(self, body: Body[T]) -> T:
        """Run a change in a transaction that it shares with others that are under way; return its result, durable."""
        if self._closed:
            raise DatabaseError(f"{self.name} is closed")
        return await self._shared.run(body)

    async def write(self, body: Callable[[Connection], Coroutine[Any, Any, set[TableChange | None]]]) -> None:
        """Run a body in a transaction of its own, whose turn the caller has; it returns what was changed."""
        async with self._begun() as connection:
            await self._commit(connection, await body(connection))

    @asynccontextmanager
    async def _begun(self) -> AsyncIterator[Connection]:
        """Yield a connection inside a transaction, which is rolled back unless it was committed."""
        if self._closed:
            raise DatabaseError(f"{self.name} is closed")
        connection = await self._begin()
        try:
            yield connection
        except BaseException:
            await _to_end(_roll_back(connection))
            raise
        finally:
            self._writers.give(connection)

    async def _begin(self) -> Connection:
        """Begin a transaction; over a new connection where the last one was lost meanwhile. DatabaseError."""
        for last in (False, True):
            connection = await self._writers.take()
            try:
                await connection.execute(BEGIN)
            except BaseException as error:
                await _to_end(_roll_back(connection))
                lost = connection.is_closed()
                self._writers.give(connection)
                if isinstance(error, FAILURES) and (last or not lost):
                    raise translate(self.name, error) from error
                if not isinstance(error, FAILURES):
                    raise
            else:
                return connection
        raise AssertionError("unreachable")

    async def _commit(self, connection: Connection, changes: Iterable[TableChange | None]) -> None:
        """Commit, tell other nodes what was changed, and count it, even where the caller is gone before."""
        payload = told(changes)
        # The payload is made of names of tables and verbs.
        notify = f"SELECT pg_notify('{CHANNEL}', '{payload}'); " if payload else ""

        async def commit() -> None:
            try:
                with translated(self.name):
                    await connection.execute(f"{notify}COMMIT")
            finally:
                self.versions.count(changes)  # a commit that failed may have held

        await _to_end(commit())

    def version(self, changes: frozenset[TableChange]) -> int:
        """Return a number that is another once a transaction that made one of the changes is answered.

        Of another node's transaction it is another within moments; while this one cannot hear of them, it always is.
        """
        if not self._heard.listening:
            self.versions.count((None,))
        return self.versions.version(changes)

    async def rows(
        self,
        sql: Sql,
        parameters: Parameters = NO_PARAMETERS,
        *,
        seconds: float | None = None,
        short: bool | None = None,
    ) -> list[Row]:
        """Run a query beside transactions, which sees everything committed, and return all its rows.

        QueryTimeout: it took more than `seconds`, waiting for a connection included, and was cancelled.
        """
        if self._closed:
            raise DatabaseError(f"{self.name} is closed")
        text, values = by_position(sql, parameters)

        async def fetch(connection: Connection) -> list[Row]:
            return read_rows(await connection.fetch(text, *values))

        connections = self._readers if seconds is None else self._searchers
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await connections.run(fetch)
        except FAILURES as error:
            if limit.expired():
                raise QueryTimeout(f"a query of {self.name} took more than {seconds} s") from error
            raise translate(self.name, error) from error

    async def overwrite_deleted(self) -> None:
        """Do nothing: what is deleted stays on the server's disks until it vacuums, and in its log."""

    async def purge_deleted(self) -> bool:
        """Do nothing: the server vacuums by itself."""
        return True

    async def healthy(self) -> bool:
        """Return whether the server takes a write: a record in its log, and in no table."""
        try:
            await self.rows("SELECT pg_logical_emit_message(true, 'peerage', '')")
        except DatabaseError as error:
            log.warning("database.no_answer", database=self.name, error=str(error))
            return False
        return True

    async def start_over(self, now: float) -> Path:
        """Refuse: only a file can be set aside. DatabaseError."""
        raise DatabaseError(f"{self.name} cannot be set aside at {now:.0f}: restore it")

    async def close(self) -> None:
        """Wait for running transactions and queries, and close; a second call does nothing."""
        await self._shared.drain()
        async with self._lock.slot():
            if self._closed:
                return
            self._closed = True
            await self._heard.close()
            for connections in (self._readers, self._searchers, self._writers):
                await connections.close()


async def _migrate(name: str, connection: Connection, schema: Schema) -> None:
    """Take a database to the newest version. SchemaTooNew, DatabaseError."""
    if await _version(connection) == schema.head:
        return
    if await connection.fetchval(_IS_UTF8) != "UTF8":
        raise DatabaseError(f"{name} is not of the encoding UTF8: make one that is")
    # Imported only when it is needed: Alembic takes longer to load than everything else.
    from storage.postgresql.upgrade import UnknownRevision, migration_script  # noqa: PLC0415

    # Nodes that are started together take turns, and all but the first have nothing left to do.
    await connection.execute(_MIGRATE)
    try:
        await connection.execute(migration_script(schema, await _version(connection)))
    except UnknownRevision as error:
        await _roll_back(connection)
        raise SchemaTooNew(
            f"{name} is of version {error.version}, this program knows up to {schema.head}: use a newer program"
        ) from error
    await connection.execute("COMMIT")


async def _version(connection: Connection) -> str | None:
    if not await connection.fetchval(_HAS_VERSION):
        return None
    found: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return found


async def _roll_back(connection: Connection) -> None:
    if connection.is_closed():
        return
    try:
        if connection.is_in_transaction():
            await connection.execute("ROLLBACK")
    except FAILURES:
        connection.terminate()


async def _to_end(work: Coroutine[Any, Any, None]) -> None:
    """Do work to its end, and raise a cancellation of the caller only then."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        with suppress(Exception):
            task.result()
        raise
