"""Hides how a SQLite file is opened, brought to its version and shared: one writer, one reader, WAL."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, Self

import aiosqlite
import structlog

from storage.sql import Migrations

Synchronous = Literal["NORMAL", "FULL"]

_PRAGMAS = {
    "NORMAL": "PRAGMA synchronous = NORMAL",
    "FULL": "PRAGMA synchronous = FULL",
}
_BUSY_SECONDS = 5.0
_WAL_BYTES_KEPT = 64 * 2**20
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

log = structlog.get_logger()


class DatabaseError(Exception):
    """A database cannot be used; the text names the file and says what to do."""


class SchemaTooNew(DatabaseError):
    """A database was written by a later version of the program."""


class DatabaseDamaged(DatabaseError):
    """A database is damaged, or the file is none."""


class Database:
    """One SQLite file: transactions one after another on the writer, reads beside them on the reader."""

    def __init__(self, path: Path, writer: aiosqlite.Connection, reader: aiosqlite.Connection) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader
        self._turn = asyncio.Lock()
        self._closed = False

    @classmethod
    async def open(cls, path: Path, migrations: Migrations, synchronous: Synchronous) -> Self:
        """Open the file, or make it, and migrate it to the newest version known here.

        DatabaseDamaged, SchemaTooNew, DatabaseError: the file is left as it is.
        """
        opened: list[aiosqlite.Connection] = []
        try:
            # aiosqlite leaves a thread behind when its own first connect fails, so that is tried before.
            await asyncio.to_thread(_probe, path)
            writer = await _connect(path, synchronous, opened)
            await _migrate(writer, path, migrations)
            reader = await _connect(path, synchronous, opened)
            await reader.execute("PRAGMA query_only = ON")
        except BaseException as error:
            for connection in opened:
                await connection.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise _unusable(path, error) from error
            raise
        return cls(path, writer, reader)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        """Give the writer inside a transaction: committed at the end, rolled back by any exception."""
        async with self._turn:
            try:
                await self._writer.execute("BEGIN IMMEDIATE")
                yield self._writer
                await self._writer.commit()
            except BaseException as error:
                # A cancelled statement still runs in the writer's thread; the rollback queues up behind it.
                await asyncio.shield(self._writer.rollback())
                if isinstance(error, sqlite3.DatabaseError) and (damage := _damage(self.path, error)):
                    raise damage from error
                raise

    async def rows(self, sql: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Run a query on the reader, which sees everything committed, and return all its rows.

        DatabaseDamaged: the file is, where this query looks.
        """
        try:
            return [tuple(row) for row in await self._reader.execute_fetchall(sql, parameters)]
        except sqlite3.DatabaseError as error:
            if damage := _damage(self.path, error):
                raise damage from error
            raise

    async def healthy(self) -> bool:
        """Tell whether the file answers a query."""
        if self._closed:
            return False
        try:
            await self.rows("SELECT count(*) FROM sqlite_schema")
        except (sqlite3.Error, DatabaseError) as error:
            log.warning("database.no_answer", path=str(self.path), error=str(error))
            return False
        return True

    async def close(self) -> None:
        """Wait for the transaction under way and close; a second call does nothing."""
        async with self._turn:
            if self._closed:
                return
            self._closed = True
            await self._reader.close()
            await self._writer.execute("PRAGMA optimize")
            await self._writer.close()


def _probe(path: Path) -> None:
    sqlite3.connect(path).close()


async def _connect(
    path: Path, synchronous: Synchronous, opened: list[aiosqlite.Connection]
) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
    opened.append(connection)
    await connection.execute("PRAGMA journal_mode = WAL")
    await connection.execute(_PRAGMAS[synchronous])
    await connection.execute("PRAGMA foreign_keys = ON")
    await connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES_KEPT}")
    return connection


async def _migrate(writer: aiosqlite.Connection, path: Path, migrations: Migrations) -> None:
    """Apply the migrations that the file lacks, each in a transaction of its own."""
    ((version,),) = await writer.execute_fetchall("PRAGMA user_version")
    if version > len(migrations):
        raise SchemaTooNew(
            f"{path} is of version {version}, this program knows up to {len(migrations)}: use a newer program"
        )
    for number, statements in enumerate(migrations[version:], start=version + 1):
        await writer.execute("BEGIN IMMEDIATE")
        for statement in statements:
            await writer.execute(statement)
        await writer.execute(f"PRAGMA user_version = {number}")
        await writer.commit()


def _unusable(path: Path, error: sqlite3.DatabaseError) -> DatabaseError:
    return _damage(path, error) or DatabaseError(f"{path} cannot be opened: {error}")


def _damage(path: Path, error: sqlite3.DatabaseError) -> DatabaseDamaged | None:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGED:
        return None
    return DatabaseDamaged(f"{path} is damaged or no database ({error}): restore it, or move it away")
