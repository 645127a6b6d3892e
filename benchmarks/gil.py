"""Benchmark of the GIL: the same load on the service with a thread that spins, and without.

Run as `python -m benchmarks.gil [--quick] [--door native|uvicorn] [--store native|python]`. The two servers are of one
kind; in the process of the second, a thread does nothing but count in Python. Its CPU time is not the server's, so
`req/cpu-s` is what the threads that serve make of a second of theirs, and `req/s` is what is left of it when they
share one core with the spinning thread and wait for the GIL, if they need it.
"""

import argparse
from collections.abc import Sequence

from benchmarks import announce_http, announce_udp
from benchmarks.announces import Measure, Plan, add_variants, run
from benchmarks.servers import peerage_settings

SERVERS = ("peerage", "peerage-spinning")
TORRENTS = 1_000


def read_plan(arguments: Sequence[str] | None) -> Plan:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="3 rounds of 1 s")
    parser.add_argument("--rounds", type=int, help="turns of both (default 5)")
    parser.add_argument("--seconds", type=int, help="of one turn (default 3)")
    add_variants(parser)
    given = parser.parse_args(arguments)
    rounds, seconds = (3, 1) if given.quick else (5, 3)
    settings = peerage_settings(given.door, given.store)
    return Plan(SERVERS, (TORRENTS,), given.rounds or rounds, given.seconds or seconds, settings)


def measures(torrents: int, plan: Plan) -> list[Measure]:
    """Return the tables of HTTP with connections kept, and of UDP."""
    return [announce_http.measures(torrents, plan)[0], *announce_udp.measures(torrents, plan)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    plan = read_plan(arguments)
    return run("gil", plan, announce_http.fill, lambda torrents: measures(torrents, plan))


if __name__ == "__main__":
    raise SystemExit(main())
