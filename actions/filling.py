"""Hides how the cache fills itself: what is announced and not held is looked up in its own swarm, slowly."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from actions.lookups import Found
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from tracker.model import Counts
from tracker.row import Row

MOST_WAITING = 100_000
"""Hashes that wait for their turn; beyond them the newest one gives way."""
MOST_MISSED = 65_536
"""Hashes whose miss is remembered; the oldest miss is forgotten first."""
FIRST_PAUSE = 60.0
"""Seconds after the first miss of a hash before it may have its next turn; every further miss doubles them."""

_SIFTED = 500  # hashes that the catalogue is asked of together
_IDLE = 1.0

log = structlog.get_logger()


class LooksUp(Protocol):
    """Finds the metadata of a torrent in its own swarm."""

    async def fill(self, infohash: InfoHash) -> Found | None:
        """Return it, in the cache by now, or None."""
        ...


class Lacking(Protocol):
    """Knows what is held."""

    async def lacking(self, infohashes: Sequence[InfoHash]) -> list[InfoHash]:
        """Return those of the hashes that are not held."""
        ...


class Filling:
    """Looks up announced hashes, one every `every` seconds and `at_once` at most, the newest and the oldest in turn.

    `scrape` gives a swarm's live numbers, `timer` seconds that never go back. A hash that was missed has to be
    announced again, and some time after its miss, to wait for another turn.
    """

    def __init__(
        self,
        lookups: LooksUp,
        catalogue: Lacking,
        scrape: Callable[[InfoHash], Counts],
        *,
        every: float,
        at_once: int,
        longest_pause: float,
        timer: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._lookups = lookups
        self._catalogue = catalogue
        self._scrape = scrape
        self._every = every
        self._longest_pause = max(longest_pause, FIRST_PAUSE)
        self._timer = timer
        self._sleep = sleep
        self._free = asyncio.Semaphore(at_once)
        self._waiting: OrderedDict[InfoHash, None] = OrderedDict()
        self._missed: OrderedDict[InfoHash, tuple[float, int]] = OrderedDict()
        self._oldest_next = False

    @property
    def waiting(self) -> int:
        """How many hashes wait for their turn."""
        return len(self._waiting)

    async def observe(self, rows: Sequence[Row]) -> None:
        """Let the hashes of changed swarms wait, those that are held or were missed a moment ago left out."""
        for start in range(0, len(rows), _SIFTED):
            batch = {row.infohash: None for row in rows[start : start + _SIFTED] if self._new(row)}
            for infohash in await self._catalogue.lacking(tuple(batch)) if batch else ():
                self._wait(infohash)
            await asyncio.sleep(0)

    async def run(self) -> None:
        """Look up for ever."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._free.acquire()
                infohash = self._next()
                if infohash is None:
                    self._free.release()
                    await self._sleep(_IDLE)
                    continue
                group.create_task(self._fill(infohash))
                await self._sleep(self._every)

    def _new(self, row: Row) -> bool:
        if row.payload is None or row.infohash in self._waiting:
            return False
        due, _ = self._missed.get(row.infohash, (0.0, 0))
        return due <= self._timer()

    def _wait(self, infohash: InfoHash) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popitem(last=True)
        self._waiting[infohash] = None

    def _next(self) -> InfoHash | None:
        """Take a hash whose swarm has peers: from the one end of those that wait, then from the other."""
        while self._waiting:
            infohash, _ = self._waiting.popitem(last=not self._oldest_next)
            counts = self._scrape(infohash)
            if counts.complete + counts.incomplete:
                self._oldest_next = not self._oldest_next
                return infohash
        return None

    async def _fill(self, infohash: InfoHash) -> None:
        try:
            found = await self._lookups.fill(infohash)
        except Refusal as refusal:
            log.info("filling.refused", infohash=infohash.upper, code=refusal.code)
            found = None
        except Exception:
            log.exception("filling.failed", infohash=infohash.upper)
            found = None
        finally:
            self._free.release()
        if found is None:
            self._miss(infohash)
        else:
            self._missed.pop(infohash, None)

    def _miss(self, infohash: InfoHash) -> None:
        _, before = self._missed.pop(infohash, (0.0, 0))
        pause = min(FIRST_PAUSE * 2 ** min(before, 30), self._longest_pause)
        self._missed[infohash] = self._timer() + pause, before + 1
        if len(self._missed) > MOST_MISSED:
            self._missed.popitem(last=False)
