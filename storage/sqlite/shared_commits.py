"""Changes that are under way together share one transaction of SQLite, and so one sync of its log.

A change is a coroutine over a transaction. It runs in the thread of the connection that writes, where each statement is
there at once: it never waits for the event loop. What comes while one transaction is synced is gathered for the next,
and a change that comes alone is committed alone, at once.
"""

import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol, TypeVar

from storage.database import NO_PARAMETERS, DatabaseError, Row, Sql
from storage.sqlite.dialect import SqliteDialect
from storage.sqlite.errors import translate
from storage.sqlite.parameters import Values, bound
from tasks.gathering import Gathered, Gathering, Turn
from tasks.recent_work import RecentWork

T = TypeVar("T")

_TOGETHER = 256  # changes in one transaction
_SECONDS = 0.1  # after which what is left of a transaction's changes waits for the next

_BEGIN = "SAVEPOINT change"
_UNDO = "ROLLBACK TO change"
_END = "RELEASE change"


class ThreadTransaction:
    """A connection in its own thread, inside a transaction: what is awaited of it is there at once."""

    def __init__(self, path: Path, connection: sqlite3.Connection, dialect: SqliteDialect) -> None:
        self._path = path
        self._connection = connection
        self.dialect = dialect

    async def rows(self, sql: Sql, parameters: Values = NO_PARAMETERS) -> list[Row]:
        """Run a query or a statement that returns rows, and return all of them."""
        try:
            return self._inside().execute(str(sql), bound(parameters)).fetchall()
        except sqlite3.Error as error:
            raise translate(self._path, error) from error

    async def run(self, sql: Sql, parameters: Values = NO_PARAMETERS) -> int:
        """Run a statement, and return how many rows changed."""
        try:
            return self._inside().execute(str(sql), bound(parameters)).rowcount
        except sqlite3.Error as error:
            raise translate(self._path, error) from error

    async def run_many(self, sql: Sql, parameters: Sequence[Values]) -> int:
        """Run a statement for each of the parameters, and return how many rows changed."""
        if not parameters:
            return 0
        try:
            return self._inside().executemany(str(sql), parameters).rowcount
        except sqlite3.Error as error:
            raise translate(self._path, error) from error

    async def compute(self, function: Callable[[], T]) -> T:
        """Return what a function returns, which is run here."""
        return function()

    def _inside(self) -> sqlite3.Connection:
        """Return the connection, unless SQLite undid the transaction: what is run then would be committed at once."""
        if not self._connection.in_transaction:
            raise DatabaseError(f"{self._path}: the transaction was undone")
        return self._connection


Body = Callable[[ThreadTransaction], Coroutine[Any, Any, T]]


def driven(body: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing to its end. RuntimeError: it waits."""
    try:
        body.send(None)
    except StopIteration as end:
        value: T = end.value
        return value
    body.close()
    raise RuntimeError("what runs in a connection's thread waits for something else")


class Writer(Protocol):
    """A database whose changes are gathered."""

    path: Path
    dialect: SqliteDialect

    async def on_writer(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in the thread of the connection that writes, whose turn the caller has. DatabaseError."""
        ...


class SharedCommits:
    """Commits together what is under way together; each transaction has its `turn` among the others of the database."""

    def __init__(self, writer: Writer, turn: Turn) -> None:
        self._writer = writer
        self._gathering: Gathering[Body[Any], Any] = Gathering(self._commit, _TOGETHER, turn)

    async def run(self, body: Body[T]) -> T:
        """Run a change, and return its result once it is durable, or raise what it raised, with nothing changed."""
        result: T = await self._gathering.do(body)
        return result

    async def drain(self) -> None:
        """Wait until nothing is under way."""
        await self._gathering.drain()

    async def _commit(self, changes: Sequence[Gathered[Body[Any], Any]]) -> None:
        """Commit changes, and tell of each. Where the transaction failed as a whole, all fail with what it raised."""
        writer = self._writer
        taken = [_Change(each.item, each.client) for each in changes]
        try:
            await writer.on_writer(lambda connection: _commit(connection, writer, taken))
        except sqlite3.Error as error:
            raise translate(writer.path, error) from error
        for each, change in zip(changes, taken, strict=True):
            change.tell(each)


class _Change:
    """One change in the connection's thread, and what came of it."""

    def __init__(self, body: Body[Any], client: RecentWork | None) -> None:
        self._body = body
        self._client = client
        self._result: list[object] = []
        self._error: Exception | None = None

    def run(self, connection: sqlite3.Connection, transaction: ThreadTransaction) -> None:
        """Run it; what it did is undone where it fails."""
        began = perf_counter()
        connection.execute(_BEGIN)
        try:
            self._result = [driven(self._body(transaction))]
        except Exception as error:
            if not connection.in_transaction:
                raise  # SQLite undid the whole transaction
            connection.execute(_UNDO)
            self._error = error
        connection.execute(_END)
        if self._client is not None:
            self._client.add(perf_counter() - began)

    def tell(self, gathered: Gathered[Body[Any], Any]) -> None:
        """Tell what came of it; where it did not run, it runs in the next transaction."""
        if self._error is not None:
            gathered.fail(self._error)
        elif self._result:
            gathered.settle(self._result[0])


def _commit(connection: sqlite3.Connection, writer: Writer, changes: Sequence[_Change]) -> None:
    """Make changes in one transaction, as many as there is time for."""
    transaction = ThreadTransaction(writer.path, connection, writer.dialect)
    until = perf_counter() + _SECONDS
    connection.execute("BEGIN IMMEDIATE")
    try:
        for change in changes:
            change.run(connection, transaction)
            if perf_counter() > until:
                break
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
