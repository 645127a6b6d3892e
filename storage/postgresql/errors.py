"""PostgreSQL's errors, and those of the way to it, as those of `storage.database`."""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import structlog

from storage.database import ConstraintViolated, DatabaseDamaged, DatabaseError
from storage.unavailable import StorageUnavailable

FAILURES: tuple[type[Exception], ...] = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
)
"""Everything that asyncpg raises of a server."""
_BUSY: tuple[type[Exception], ...] = (
    asyncpg.PostgresConnectionError,  # class 08, and what asyncpg raises where a connection was lost
    asyncpg.InsufficientResourcesError,  # 53: too many connections, out of memory
    asyncpg.OperatorInterventionError,  # 57: it shuts down, starts up, or a query was cancelled
    asyncpg.TransactionRollbackError,  # 40: deadlocks, and transactions that could not be serialized
    asyncpg.LockNotAvailableError,
    asyncpg.ReadOnlySQLTransactionError,  # a standby that has not taken over yet
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.PostgresIOError,
    OSError,
)
_DAMAGED: tuple[type[Exception], ...] = (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError)
_LOST: tuple[type[Exception], ...] = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InternalClientError,
    OSError,
)

log = structlog.get_logger()


@contextmanager
def translated(name: str) -> Iterator[None]:
    """Raise a server's errors as those of `storage.database`; `name` is that of the database, without a secret."""
    try:
        yield
    except FAILURES as error:
        raise translate(name, error) from error


def translate(name: str, error: Exception) -> DatabaseError:
    """Return the error of a statement, a commit or a connection."""
    if isinstance(error, DatabaseError):  # one that was translated, and is an OSError by its name alone
        return error
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        return ConstraintViolated(f"{name}: {error}")
    if isinstance(error, _DAMAGED):
        return DatabaseDamaged(f"{name} is damaged ({error}): restore it")
    full = isinstance(error, asyncpg.DiskFullError)
    if full or isinstance(error, _BUSY) or is_lost(error):
        log.warning("database.unavailable", database=name, error=str(error) or type(error).__name__)
        return StorageUnavailable("disk-full" if full else "busy")
    return DatabaseError(f"{name}: {error}")


def is_lost(error: BaseException) -> bool:
    """Return whether an error says that a connection is gone, so that the same may succeed over another."""
    if isinstance(error, asyncpg.InterfaceError):  # its subclasses, but those of wrong values
        return not isinstance(error, ValueError)
    return isinstance(error, _LOST)
