"""Figures of the service beside the tracker's counters: rates, times, clients, large swarms, log-ins, lookups."""

import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bittorrent.infohash import InfoHash
from doors.request_times import RequestTimes
from tracker.census import DayReport
from tracker.counters import Transport
from tracker.model import MOST_LARGEST, Counts
from tracker.sampling import LATENCY_BOUNDS, ClientMix, Histogram, Rates

LARGEST_KEPT = 60.0
"""Seconds for which the largest swarms are told without being looked for again."""

Swarm = tuple[InfoHash, Counts]


def _no_report() -> None:
    """Return that no day was counted."""


def announce_histogram(counts: Sequence[int], nanoseconds: int) -> Histogram:
    """Return the samples of the native threads over one transport."""
    return Histogram(LATENCY_BOUNDS, list(counts), nanoseconds / 1e9)


class LargestSwarms:
    """The swarms with most peers, looked for once a minute at most, and only where somebody asks."""

    def __init__(self, find: Callable[[int], list[Swarm]], clock: Callable[[], float]) -> None:
        self._find = find
        self._clock = clock
        self._found: list[Swarm] = []
        self._until = float("-inf")

    def by_peers(self, count: int) -> list[Swarm]:
        """Return the largest, by peers."""
        if self._clock() >= self._until:
            self._found = self._find(MOST_LARGEST)
            self._until = self._clock() + LARGEST_KEPT
        return self._found[:count]

    def by_seeders(self, count: int) -> list[Swarm]:
        """Return those of them with most seeders."""
        return sorted(self.by_peers(MOST_LARGEST), key=lambda swarm: (-swarm[1].complete, swarm[0]))[:count]


@dataclass(frozen=True, slots=True)
class ServiceFigures:
    """Where each figure is read; `announce_times` is empty where no native code answers announces."""

    version: str
    rates: Rates
    mix: ClientMix
    largest: LargestSwarms
    requests: RequestTimes
    announce_times: Callable[[], Mapping[Transport, Histogram]] = dict
    log_ins: Mapping[str, int] = field(default_factory=dict)
    lookups: Mapping[str, int] = field(default_factory=dict)
    lookups_under_way: Callable[[], int] = int
    downloads: Callable[[], int] = int
    countries: Callable[[], DayReport | None] = _no_report
    """Distinct peers of each torrent by country on the last closed day of the census, summed over all torrents."""

    def build(self) -> dict[str, str]:
        """Return what runs: its version, and Python's."""
        return {
            "version": self.version,
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
        }
