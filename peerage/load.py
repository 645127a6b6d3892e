"""What the service does at a moment, in numbers that only grow and numbers as they are, for `peerage top`."""

import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from doors.connection_guard import ConnectionCounts
from tasks.loop_stalls import BOUNDS
from tracker.counters import TrackerCounters, Transport

_PAGE = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class LoadSample:
    """Counts since the start at a time by a clock that never goes back: announces and scrapes by transport, refusals.

    `stalls` counts how late the event loop was, by bucket. `processor` is in seconds, `memory` and `held` in bytes.
    """

    at: float
    announces: tuple[int, ...]
    scrapes: int
    refusals: int
    connections: int
    held: int
    stalls: tuple[int, ...]
    processor: float
    memory: int


@dataclass(frozen=True, slots=True)
class Load:
    """What happened between two samples, by the second; how late the event loop was at most, half and 99 % of the time.

    `announces` are by transport. `processor` is the share of one processor.
    """

    announces: dict[str, float]
    scrapes: float
    refusals: float
    connections: int
    held: int
    late_half: float
    late_99: float
    processor: float
    memory: int


def sample(
    counters: TrackerCounters,
    connections: ConnectionCounts,
    held: int,
    stalls: Sequence[int],
    timer: Callable[[], float],
) -> LoadSample:
    """Return the sample of this moment."""
    return LoadSample(
        at=timer(),
        announces=tuple(sum(counters.announces[each]) for each in Transport),
        scrapes=sum(counters.scrapes),
        refusals=sum(counters.refusals.values()),
        connections=connections.open,
        held=held,
        stalls=tuple(stalls),
        processor=time.process_time(),
        memory=_resident(),
    )


def between(before: LoadSample, after: LoadSample) -> Load:
    """Return what happened from one sample to a later one."""
    seconds = max(after.at - before.at, 1e-6)
    counts = [new - old for old, new in zip(before.stalls, after.stalls, strict=True)]
    announces = zip(Transport, before.announces, after.announces, strict=True)
    return Load(
        announces={each.name.lower(): (new - old) / seconds for each, old, new in announces},
        scrapes=(after.scrapes - before.scrapes) / seconds,
        refusals=(after.refusals - before.refusals) / seconds,
        connections=after.connections,
        held=after.held,
        late_half=_quantile(counts, 0.5),
        late_99=_quantile(counts, 0.99),
        processor=(after.processor - before.processor) / seconds,
        memory=after.memory,
    )


def _quantile(counts: Sequence[int], share: float) -> float:
    """Return the upper bound of the bucket in which a share of all is reached, 0 of none."""
    wanted, reached = share * sum(counts), 0
    if not wanted:
        return 0.0
    for bound, count in zip((*BOUNDS, BOUNDS[-1]), counts, strict=True):
        reached += count
        if reached >= wanted:
            return bound
    return BOUNDS[-1]


def _resident() -> int:
    """Return the bytes of memory that the process has, 0 where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
