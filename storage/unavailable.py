"""Storage that does not answer now: locked databases, full and failing disks, as refusals with 503 and 507."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from bittorrent.refusal import Refusal
from storage.database import DatabaseError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FAILING = frozenset({errno.EIO, errno.EROFS, errno.EMFILE, errno.ENFILE})

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
