"""The protocols of a database: what stores see of one, whatever its engine."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

from storage.dialect import SqlDialect, Statement
from storage.table_versions import TableChange

T = TypeVar("T")
Row = tuple[Any, ...]
Sql = str | Statement
Parameters = Mapping[str, Any]
"""Values by name; a name that the statement does not have is ignored.

A value is an int, float, str or bytes, of a subclass of these, None, or a list that the `SqlDialect` made.
"""

NO_PARAMETERS: Parameters = MappingProxyType({})


class DatabaseError(Exception):
    """A database cannot be used, or a statement failed; the text names the database."""


class SchemaTooNew(DatabaseError):
    """A database was written by a later version of the program."""


class DatabaseDamaged(DatabaseError):
    """A database is damaged, or the file is none."""


class QueryTimeout(DatabaseError):
    """A query exceeded its time limit and was interrupted."""


class ConstraintViolated(DatabaseError):
    """A statement broke a constraint of the schema."""


class QuerySource(Protocol):
    """What runs queries: a database, or one of its transactions."""

    @property
    def dialect(self) -> SqlDialect:
        """The dialect of the statements."""
        ...

    async def rows(self, sql: Sql, parameters: Parameters = NO_PARAMETERS) -> list[Row]:
        """Run a query, or inside a transaction any statement that returns rows, and return all of them.

        DatabaseDamaged: what the query reads is. DatabaseError: any other failure.
        """
        ...


AtEnd = Callable[["Transaction", Sequence[int]], Coroutine[Any, Any, None]]
"""Work on numbers inside a transaction, the same whether it is done once for all or again for some."""


class Transaction(QuerySource, Protocol):
    """A transaction that can write. A statement that fails is undone by itself; the others stay."""

    async def run(self, sql: Sql, parameters: Parameters = NO_PARAMETERS) -> int:
        """Run a statement, and return how many rows changed. ConstraintViolated, DatabaseError."""
        ...

    async def run_many(self, sql: Sql, parameters: list[dict[str, Any]]) -> int:
        """Run a statement for each of the parameters, and return how many rows changed. As `run`."""
        ...

    async def compute(self, function: Callable[[], T]) -> T:
        """Return what a function returns that takes long; it runs in a thread."""
        ...

    async def at_end(self, work: AtEnd, numbers: Sequence[int]) -> None:
        """Have work done on numbers before the transaction ends, at once or together with others given to it."""
        ...


Change = Callable[[Transaction], Coroutine[Any, Any, T]]
"""A body of a transaction, which waits for nothing but that, and may be run again where that was undone."""


class Database(QuerySource, Protocol):
    """A database that this process writes to. Statements are made by its dialect."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Begin a transaction: committed at the end of the block, rolled back by any exception.

        What the block read of rows that it changes stays true until its end. What is committed is durable as
        the database was opened.
        """
        ...

    async def change(self, body: Change[T]) -> T:
        """Run a body in a transaction that it may share with other changes that are under way; return what it returns.

        Then it is durable, as what `transaction` commits. A body that raises is undone by itself, and the others stay;
        it sees what those before it in the same transaction wrote. It awaits nothing but its transaction. A caller who
        is cancelled before it begins has changed nothing; later, the change is made before the cancellation is raised.
        """
        ...

    async def rows(
        self,
        sql: Sql,
        parameters: Parameters = NO_PARAMETERS,
        *,
        seconds: float | None = None,
        short: bool | None = None,
    ) -> list[Row]:
        """Run a query outside of any transaction; it sees everything committed before.

        `short` tells whether it is expected to take no more than moments; one without `seconds` is unless that is
        said.
        QueryTimeout: it took more than `seconds`, waiting for a connection included, and was interrupted.
        """
        ...

    def version(self, changes: frozenset[TableChange]) -> int:
        """Return a number that is another once a transaction that made one of the changes is answered.

        What a query read that began under a number holds for as long as the number does.
        """
        ...

    async def overwrite_deleted(self) -> None:
        """Overwrite with zeros what is deleted from now on, where the engine can."""
        ...

    async def purge_deleted(self) -> bool:
        """Remove what was deleted from logs and free space; False when it has to be tried again."""
        ...

    async def healthy(self) -> bool:
        """Return whether the database takes a write."""
        ...

    async def start_over(self, now: float) -> Path:
        """Set a damaged database aside and go on with an empty one; return where it is. `now` in unix seconds."""
        ...

    async def close(self) -> None:
        """Wait for running transactions and queries, and close; a second call does nothing."""
        ...
