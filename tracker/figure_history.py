"""The history of the service's figures: a bounded ring of samples for an hour, a day, a month and a year.

One rule thins all of them: of each step of a span the first sample is kept, and its place is taken again when the span
has gone by. Seeders and leechers of torrents are kept once a day, in a ring of days, of those that have most seeders.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

DAY = 86_400
EVERY = 60
"""Seconds between two samples."""
FRESH = 10
"""Seconds for which figures are shown without being counted anew."""
DAYS = 32
"""Days of which a torrent's seeders and leechers are kept, the open one included."""
MOST_TORRENTS = 100_000
"""Torrents that are kept by day: those with most seeders."""


@dataclass(frozen=True, slots=True)
class Span:
    """A span of time that is plotted: one sample in `step` seconds, `points` of them."""

    name: str
    step: int
    points: int

    @property
    def seconds(self) -> int:
        """How long it is."""
        return self.step * self.points


SPANS = (
    Span("hour", EVERY, 60),
    Span("day", 600, 144),
    Span("month", 3 * 3600, 240),
    Span("year", DAY, 366),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """The service in numbers: torrents in the catalogue and the bytes of their content, peers and swarms now.

    By transport the announces and scrapes a minute, over the last ten.
    """

    torrents: int
    size: int
    peers: int
    seeders: int
    swarms: int
    http: int = 0
    udp: int = 0
    websocket: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """The figures at a time, in unix seconds."""

    time: int
    figures: Figures


@dataclass(frozen=True, slots=True)
class WorkingSample:
    """How the service worked at a time, in unix seconds: numbers by name, one that is 0 is left out.

    Of what is counted they are the count since the service began.
    """

    time: int
    numbers: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Growth:
    """By how much a count grew up to a time, in unix seconds, and in how many seconds."""

    time: int
    number: int
    seconds: int


@dataclass(frozen=True, slots=True)
class SwarmDay:
    """What a torrent had when a day was sampled; `day` counts from 1970-01-01."""

    day: int
    seeders: int
    leechers: int


class FigureStore(Protocol):
    """Where samples are kept."""

    async def put(self, sample: Sample, spans: Sequence[Span]) -> None:
        """Keep a sample in each of the spans, in place of the one that is as many steps older as a span has points."""
        ...

    async def samples(self, span: Span, since: int) -> list[Sample]:
        """Return the samples of a span from a time on, in their order."""
        ...

    async def put_workings(self, sample: WorkingSample, spans: Sequence[Span]) -> None:
        """Keep how the service works in each of the spans, in the same way."""
        ...

    async def workings(self, span: Span, since: int) -> list[WorkingSample]:
        """Return how the service worked in a span from a time on, in order."""
        ...

    async def put_day(self, day: int, most: int) -> None:
        """Keep what the torrents with most seeders have, for a day, in place of the day that is DAYS older."""
        ...

    async def days(self, torrent: int, since: int) -> list[SwarmDay]:
        """Return the days of a torrent from a day on, in their order."""
        ...


def growth(samples: Sequence[WorkingSample], name: str) -> list[Growth]:
    """Return by how much a count grew from each sample to the next; one that is smaller began anew."""
    found = []
    for before, after in pairwise(samples):
        first, last = before.numbers.get(name, 0), after.numbers.get(name, 0)
        grown = last - first if last >= first else last
        found.append(Growth(after.time, grown, max(after.time - before.time, 1)))
    return found


async def _no_workings() -> Mapping[str, int]:
    return {}


class FigureHistory:
    """Takes a sample every minute; `take` counts, `clock` gives unix seconds, `report` is told of failures.

    `work` gives how the service works, in numbers by names of which there are not many.
    """

    def __init__(
        self,
        store: FigureStore,
        take: Callable[[], Awaitable[Figures]],
        clock: Callable[[], float],
        report: Callable[[Exception], None] = lambda _: None,
        work: Callable[[], Awaitable[Mapping[str, int]]] = _no_workings,
    ) -> None:
        self._work = work
        self._report = report
        self._store = store
        self._take = take
        self._clock = clock
        self._steps: dict[Span, int] = {}
        self._day = -1
        self._latest: Sample | None = None

    async def run(self) -> None:
        """Take samples until cancelled; after a failure, which is reported, the next minute tries again."""
        while True:
            try:
                await self.sample()
            except Exception as error:
                self._report(error)
            await asyncio.sleep(EVERY - self._clock() % EVERY)

    async def sample(self) -> None:
        """Take a sample, and keep it where a step has begun."""
        sample = await self._count()
        begun = [span for span in SPANS if self._steps.get(span) != sample.time // span.step]
        await self._store.put(sample, begun)
        if begun:
            await self._store.put_workings(WorkingSample(sample.time, await self._work()), begun)
        self._steps |= {span: sample.time // span.step for span in begun}
        if (day := sample.time // DAY) != self._day:
            await self._store.put_day(day, MOST_TORRENTS)
            self._day = day

    async def latest(self) -> Figures:
        """Return the figures, counted anew where that was ten seconds ago or more."""
        if self._latest is None or abs(self._clock() - self._latest.time) > FRESH:
            await self._count()
        assert self._latest is not None
        return self._latest.figures

    async def series(self, span: Span) -> list[Sample]:
        """Return the samples of a span up to now."""
        return await self._store.samples(span, int(self._clock()) - span.seconds)

    async def workings(self, span: Span) -> list[WorkingSample]:
        """Return how the service worked in a span up to now."""
        return await self._store.workings(span, int(self._clock()) - span.seconds)

    async def days(self, torrent: int) -> list[SwarmDay]:
        """Return the days of a torrent, the oldest first."""
        return await self._store.days(torrent, int(self._clock()) // DAY - DAYS + 1)

    async def _count(self) -> Sample:
        self._latest = Sample(int(self._clock()), await self._take())
        return self._latest
