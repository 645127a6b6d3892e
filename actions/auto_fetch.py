"""Fetches the metadata of announced torrents that are not held, from their own swarms, at a limited rate."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from actions.lookups import LookupResult
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from tracker.journal_row import JournalRow
from tracker.model import Counts

MOST_WAITING = 100_000
"""Queued hashes; beyond that the newest is dropped."""
MOST_MISSED = 65_536
"""Hashes whose miss is remembered; the oldest is dropped first."""
FIRST_PAUSE = 60.0
"""Seconds after the first miss of a hash before it is tried again; every further miss doubles them."""

_BATCH = 500  # hashes per query to the catalogue
_IDLE = 1.0

log = structlog.get_logger()


class SwarmLookup(Protocol):
    """Looks up the metadata of a torrent in its own swarm."""

    async def find_in_swarm(self, infohash: InfoHash) -> LookupResult | None:
        """Return it, cached, or None."""
        ...


class HeldTorrents(Protocol):
    """Knows which torrents are held."""

    async def missing_contents(self, infohashes: Sequence[InfoHash]) -> list[InfoHash]:
        """Return those of the hashes that are not held."""
        ...


class AutoFetch:
    """Looks up announced hashes, one every `every` seconds, `at_once` at most, newest and oldest alternating.

    `scrape` gives a swarm's current counts, `timer` monotonic seconds. A hash that was missed is queued again when
    it is announced after its pause. `most_waiting` are queued, `most_missed` remembered as missed.
    """

    def __init__(
        self,
        lookups: SwarmLookup,
        catalogue: HeldTorrents,
        scrape: Callable[[InfoHash], Counts],
        *,
        every: float,
        at_once: int,
        longest_pause: float,
        timer: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        most_waiting: int = MOST_WAITING,
        most_missed: int = MOST_MISSED,
    ) -> None:
        self._lookups = lookups
        self._catalogue = catalogue
        self._scrape = scrape
        self._every = every
        self._longest_pause = max(longest_pause, FIRST_PAUSE)
        self._timer = timer
        self._sleep = sleep
        self._most_waiting = most_waiting
        self._most_missed = most_missed
        self._free = asyncio.Semaphore(at_once)
        self._waiting: OrderedDict[InfoHash, None] = OrderedDict()
        self._missed: OrderedDict[InfoHash, tuple[float, int]] = OrderedDict()
        self._oldest_next = False

    @property
    def waiting(self) -> int:
        """How many hashes are queued."""
        return len(self._waiting)

    async def observe(self, rows: Sequence[JournalRow]) -> None:
        """Queue the hashes of changed swarms, except those that are held or were missed lately."""
        for start in range(0, len(rows), _BATCH):
            changed = [
                InfoHash(row.infohash) for row in rows[start : start + _BATCH] if row.payload is not None
            ]
            batch = dict.fromkeys(filter(self._is_due, changed))
            for infohash in await self._catalogue.missing_contents(tuple(batch)) if batch else ():
                self._enqueue(infohash)
            await asyncio.sleep(0)

    async def run(self) -> None:
        """Look up until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._free.acquire()
                infohash = self._next()
                if infohash is None:
                    self._free.release()
                    await self._sleep(_IDLE)
                    continue
                group.create_task(self._lookup(infohash))
                await self._sleep(self._every)

    def _is_due(self, infohash: InfoHash) -> bool:
        if infohash in self._waiting:
            return False
        due, _ = self._missed.get(infohash, (0.0, 0))
        return due <= self._timer()

    def _enqueue(self, infohash: InfoHash) -> None:
        if len(self._waiting) >= self._most_waiting:
            self._waiting.popitem(last=True)
        self._waiting[infohash] = None

    def _next(self) -> InfoHash | None:
        """Take a hash whose swarm has peers, from alternating ends of the queue."""
        while self._waiting:
            infohash, _ = self._waiting.popitem(last=not self._oldest_next)
            counts = self._scrape(infohash)
            if counts.complete + counts.incomplete:
                self._oldest_next = not self._oldest_next
                return infohash
        return None

    async def _lookup(self, infohash: InfoHash) -> None:
        try:
            found = await self._lookups.find_in_swarm(infohash)
        except Refusal as refusal:
            log.info("filling.refused", infohash=infohash.upper, code=refusal.code)
            found = None
        except Exception:
            log.exception("filling.failed", infohash=infohash.upper)
            found = None
        finally:
            self._free.release()
        if found is None:
            self._record_miss(infohash)
        else:
            self._missed.pop(infohash, None)

    def _record_miss(self, infohash: InfoHash) -> None:
        _, before = self._missed.pop(infohash, (0.0, 0))
        pause = min(FIRST_PAUSE * 2 ** min(before, 30), self._longest_pause)
        self._missed[infohash] = self._timer() + pause, before + 1
        if len(self._missed) > self._most_missed:
            self._missed.popitem(last=False)
