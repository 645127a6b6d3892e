"""Storage that does not answer now: locked databases, full and failing disks, as refusals with 503 and 507."""

import asyncio
import errno
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog

from bittorrent.refusal import Refusal
from storage.database import DatabaseError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FAILING = frozenset({errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE})

RETRY_SECONDS = 1.0
"""Between two tries of what must be done before the service goes on."""

log = structlog.get_logger()


class StorageUnavailable(DatabaseError, Refusal):
    """A database is locked by another process or its disk fails (`busy`), or the disk is full (`disk-full`).

    Nothing was changed, and the same request may succeed later.
    """


@contextmanager
def disk_errors_refused() -> Iterator[None]:
    """Raise errors of a disk that is full or failing as StorageUnavailable; any other passes."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL | _FAILING:
            raise
        log.warning("files.unavailable", error=error.strerror)
        raise StorageUnavailable("disk-full" if error.errno in _FULL else "busy") from error


async def until_available(
    step: Callable[[], Awaitable[object]], pause: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> None:
    """Do what may be done again, until storage is neither locked nor full nor failing; any other error passes."""
    while True:
        try:
            await step()
        except StorageUnavailable as error:
            log.warning("storage.waiting", error=str(error))
            await pause(RETRY_SECONDS)
        else:
            return
