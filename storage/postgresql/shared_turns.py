"""Changes that are under way together share one transaction of PostgreSQL, and so one turn, sync and round trip.

A change awaits nothing but its transaction: what it asks of that is handed out and run in its place, so that anything
else that it would wait for is an error at once. Where another of its transaction has to be undone it is run again.
"""

from collections.abc import Callable, Coroutine, Generator, Sequence
from time import perf_counter
from typing import Any, Protocol, TypeVar

from storage.change_outcome import LONGEST, TOGETHER, ChangeOutcome
from storage.database import NO_PARAMETERS, AtEnd, Row, Sql
from storage.postgresql.connections import Connection
from storage.postgresql.dialect import PostgresqlDialect
from storage.postgresql.transactions import Parameters, PostgresqlTransaction
from storage.table_versions import TableChange
from tasks.gathering import Gathered, Gathering, Turn
from tasks.recent_work import RecentWork

T = TypeVar("T")


class _Asked:
    """What a change asks of its transaction."""

    def __init__(self, work: Coroutine[Any, Any, Any]) -> None:
        self.work = work

    def __await__(self) -> Generator["_Asked", Any, Any]:
        return (yield self)


class SharedTransaction:
    """A transaction as one of its changes sees it."""

    def __init__(self, transaction: PostgresqlTransaction, *, apart: bool) -> None:
        self._transaction = transaction
        self._apart = apart
        self._left: dict[AtEnd, dict[int, None]] = {}
        self.dialect = transaction.dialect

    async def rows(self, sql: Sql, parameters: Parameters = NO_PARAMETERS) -> list[Row]:
        """Run a query or a statement that returns rows, and return all of them."""
        found: list[Row] = await _Asked(self._transaction.rows(sql, parameters))
        return found

    async def run(self, sql: Sql, parameters: Parameters = NO_PARAMETERS) -> int:
        """Run a statement, and return how many rows changed."""
        count: int = await _Asked(self._transaction.run(sql, parameters))
        return count

    async def run_many(self, sql: Sql, parameters: Sequence[Parameters]) -> int:
        """Run a statement for each of the parameters, and return how many rows changed."""
        count: int = await _Asked(self._transaction.run_many(sql, parameters))
        return count

    async def compute(self, function: Callable[[], T]) -> T:
        """Return what a function returns, which is run in a thread."""
        result: T = await _Asked(self._transaction.compute(function))
        return result

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


Body = Callable[[SharedTransaction], Coroutine[Any, Any, T]]


async def driven(body: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that waits for nothing but its transaction to its end. RuntimeError: it waits."""
    result: object = None
    error: Exception | None = None
    while True:
        try:
            asked = body.send(result) if error is None else body.throw(error)
        except StopIteration as end:
            value: T = end.value
            return value
        result = error = None
        if not isinstance(asked, _Asked):
            body.close()
            raise RuntimeError("a change waits for something else than its transaction")  # noqa: TRY004
        try:
            result = await asked.work
        except Exception as raised:
            error = raised
        except BaseException:
            body.close()
            raise


class TurnWriter(Protocol):
    """A database whose changes are gathered."""

    name: str
    dialect: PostgresqlDialect

    async def write(self, body: Callable[[Connection], Coroutine[Any, Any, set[TableChange | None]]]) -> None:
        """Run a body in a transaction of its own, whose turn the caller has; it returns what was changed."""
        ...


class SharedTurns:
    """Commits together what is under way together; each transaction has its `turn` among the others of the database."""

    def __init__(self, writer: TurnWriter, turn: Turn) -> None:
        self._writer = writer
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
        taken = [_Change(each.item, each.client) for each in changes]
        try:
            await self._writer.write(lambda connection: self._make(connection, taken))
        except _Undone:
            for change in taken:
                change.forget()
            await self._writer.write(lambda connection: self._make_apart(connection, taken))
        for each, change in zip(changes, taken, strict=True):
            change.tell(each)

    async def _make(self, connection: Connection, changes: Sequence["_Change"]) -> set[TableChange | None]:
        """Make changes without savepoints. _Undone: one has to be undone."""
        own = PostgresqlTransaction(self._writer.name, connection, self._writer.dialect, saves=False)
        transaction = SharedTransaction(own, apart=False)
        until = perf_counter() + LONGEST
        for change in changes:
            writes = own.writes
            succeeded = await change.run(transaction)
            # Nothing may follow a statement that failed, even where its change goes on regardless.
            if own.failed or (not succeeded and own.writes != writes):
                raise _Undone
            if perf_counter() > until:
                break
        try:
            await driven(transaction.end())
        except Exception as error:
            raise _Undone from error
        return own.changes

    async def _make_apart(
        self, connection: Connection, changes: Sequence["_Change"]
    ) -> set[TableChange | None]:
        """Make changes of which each that fails is undone by itself."""
        own = PostgresqlTransaction(self._writer.name, connection, self._writer.dialect)
        until = perf_counter() + LONGEST
        for change in changes:
            await connection.execute("SAVEPOINT change")
            own.forget_savepoint()
            if not await change.run(SharedTransaction(own, apart=True)):
                if own.failed:
                    change.raise_error()
                await connection.execute("ROLLBACK TO SAVEPOINT change")
            await connection.execute("RELEASE SAVEPOINT change")
            if perf_counter() > until:
                break
        return own.changes


class _Undone(Exception):
    """A change failed after it had changed something, so that its transaction has to be undone."""


class _Change(ChangeOutcome):
    """One change, and what came of it."""

    def __init__(self, body: Body[Any], client: RecentWork | None) -> None:
        super().__init__(client)
        self._body = body

    async def run(self, transaction: SharedTransaction) -> bool:
        """Run it, and return whether it did not fail."""
        self.begin()
        try:
            self.succeed(await driven(self._body(transaction)))
        except Exception as error:
            self.fail(error)
        return self.succeeded
