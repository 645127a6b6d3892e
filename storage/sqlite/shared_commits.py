"""Changes that are under way together share one transaction of SQLite, and so one sync of its log.

A change is a coroutine over a transaction. It runs in the thread of the connection that writes, where each statement is
there at once: it never waits for the event loop. Where another of its transaction has to be undone it is run again.
What comes while one transaction is synced is gathered for the next, and a change that comes alone is committed at once.
"""

import sqlite3
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol, TypeVar

from storage.change_outcome import LONGEST, TOGETHER, ChangeOutcome
from storage.database import NO_PARAMETERS, AtEnd, DatabaseError, Row, Sql
from storage.dialect import changes_made
from storage.sqlite.dialect import SqliteDialect
from storage.sqlite.errors import translate
from storage.sqlite.parameters import Values, bound
from storage.table_versions import TableChange, TableVersions
from tasks.gathering import Gathered, Gathering, Turn
from tasks.recent_work import RecentWork

T = TypeVar("T")


class ThreadTransaction:
    """A connection in its own thread, inside a transaction: what is awaited of it is there at once.

    Where changes go `apart`, what each leaves for the end is done with it.
    """

    def __init__(self, connection: sqlite3.Connection, writer: "Writer", *, apart: bool) -> None:
        self._path = writer.path
        self._connection = connection
        self._apart = apart
        self._left: dict[AtEnd, dict[int, None]] = {}
        self.dialect = writer.dialect
        self.changes: set[TableChange | None] = set()
        """What its statements did, None for what is not known."""

    async def rows(self, sql: Sql, parameters: Values = NO_PARAMETERS) -> list[Row]:
        """Run a query or a statement that returns rows, and return all of them."""
        self.changes.update(changes_made(sql))
        try:
            return self._inside().execute(str(sql), bound(parameters)).fetchall()
        except sqlite3.Error as error:
            raise translate(self._path, error) from error

    async def run(self, sql: Sql, parameters: Values = NO_PARAMETERS) -> int:
        """Run a statement, and return how many rows changed."""
        self.changes.update(changes_made(sql))
        try:
            return self._inside().execute(str(sql), bound(parameters)).rowcount
        except sqlite3.Error as error:
            raise translate(self._path, error) from error

    async def run_many(self, sql: Sql, parameters: Sequence[Values]) -> int:
        """Run a statement for each of the parameters, and return how many rows changed."""
        if not parameters:
            return 0
        self.changes.update(changes_made(sql))
        try:
            return self._inside().executemany(str(sql), parameters).rowcount
        except sqlite3.Error as error:
            raise translate(self._path, error) from error

    async def compute(self, function: Callable[[], T]) -> T:
        """Return what a function returns, which is run here."""
        return function()

    async def at_end(self, work: AtEnd, numbers: Sequence[int]) -> None:
        """Have work done on numbers at the end, once for each however often they are given."""
        if self._apart:
            await work(self, numbers)
        else:
            self._left.setdefault(work, {}).update(dict.fromkeys(numbers))

    async def end(self) -> None:
        """Do what was left for the end."""
        for work, numbers in self._left.items():
            await work(self, list(numbers))

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
    versions: TableVersions

    async def on_writer(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """Run a function in the thread of the connection that writes, whose turn the caller has. DatabaseError."""
        ...


class SharedCommits:
    """Commits together what is under way together; each transaction has its `turn` among the others of the database.

    `timer` gives the seconds of a clock that never goes back.
    """

    def __init__(self, writer: Writer, turn: Turn, timer: Callable[[], float] = perf_counter) -> None:
        self._writer = writer
        self._timer = timer
        self._gathering: Gathering[Body[Any], Any] = Gathering(self._commit, TOGETHER, turn)

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
            await writer.on_writer(lambda connection: _commit(connection, writer, taken, self._timer))
        except sqlite3.Error as error:
            raise translate(writer.path, error) from error
        for each, change in zip(changes, taken, strict=True):
            change.tell(each)


class _Change(ChangeOutcome):
    """One change in the connection's thread, and what came of it."""

    def __init__(self, body: Body[Any], client: RecentWork | None) -> None:
        super().__init__(client)
        self._body = body

    def run(self, transaction: ThreadTransaction) -> bool:
        """Run it, and return whether it did not fail."""
        self.begin()
        try:
            self.succeed(driven(self._body(transaction)))
        except Exception as error:
            self.fail(error)
        return self.succeeded


class _Undone(Exception):
    """A change failed after it had changed something, so that its transaction has to be undone."""


def _commit(
    connection: sqlite3.Connection, writer: Writer, changes: Sequence[_Change], timer: Callable[[], float]
) -> None:
    """Make changes in one transaction, as many as there is time for.

    They go without savepoints, at each of which the full-text index writes what it has gathered to its tables, unless
    one of them has to be undone.
    """
    try:
        with _transaction(connection, writer, apart=False) as transaction:
            _make(connection, transaction, changes, timer)
    except _Undone:
        for change in changes:
            change.forget()
        with _transaction(connection, writer, apart=True) as transaction:
            _make_apart(connection, transaction, changes, timer)


@contextmanager
def _transaction(
    connection: sqlite3.Connection, writer: Writer, *, apart: bool
) -> Iterator[ThreadTransaction]:
    transaction = ThreadTransaction(connection, writer, apart=apart)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield transaction
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
    finally:
        writer.versions.count(transaction.changes)  # a commit that failed may have held


def _make(
    connection: sqlite3.Connection,
    transaction: ThreadTransaction,
    changes: Sequence[_Change],
    timer: Callable[[], float],
) -> None:
    """Make changes. _Undone: one has to be undone."""
    until = timer() + LONGEST
    for change in changes:
        before = connection.total_changes
        if not change.run(transaction):
            if not connection.in_transaction:
                change.raise_error()  # SQLite undid the whole transaction
            if connection.total_changes != before:
                raise _Undone
        if timer() > until:
            break
    try:
        driven(transaction.end())
    except Exception as error:
        if connection.in_transaction:
            raise _Undone from error
        raise


def _make_apart(
    connection: sqlite3.Connection,
    transaction: ThreadTransaction,
    changes: Sequence[_Change],
    timer: Callable[[], float],
) -> None:
    """Make changes of which each that fails is undone by itself."""
    until = timer() + LONGEST
    for change in changes:
        connection.execute("SAVEPOINT change")
        if not change.run(transaction):
            if not connection.in_transaction:
                change.raise_error()
            connection.execute("ROLLBACK TO change")
        connection.execute("RELEASE change")
        if timer() > until:
            break
