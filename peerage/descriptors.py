"""Descriptors of the process: how many connections may take, and a line in the log where none was left."""

import asyncio
import resource
from collections.abc import Awaitable, Callable

import structlog

from peerage.config import Settings

OWN = 128
"""Descriptors of databases, stored files, threads and requests to others, with some to spare."""
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
    peers = settings.downloads.connections if settings.downloads.enabled else 0
    most = max(1, limit - min(OWN + peers, limit // 2))
    if most < asked:
        log.warning("http.connections_capped", most=most, max_connections=asked, descriptors=limit)
    return min(asked, most)


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
