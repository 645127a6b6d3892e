"""A transaction of PostgreSQL: its statements, each of which is undone by itself where it fails."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from storage.database import NO_PARAMETERS, AtEnd, Row, Sql
from storage.dialect import changes_made
from storage.postgresql.connections import Connection
from storage.postgresql.dialect import PostgresqlDialect
from storage.postgresql.errors import FAILURES, translate
from storage.postgresql.parameters import by_position, read_rows
from storage.table_versions import TableChange

T = TypeVar("T")
Parameters = Mapping[str, Any]

_WRITER_LOCK = 0x50474545  # "PGEE"; of one database
BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({_WRITER_LOCK})"
"""Begins a transaction when it is this one's turn among all nodes; no statement of it sees a moment before."""
_SAVE = "SAVEPOINT statement"
_SAVE_AGAIN = "RELEASE SAVEPOINT statement; SAVEPOINT statement"
_UNDO = "ROLLBACK TO SAVEPOINT statement"


class PostgresqlTransaction:
    """A connection inside a transaction. `saves` says that a statement which fails leaves the others.

    PostgreSQL lets nothing but a rollback follow a failed statement, so there is a savepoint before each that follows
    one that wrote.
    """

    def __init__(
        self, name: str, connection: Connection, dialect: PostgresqlDialect, *, saves: bool = True
    ) -> None:
        self._name = name
        self._connection = connection
        self._saves = saves
        self._unsaved = True
        self._saved = False
        self.dialect = dialect
        self.changes: set[TableChange | None] = set()
        """What its statements did, None for what is not known."""
        self.writes = 0
        """Statements that changed something, or may have."""
        self.failed = False
        """Whether a statement failed that could not be undone by itself."""

    async def rows(self, sql: Sql, parameters: Parameters = NO_PARAMETERS) -> list[Row]:
        """Run a query or a statement that returns rows, and return all of them."""

        async def fetch() -> list[Row]:
            text, values = by_position(sql, parameters)
            return read_rows(await self._connection.fetch(text, *values))

        return await self._guarded(sql, fetch)

    async def run(self, sql: Sql, parameters: Parameters = NO_PARAMETERS) -> int:
        """Run a statement, and return how many rows changed."""

        async def execute() -> int:
            text, values = by_position(sql, parameters)
            return _count(await self._connection.execute(text, *values))

        return await self._guarded(sql, execute)

    async def run_many(self, sql: Sql, parameters: Sequence[Parameters]) -> int:
        """Run a statement for each of the parameters, and return how many rows changed."""
        if not parameters:
            return 0

        async def execute() -> int:
            text, _ = by_position(sql, parameters[0])
            values = [by_position(sql, each)[1] for each in parameters]
            # A row for each that changed: of many runs no count is told. An INSERT may return its key anyway.
            counted = text if " RETURNING " in text else f"{text} RETURNING 1"
            return len(await self._connection.fetchmany(counted, values))

        return await self._guarded(sql, execute)

    async def compute(self, function: Callable[[], T]) -> T:
        """Return what a function returns, which is run in a thread."""
        return await asyncio.to_thread(function)

    async def at_end(self, work: AtEnd, numbers: Sequence[int]) -> None:
        """Do work on numbers, at once."""
        await work(self, numbers)

    async def save(self) -> None:
        """Set the savepoint to which a statement that fails is undone."""
        await self._connection.execute(_SAVE_AGAIN if self._saved else _SAVE)
        self._saved, self._unsaved = True, False

    def forget_savepoint(self) -> None:
        """Forget the savepoint, which one around it has ended."""
        self._saved, self._unsaved, self.failed = False, True, False

    async def _guarded(self, sql: Sql, statement: Callable[[], Awaitable[T]]) -> T:
        changes = changes_made(sql)
        self.changes.update(changes)
        try:
            if self._saves and self._unsaved:
                await self.save()
            result = await statement()
        except FAILURES as error:
            await self._undo()
            raise translate(self._name, error) from error
        if changes:
            self._unsaved = True
            self.writes += 1
        return result

    async def _undo(self) -> None:
        """Undo what failed; where that fails too, so does everything that follows."""
        if not self._saves:
            self.failed = True
            return
        try:
            await self._connection.execute(_UNDO)
        except FAILURES:
            self.failed = True


def _count(status: str) -> int:
    """Return the number of rows in what the server says of a statement, such as `UPDATE 3` or `INSERT 0 1`."""
    count = status.rpartition(" ")[2]
    return int(count) if count.isdigit() else 0
