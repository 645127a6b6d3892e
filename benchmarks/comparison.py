"""Comparison of servers: every server takes its turn in each round, ratios are formed within a round.

Other load on the machine disturbs a round, seldom all of them, and then every server in it: so the medians of
ratios within rounds are steadier than ratios of medians.
"""

import datetime
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

from benchmarks.generators import LoadError, Result
from benchmarks.machine import describe
from benchmarks.servers import Server

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True)
class Sample:
    """One server's turn in one round: the load's view, and the CPU time that the server took for it."""

    result: Result
    server_cpu: float
    threads: Mapping[str, float] = field(default_factory=dict)
    """CPU seconds of each of the server's threads, by "name id"."""

    @property
    def rps(self) -> float:
        """Replies a second."""
        return self.result.rps

    @property
    def per_cpu(self) -> float:
        """Replies per second of the server's CPU: what other load on the machine affects least."""
        return self.result.requests / self.server_cpu if self.server_cpu else 0.0


Samples = Mapping[str, Sequence[Sample]]
Drive = Callable[[Server, int], Result]
"""Puts load on a server in the round of that number."""


def compare(servers: Sequence[Server], drive: Drive, rounds: int) -> dict[str, list[Sample]]:
    """Let the servers take turns, A B C A B C …, and return every turn. Raises LoadError if one never answered."""
    samples: dict[str, list[Sample]] = {server.name: [] for server in servers}
    for number in range(rounds):
        for server in servers:
            before, threads = server.cpu_seconds(), server.thread_seconds()
            result = drive(server, number)
            if not result.requests:
                raise LoadError(f"{server.name}: no reply, {dict(result.details)}\n{server.last_words()}")
            took = {name: used - threads.get(name, 0.0) for name, used in server.thread_seconds().items()}
            samples[server.name].append(Sample(result, server.cpu_seconds() - before, took))
    return samples


def median_of(samples: Sequence[Sample], field: Callable[[Sample], float]) -> float:
    """Return the median of a figure over the rounds."""
    return median(field(sample) for sample in samples)


def ratio(samples: Sequence[Sample], base: Sequence[Sample], field: Callable[[Sample], float]) -> float:
    """Return the median over the rounds of a figure's ratio to another server's in the same round."""
    return median(
        field(ours) / field(theirs) for ours, theirs in zip(samples, base, strict=True) if field(theirs)
    )


COLUMNS = (
    "server",
    "req/s",
    "ratio",
    "req/cpu-s",
    "ratio",
    "p50 us",
    "p99 us",
    "bytes",
    "peers",
    "RSS MB",
    "server CPU",
    "load CPU",
    "failures",
)


def rows(samples: Samples, servers: Sequence[Server], labels: Mapping[str, str]) -> list[list[str]]:
    """Return a table row for each server, with ratios to the first; `bytes` and `peers` are of a reply's body."""
    base = samples[servers[0].name]
    return [
        _row(server, samples[server.name], base, labels.get(server.name, server.name)) for server in servers
    ]


def _row(server: Server, mine: Sequence[Sample], base: Sequence[Sample], label: str) -> list[str]:
    return [
        label,
        f"{median_of(mine, lambda each: each.rps):,.0f}",
        f"{ratio(mine, base, lambda each: each.rps):.2f}",
        f"{median_of(mine, lambda each: each.per_cpu):,.0f}",
        f"{ratio(mine, base, lambda each: each.per_cpu):.2f}",
        f"{median_of(mine, lambda each: each.result.p50_us):,.0f}",
        f"{median_of(mine, lambda each: each.result.p99_us):,.0f}",
        f"{median_of(mine, lambda each: each.result.body_per_reply):.0f}",
        f"{median_of(mine, lambda each: each.result.peers_per_reply):.1f}",
        f"{server.resident_bytes() / 1e6:.0f}",
        f"{median_of(mine, lambda each: each.server_cpu / each.result.seconds):.2f}",
        f"{median_of(mine, lambda each: each.result.cpu_seconds / each.result.seconds):.2f}",
        f"{sum(each.result.failures for each in mine)}",
    ]


def threads(name: str, samples: Sequence[Sample]) -> str:
    """Return a line of the shares of a core that a server's threads used, the busiest first; or nothing.

    A thread that used less than a hundredth is not named, and a server with one busy thread has no line.
    """
    names = {thread for sample in samples for thread in sample.threads}
    shares = {
        thread: median(sample.threads.get(thread, 0.0) / sample.result.seconds for sample in samples)
        for thread in names
    }
    busy = sorted(((share, thread) for thread, share in shares.items() if share >= 0.01), reverse=True)
    if len(busy) < 2:
        return ""
    return f"threads of {name}: " + ", ".join(f"{thread} {share:.2f}" for share, thread in busy)


def table(columns: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns."""
    widths = [max(len(row[at]) for row in (columns, *body)) for at in range(len(columns))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    cells = [_line(columns, widths), "| " + " | ".join(rule) + " |", *(_line(row, widths) for row in body)]
    return "\n".join(cells)


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    return "| " + " | ".join((first.strip().ljust(widths[0]), *others)) + " |"


def save(name: str, samples: Mapping[str, Samples]) -> Path:
    """Write every turn of a run to results/, so that a figure can be examined later; return the file."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%SZ}.json"
    turns = {
        title: {server: [asdict(sample) for sample in taken] for server, taken in each.items()}
        for title, each in samples.items()
    }
    path.write_text(json.dumps({"machine": describe(), "turns": turns}, indent=1) + "\n")
    return path
