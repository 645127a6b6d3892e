"""Benchmark of idle connections: user memory of Peerage beside other trackers.

Run as `python -m benchmarks.idle [--quick]`. Every connection makes one announce, which leaves no peer behind, and is
then held open. The memory is the proportional set size (PSS) of the server before the first of them and after the last;
what the kernel holds for a connection is not in it and is the same for every server.
"""

import argparse
import resource
import select
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.announces import add_variants, side_by_side
from benchmarks.comparison import table
from benchmarks.machine import describe
from benchmarks.processes import end_like_ctrl_c
from benchmarks.servers import (
    HTTP,
    KINDS,
    Server,
    ServerError,
    is_answered,
    peerage_settings,
    probing_announce,
    usual,
)

CONNECTIONS = 15_000
WARM_UP = 100
"""Connections made and ended before the first reading, so that what is made once is not counted."""
SPARE_FILES = 500
ADDRESSES = 15
CEILING = "ceiling"
"""It holds a request and a reply for each connection, so it is no measure of idle ones."""
COLUMNS = (
    "server",
    "connections",
    "still open",
    "seconds to open",
    "PSS MB before",
    "PSS MB after",
    "bytes each",
)


@dataclass(frozen=True, slots=True)
class IdleCost:
    """The cost of connections held open, for one server; memory in bytes."""

    server: str
    connections: int
    still_open: int
    seconds: float
    before: int
    after: int

    def row(self) -> list[str]:
        """Return its row of the table."""
        each = (self.after - self.before) / max(1, self.connections)
        megabytes = (f"{size / 1e6:.1f}" for size in (self.before, self.after))
        counts = (f"{self.connections:,}", f"{self.still_open:,}", f"{self.seconds:.1f}")
        return [self.server, *counts, *megabytes, f"{each:,.0f}"]


def files_allowed(wanted: int) -> int:
    """Raise the limit of open files, which servers started later inherit; return how many may be held open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(wanted, hard - SPARE_FILES)


@contextmanager
def held_connections(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Hold as many answered connections as the server gives, `count` at most, until the block ends."""
    with ExitStack() as stack:
        taken: list[socket.socket] = []
        for number in range(count):
            try:
                source = (f"127.0.0.{2 + number % ADDRESSES}", 0)
                made = socket.create_connection(("127.0.0.1", port), timeout=5, source_address=source)
            except OSError:
                break
            stack.enter_context(made)
            if not is_answered(made, probing_announce(port, "keep-alive")):
                break
            taken.append(made)
        yield taken


def still_open(connections: Sequence[socket.socket]) -> int:
    """Count those that the server has not ended: nothing is there to be read."""
    poll = select.poll()
    for connection in connections:
        poll.register(connection, select.POLLIN | select.POLLRDHUP)
    return len(connections) - len(poll.poll(0))


def measure(server: Server, count: int) -> IdleCost:
    """Open the connections, read the memory, and end them."""
    with held_connections(server.port, WARM_UP):
        pass
    before = server.proportional_bytes()
    began = time.monotonic()
    with held_connections(server.port, count) as connections:
        seconds = time.monotonic() - began
        after = server.proportional_bytes()
        return IdleCost(server.name, len(connections), still_open(connections), seconds, before, after)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2,000 connections")
    parser.add_argument("--connections", type=int, help=f"to hold open (default {CONNECTIONS})")
    parser.add_argument(
        "--servers", nargs="+", choices=[name for name in KINDS if HTTP in KINDS[name].serves]
    )
    add_variants(parser)
    given = parser.parse_args(arguments)
    end_like_ctrl_c()
    print(f"# idle\n\n{describe()}\n", flush=True)
    count = files_allowed(given.connections or (2_000 if given.quick else CONNECTIONS))
    try:
        body = list(
            _rows(
                given.servers or [name for name in usual(HTTP) if name != CEILING],
                count,
                peerage_settings(given.door, given.store),
            )
        )
    except ServerError as error:
        print(f"idle: {error}", file=sys.stderr)
        return 1
    print("## Memory of connections that are kept and idle\n")
    print(table(COLUMNS, body), flush=True)
    return 0


def _rows(names: Sequence[str], count: int, variant: dict[str, str]) -> Iterator[list[str]]:
    """Measure one server after another, each alone, so that no memory is shared with the next."""
    settings = variant | {
        "PEERAGE_HTTP_MAX_CONNECTIONS": str(2 * count),
        "PEERAGE_HTTP_CONNECTIONS_PER_ADDRESS": "0",
        "PEERAGE_HTTP_KEEP_ALIVE": "300",
    }
    for name in names:
        try:
            with side_by_side([name], 1, settings) as (server,):
                if server.keeps:
                    yield measure(server, count).row()
                else:
                    print(f"left out: {name} keeps no connection", file=sys.stderr)
        except ServerError as error:
            print(f"left out: {error}", file=sys.stderr)


if __name__ == "__main__":
    raise SystemExit(main())
