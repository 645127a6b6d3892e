"""Samples of what the tracker answers, and figures made of them: rates, times, and which clients announce.

The native threads note one request in SAMPLE_EVERY: how long it took, and of an announce the beginning of the peer id
and the IP version. Python's own doors note the clients of all.
"""

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

SAMPLE_EVERY = 64
CLIENT_SAMPLES = 1024
"""Clients of a thread that wait to be read; later ones take the place of the first."""
SAMPLED_ID = 7
"""Bytes of a peer id in a sample."""
SAMPLE_BYTES = SAMPLED_ID + 1
LATENCY_BUCKETS = 16
LATENCY_SHIFT = 8
"""The first bucket ends at 2^8 ns, each other at twice the one before, and the last holds all that is longer."""
LATENCY_BOUNDS = tuple((1 << LATENCY_SHIFT + at) / 1e9 for at in range(LATENCY_BUCKETS - 1))
"""Upper bounds of all but the last, in seconds."""

MINUTES = (1, 10, 60)
STEP = 10
"""Seconds between two readings of the counters."""
_MOST_READINGS = MINUTES[-1] * 60 // STEP + 1
MOST_CLIENTS_TOLD = 64
_HALF_LIFE = 3600.0
_LEAST = 0.01


class Rates:
    """Rates of counters over the last minutes, from a ring of readings; `read` returns them by name."""

    def __init__(self, read: Callable[[], Mapping[str, int]], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._ring: deque[tuple[float, Mapping[str, int]]] = deque(maxlen=_MOST_READINGS)
        self.take()

    def take(self) -> None:
        """Read the counters once more."""
        self._ring.append((self._clock(), dict(self._read())))

    def per_second(self) -> dict[str, dict[int, float]]:
        """Return the rate of each counter by minutes, as far back as readings go."""
        now, counts = self._clock(), self._read()
        rates: dict[str, dict[int, float]] = {name: {} for name in counts}
        for minutes in MINUTES:
            times = [time for time, _ in self._ring]
            at = min(bisect_left(times, now - minutes * 60), len(times) - 1)
            began, before = self._ring[at]
            seconds = max(now - began, 1.0)
            for name, count in counts.items():
                rates[name][minutes] = round((count - before.get(name, 0)) / seconds, 2)
        return rates

    def per_minute(self) -> dict[str, int]:
        """Return how often each was counted in a minute, over the last ten."""
        return {name: round(60 * by[MINUTES[1]]) for name, by in self.per_second().items()}


class ClientMix:
    """The clients of late announces; the rarest are forgotten. What was seen is halved every hour."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = clock()
        self._weights: dict[str, float] = {}
        self._versions = {4: 0.0, 6: 0.0}

    def note(self, peer_id: bytes, version: int, weight: float = 1.0) -> None:
        """Count an announce of a client over an IP version, 4 or 6."""
        name = client_name(peer_id)
        self._weights[name] = self._weights.get(name, 0.0) + weight
        if version in self._versions:
            self._versions[version] += weight
        if len(self._weights) > 2 * MOST_CLIENTS_TOLD:
            self._forget()

    def note_samples(self, samples: bytes) -> None:
        """Count samples of the native threads, SAMPLE_BYTES each."""
        for at in range(0, len(samples) - SAMPLED_ID, SAMPLE_BYTES):
            self.note(samples[at : at + SAMPLED_ID], samples[at + SAMPLED_ID], SAMPLE_EVERY)

    def decay(self) -> None:
        """Let what was seen count less, by the time that has passed."""
        now = self._clock()
        part = 0.5 ** ((now - self._since) / _HALF_LIFE)
        self._since = now
        self._weights = {
            name: weight * part for name, weight in self._weights.items() if weight * part > _LEAST
        }
        self._versions = {version: weight * part for version, weight in self._versions.items()}

    def shares(self) -> dict[str, float]:
        """Return the part of the announces by client, the most first, at most MOST_CLIENTS_TOLD of them."""
        total = sum(self._weights.values())
        ordered = sorted(self._weights.items(), key=lambda item: (-item[1], item[0]))[:MOST_CLIENTS_TOLD]
        return {name: round(weight / total, 4) for name, weight in ordered} if total else {}

    def version_shares(self) -> dict[int, float]:
        """Return the part of the announces by IP version."""
        total = sum(self._versions.values())
        return {
            version: round(weight / total, 4) if total else 0.0 for version, weight in self._versions.items()
        }

    def _forget(self) -> None:
        kept = sorted(self._weights.items(), key=lambda item: -item[1])[:MOST_CLIENTS_TOLD]
        self._weights = dict(kept)


def client_name(peer_id: bytes) -> str:
    """Return what the beginning of a peer id (7 bytes or more) tells of a client: its code and major version.

    `-UT355W-` is UT 3, `M7-10-5--` is M 7, `S58B-----` is S 5; anything else is `other`.
    """
    if peer_id[:1] == b"-" and peer_id[1:3].isalnum() and peer_id[3:4].isalnum():
        return f"{peer_id[1:3].decode()} {chr(peer_id[3])}"
    if peer_id[:1].isalpha() and peer_id[1:2].isalnum() and b"-" in peer_id[2:7]:
        return f"{chr(peer_id[0])} {chr(peer_id[1])}"
    return "other"


@dataclass(slots=True)
class Histogram:
    """Counts by upper bounds, ascending, the last bucket without one; and the sum of what was counted."""

    bounds: Sequence[float]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        assert all(low < high for low, high in pairwise(self.bounds))
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def quantile(self, part: float) -> float | None:
        """Return the bound below which a part of the values lies; None without values, inf above the last bound."""
        wanted, seen = part * sum(self.counts), 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            seen += count
            if count and seen >= wanted:
                return bound
        return None


class Sampler:
    """Reads the counters and the samples every few seconds, as long as the service runs."""

    def __init__(self, rates: Rates, mix: ClientMix, take: Callable[[], bytes] = bytes) -> None:
        self.rates = rates
        self.mix = mix
        self._take = take

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            self.read()
            await asyncio.sleep(STEP)

    def read(self) -> None:
        """Read once."""
        self.mix.decay()
        self.mix.note_samples(self._take())
        self.rates.take()
