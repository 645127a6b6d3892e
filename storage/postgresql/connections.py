"""Connections to a PostgreSQL server: how one is made, and a few that are lent to one query each."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

import asyncpg

from storage.database import DatabaseError
from storage.postgresql.errors import is_lost, translated
from tasks.fair_turns import FairSlots, SlotsClosed

T = TypeVar("T")

LOCK_SECONDS = 5
"""How long a transaction waits for those of other nodes."""
_IDLE_TRANSACTION_SECONDS = 60  # after which a node that hangs no longer keeps the others from writing
_CONNECT_SECONDS = 10.0
_STATEMENTS = 1000  # of one connection that the server keeps planned
_LONGEST_STATEMENT = 64 * 1024
_SETTINGS = {
    "application_name": "peerage",
    "jit": "off",  # compiling takes longer than what is asked here
    "lock_timeout": f"{LOCK_SECONDS}s",
    "idle_in_transaction_session_timeout": f"{_IDLE_TRANSACTION_SECONDS}s",
    "default_transaction_isolation": "read committed",
    "client_encoding": "UTF8",
}


class Connection(Protocol):
    """What is used of asyncpg's connection, which has no types of its own."""

    async def execute(self, query: str, *values: object) -> str:
        """Run a statement, or without values several, and return what the server says of the last."""
        ...

    async def fetch(self, query: str, *values: object) -> Sequence[Sequence[Any]]:
        """Run a statement, and return its rows."""
        ...

    async def fetchmany(self, query: str, values: Sequence[Sequence[object]]) -> Sequence[Sequence[Any]]:
        """Run a statement for each of the values, and return all rows."""
        ...

    async def fetchval(self, query: str, *values: object) -> Any:  # noqa: ANN401
        """Run a query, and return the first value."""
        ...

    async def add_listener(self, channel: str, callback: Callable[[object, int, str, object], None]) -> None:
        """Call back with each notification."""
        ...

    def add_termination_listener(self, callback: Callable[[object], None]) -> None:
        """Call back when the connection ends."""
        ...

    def is_closed(self) -> bool:
        """Return whether it was closed or lost."""
        ...

    def is_in_transaction(self) -> bool:
        """Return whether it is inside a transaction, one that failed too."""
        ...

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Close it when what runs has ended."""
        ...

    def terminate(self) -> None:
        """Close it at once."""
        ...


@dataclass(frozen=True, slots=True)
class DatabaseServer:
    """Where a database is; its `url` may hold a password, its `name` does not."""

    url: str

    @property
    def name(self) -> str:
        """The address of the database for people and logs."""
        parts = urlsplit(self.url)
        return f"postgresql://{parts.netloc.rpartition('@')[2]}{parts.path}"

    async def connect(self, **settings: str) -> Connection:
        """Connect. StorageUnavailable: there is no server, or it takes no more; DatabaseError: it refuses."""
        with translated(self.name):
            connection: Connection = await asyncpg.connect(
                self.url,
                timeout=_CONNECT_SECONDS,
                statement_cache_size=_STATEMENTS,
                max_cacheable_statement_size=_LONGEST_STATEMENT,
                server_settings=_SETTINGS | settings,
            )
            return connection


class Connections:
    """Connections that are made when they are needed; each serves one query at a time, and is made anew when lost.

    They are shared out fairly among the clients whose requests ask, and a query's time counts as its client's work.
    """

    def __init__(self, server: DatabaseServer, size: int, **settings: str) -> None:
        self._server = server
        self._settings = settings
        self._slots = FairSlots(size)
        self._idle: list[Connection] = []  # last in, first out

    def add(self, connection: Connection) -> None:
        """Take over a connection that was made elsewhere."""
        self._idle.append(connection)

    async def run(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        """Run a query, and once more where its connection was lost: it must only read. DatabaseError."""
        try:
            held = await self._slots.acquire()
        except SlotsClosed:
            raise DatabaseError(f"{self._server.name} is closed") from None
        began = time.perf_counter()
        try:
            try:
                return await self._run(query)
            except Exception as error:
                if not is_lost(error):
                    raise
                self._forget()
                return await self._run(query)
        finally:
            if held.client is not None:
                held.client.add(time.perf_counter() - began)
            self._slots.release(held)

    async def _run(self, query: Callable[[Connection], Awaitable[T]]) -> T:
        connection = await self.take()
        try:
            return await query(connection)
        finally:
            self.give(connection)

    async def take(self) -> Connection:
        """Return an idle connection, or make one. DatabaseError."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await self._server.connect(**self._settings)

    def give(self, connection: Connection) -> None:
        """Take a connection back; one that is inside a transaction still is ended."""
        if connection.is_closed():
            return
        if connection.is_in_transaction():
            connection.terminate()
        else:
            self._idle.append(connection)

    def _forget(self) -> None:
        """End those that are idle: what ended one, such as a server that starts again, has ended all."""
        while self._idle:
            self._idle.pop().terminate()

    async def close(self) -> None:
        """Wait until every connection is idle, and close it."""
        for _ in range(self._slots.size):
            await self._slots.acquire(for_service=True)
        self._slots.close()
        idle, self._idle = self._idle, []
        await asyncio.gather(*(_close(each) for each in idle))


async def _close(connection: Connection) -> None:
    try:
        await connection.close(timeout=_CONNECT_SECONDS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        connection.terminate()
