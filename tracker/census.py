"""The census: distinct peers per torrent, UTC day and country, without storing addresses.

The open day has counters of keyed hashes, in memory as far as they are in use and in the store, written
after every flush. When the day closes they become counts; the counters and the key of the day are destroyed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from bittorrent.infohash import InfoHash
from tracker.census_store import CensusStore, Count, DayKeys, OpenDay
from tracker.day_counters import MEMORY, MOST, DayCounters
from tracker.distinct_counter import DamagedCounter, DistinctCounter
from tracker.geo import Countries
from tracker.journal_row import JournalRow
from tracker.peer_hashes import PeerHasher, TimeSpan

DAY = 86_400
_SETTLED = 1000  # counters that become counts in one transaction
_BATCH = 8192  # hashes whose counters are fetched together
_STEP = 512  # hashes' worth of work between two turns of the event loop: about a millisecond
_ROW_COST = 6  # what reading a row costs, in hashes
_NEVER = 1 << 40
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class DayReport:
    """The distinct peers of a torrent on a closed day; `countries` by peers descending, `ZZ` where unknown."""

    day: date
    countries: tuple[tuple[str, int], ...] = ()

    @property
    def total(self) -> int:
        """The sum over the countries."""
        return sum(peers for _, peers in self.countries)


@dataclass(frozen=True, slots=True)
class CensusTerms:
    """Whether to count, for how long counts are kept, and the caps of the open day; see `DayCounters`."""

    enabled: bool = True
    alive_days: int = 7
    keep_days: int = 400
    memory: int = MEMORY
    max_counters: int = MOST


class Census:
    """Counts of closed days, and whether torrents are alive. `clock` gives unix seconds."""

    def __init__(
        self,
        store: CensusStore,
        keys: DayKeys,
        geo: Countries,
        clock: Callable[[], float],
        terms: CensusTerms = CensusTerms(),
        *,
        closed: Callable[[date, int, float], Awaitable[None]] | None = None,
    ) -> None:
        """Make the census; `closed` is told each day that is closed, its counts, and since when in unix seconds."""
        self._store = store
        self._closed = closed
        self._keys = keys
        self._geo = geo
        self._clock = clock
        self._terms = terms
        self._turn = asyncio.Lock()
        self._counters = DayCounters(store, terms.memory, terms.max_counters)
        self.countries: DayReport | None = None
        """The sums of all torrents on the last closed day, once they are read."""
        self._open: int | None = None
        self._hasher: PeerHasher | None = None
        # A flush begins after the reading of the one before it ended, so rows of the next flush may be as old as
        # the reading before the last: from there on they are read again, which changes no count.
        self._reads = (0, 0)
        self._began: int | None = None  # when the flush whose pieces come was first read
        self._held: list[JournalRow] = []
        # The last process may have ended between deleting counters and wiping their traces.
        self._wiped = False

    async def start(self) -> None:
        """Take up the day that is open, or close it if it is over; keys that belong to no open day are destroyed."""
        async with self._turn:
            found = await self._store.open_day()
            if found is not None:
                await self._take_up(found)
            self._keys.keep_only(self._open)
            await self._advance((), int(self._clock()))

    def use_countries(self, geo: Countries) -> None:
        """Ask another database for countries from now on."""
        self._geo = geo

    async def observe(self, rows: Sequence[JournalRow], last: bool = True) -> None:
        """Count who was seen since the last flush in a piece of this one's rows; with the `last` the day may pass."""
        async with self._turn:
            if self._began is None:
                self._began = int(self._clock())
            now = self._began
            if self._open is not None and self._open < now // DAY:
                # They are of the day that is over and of the next one, which begins when all have been read.
                self._held += rows
                if not last:
                    return
                rows, self._held = self._held, []
            await self._advance(rows, now)
            if self._open is not None and self._terms.enabled:
                await self._count(rows, TimeSpan(self._since(now), _NEVER))
                await self._counters.write(self._position())
            if last:
                self._reads, self._began = (self._reads[1], now), None
        if last:
            await self._sum_countries()

    async def end_day(self) -> date | None:
        """Close the open day before its time and return it; what is left of it is not counted."""
        async with self._turn:
            day = self._open
            if day is None:
                return None
            await self._close(day)
            return _date(day)

    async def report(self, infohash: InfoHash, day: date | None = None) -> DayReport:
        """Return the counts of a day, the last closed one if none is given; days not closed have none."""
        number = (day - _EPOCH).days if day is not None else await self._last_closed()
        return DayReport(_date(number), tuple(await self._store.counts(infohash, number)))

    async def alive(self, infohashes: Sequence[InfoHash]) -> frozenset[InfoHash]:
        """Return those that had a peer within the days that the settings name, today included."""
        if not infohashes:
            return frozenset()
        today = self._today()
        return await self._store.seen(infohashes, today - self._terms.alive_days + 1, today)

    async def forget(self, infohashes: Sequence[bytes]) -> None:
        """Drop everything that was counted of torrents of these infohashes, because they are blocked."""
        async with self._turn:
            self._counters.forget(infohashes)
            await self._store.forget(infohashes)

    async def _sum_countries(self) -> None:
        """Read the sums of the last closed day, once a day: that looks at each of its counts."""
        day = await self._store.last_closed(self._today())
        if day is None:
            self.countries = None
        elif self.countries is None or self.countries.day != _date(day):
            self.countries = DayReport(_date(day), tuple(await self._store.countries(day)))

    @property
    def uncounted(self) -> int:
        """How many peers of this day were not counted because there were too many counters."""
        return self._counters.uncounted

    def _today(self) -> int:
        return int(self._clock()) // DAY

    async def _last_closed(self) -> int:
        today = self._today()
        closed = await self._store.last_closed(today)
        return closed if closed is not None else today - 1

    async def _take_up(self, found: OpenDay) -> None:
        self._open = found.day
        self._hasher = PeerHasher(self._keys.of(found.day), self._geo)
        self._reads = (found.looked, found.looked)
        await self._counters.load()

    async def _advance(self, rows: Sequence[JournalRow], now: int) -> None:
        """Bring the open day into step with the clock: close one that is over, open the present one."""
        if not self._wiped:
            self._wiped = await self._store.wipe()
        today = now // DAY
        if self._open is not None and self._open < today:
            await self._count(rows, TimeSpan(self._since(now), (self._open + 1) * DAY))
            await self._close(self._open)
        elif self._open is not None and self._open > today + 1:
            # The clock was far ahead. Set back over one midnight only, it will soon be in step again.
            await self._store.discard_day(self._open)
            await self._end()
        if self._open is None and self._terms.enabled and await self._store.begin(OpenDay(today, now)):
            self._open = today
            self._hasher = PeerHasher(self._keys.of(today), self._geo)

    async def _count(self, rows: Sequence[JournalRow], span: TimeSpan) -> None:
        assert self._hasher is not None
        waiting, size, work = dict[bytes, list[bytes]](), 0, 0
        for chunk in self._hasher.hashes(rows, span):
            for name, value in chunk:
                waiting.setdefault(name, []).append(value)
            size, work = size + len(chunk), work + len(chunk) + _ROW_COST
            if size >= _BATCH:
                await self._counters.add(waiting)
                waiting, size = {}, 0
                if self._counters.over_budget:
                    await self._counters.write(self._position())
            if work >= _STEP:
                work = 0
                await asyncio.sleep(0)
        await self._counters.add(waiting)

    def _position(self) -> OpenDay:
        assert self._open is not None
        return OpenDay(self._open, self._reads[0])

    def _since(self, now: int) -> int:
        """Return from when on rows were not read yet; a clock that was set back makes it the whole day."""
        assert self._open is not None
        first = self._reads[0] if now >= self._reads[1] else 0
        return max(self._open * DAY, first)

    async def _close(self, day: int) -> None:
        """Turn the counters into counts, then destroy them and the key."""
        began = self._clock()
        await self._counters.write(self._position())
        after, left = b"", 0
        while page := await self._store.page(after, _SETTLED):
            counts = _counts(page)
            await self._store.write_counts(day, counts)
            after, left = page[-1][0], left + len(counts)
        await self._store.close_day(day, day + 1 - self._terms.keep_days)
        await self._end()
        if self._closed is not None:
            await self._closed(_date(day), left, began)

    async def _end(self) -> None:
        self._open, self._hasher = None, None
        self._counters.clear()
        self._keys.keep_only(None)
        self._wiped = await self._store.wipe()


def _counts(page: Sequence[tuple[bytes, bytes]]) -> list[Count]:
    counts = []
    for name, payload in page:
        try:
            peers = DistinctCounter.unpack(payload).count()
        except DamagedCounter:
            continue
        counts.append(Count(InfoHash.of(name[:-2]), name[-2:].decode("ascii"), peers))
    return counts


def _date(day: int) -> date:
    return _EPOCH + timedelta(days=day)
