"""Descriptors of the process: their table, how many connections may take, and a line in the log where none was left."""

import asyncio
import fcntl
import os
import resource
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from peerage.config import Settings

OWN = 256
"""Descriptors of databases, stored files that are read or sent, threads and requests to others, with some to spare."""
_LOOK = 5.0  # seconds between two looks at the count
_SILENCE = 60.0  # seconds between two lines at least

log = structlog.get_logger()


def connection_cap(settings: Settings) -> int:
    """Return how many HTTP connections may be open: `http.max_connections`, or what the process can have.

    A reserve is kept for the service itself and the peers of its downloads, of half of all at most.
    """
    asked = settings.http.max_connections
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return asked
    most = max(1, limit - min(_reserve(settings), limit // 2))
    if most < asked:
        log.warning("http.connections_capped", most=most, max_connections=asked, descriptors=limit)
    return min(asked, most)


def prepare_descriptors(settings: Settings) -> None:
    """Allow as many descriptors as the settings need, up to the hard limit, and have the kernel's table ready for them.

    To be called before any thread is started. The kernel doubles the table of a process as it is needed, and where
    there are threads, whoever opens a file or accepts a connection waits for it: up to a second on a busy processor.
    """
    needed = descriptors_needed(settings)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    most = needed if soft == resource.RLIM_INFINITY else min(needed, soft)
    with Path(os.devnull).open("rb") as file:
        os.close(fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, most - 1))


def descriptors_needed(settings: Settings) -> int:
    """Return how many descriptors the process may need, with as many connections as the settings allow."""
    return settings.http.max_connections + _reserve(settings)


def _reserve(settings: Settings) -> int:
    """Return how many descriptors the service itself and the peers of its downloads may take."""
    return OWN + (settings.downloads.connections if settings.downloads.enabled else 0)


async def report_pauses(
    paused: Callable[[], int], sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Log for ever how often accepting had to pause, once a minute at most."""
    told = paused()
    while True:
        await sleep(_LOOK)
        if (times := paused()) > told:
            log.warning("http.accepting_paused", reason="no descriptor or memory left", times=times - told)
            told = times
            await sleep(_SILENCE - _LOOK)
