"""Benchmark of HTTP announces: Peerage beside other trackers and a ceiling, with keep-alive and without.

Run as `python -m benchmarks.announce_http [--quick]`.
"""

from collections.abc import Sequence

from benchmarks.announces import FILLING, Measure, Plan, peers_of, read_plan, run
from benchmarks.comparison import Drive
from benchmarks.generators import Result, build, drive
from benchmarks.servers import HTTP, Server

CONNECTIONS = 64

CLOSES_NOTE = """
A server marked "closes" ends every connection after its reply whatever the request asks for: its row here, and so
the ratio to it, is of one connection per announce.
"""


def _load(server: Server, torrents: int, seconds: int, *options: str | int) -> Result:
    population = ("--torrents", torrents, "--peers", peers_of(torrents), "--connections", CONNECTIONS)
    return drive(build("http_load"), server.port, seconds, *population, *options)


def fill(server: Server, torrents: int) -> None:
    """Let every peer announce once."""
    _load(server, torrents, FILLING, "--fill", *(() if server.keeps else ("--close",)))


def _kept(torrents: int, plan: Plan) -> Drive:
    def load(server: Server, number: int) -> Result:
        closing = () if server.keeps else ("--close",)
        return _load(server, torrents, plan.seconds, "--seed", number, *closing)

    return load


def _closed(torrents: int, plan: Plan) -> Drive:
    return lambda server, number: _load(server, torrents, plan.seconds, "--seed", number, "--close")


def measures(torrents: int, plan: Plan) -> list[Measure]:
    """Return both tables for a number of torrents."""
    size = f"{torrents:,} torrents of {peers_of(torrents)}, {CONNECTIONS} connections"
    return [
        Measure(
            f"HTTP, connections kept, {size}",
            _kept(torrents, plan),
            lambda server: server.name if server.keeps else f"{server.name} (closes)",
            lambda servers: "" if all(server.keeps for server in servers) else CLOSES_NOTE,
        ),
        Measure(
            f"HTTP, one connection per announce, {size}",
            _closed(torrents, plan),
            lambda server: server.name,
            takes=lambda server: server.closes,
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    plan = read_plan(arguments, __doc__ or "", HTTP)
    return run("announce_http", plan, fill, lambda torrents: measures(torrents, plan))


if __name__ == "__main__":
    raise SystemExit(main())
