"""Benchmark of UDP announces (BEP 15): Peerage beside other trackers and a ceiling.

Run as `python -m benchmarks.announce_udp [--quick]`.
"""

from collections.abc import Sequence

from benchmarks.announces import FILLING, Measure, Plan, peers_of, read_plan, run
from benchmarks.generators import Result, build, drive
from benchmarks.servers import UDP, Server

SOCKETS = 8
WINDOW = 24
SCRAPES = 5


def _load(server: Server, torrents: int, seconds: int, *options: str | int) -> Result:
    population = ("--torrents", torrents, "--peers", peers_of(torrents))
    flow = ("--sockets", SOCKETS, "--window", WINDOW, "--scrapes", SCRAPES)
    return drive(build("udp_load"), server.port, seconds, *population, *flow, *options)


def fill(server: Server, torrents: int) -> None:
    """Let every peer announce once."""
    _load(server, torrents, FILLING, "--fill")


def measures(torrents: int, plan: Plan) -> list[Measure]:
    """Return the table for a number of torrents."""
    size = (
        f"{torrents:,} torrents of {peers_of(torrents)}, {SOCKETS} sockets with {WINDOW} requests under way"
    )
    return [
        Measure(
            f"UDP, {100 - SCRAPES} % announces and {SCRAPES} % scrapes, {size}",
            lambda server, number: _load(server, torrents, plan.seconds, "--seed", number),
            lambda server: server.name,
        )
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    plan = read_plan(arguments, __doc__ or "", UDP)
    return run("announce_udp", plan, fill, lambda torrents: measures(torrents, plan))


if __name__ == "__main__":
    raise SystemExit(main())
