"""The shared part of the two announce benchmarks: servers side by side, filling, titles, options."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from benchmarks.comparison import COLUMNS, Drive, Samples, compare, rows, save, table, threads
from benchmarks.generators import LoadError
from benchmarks.machine import describe
from benchmarks.processes import end_like_ctrl_c
from benchmarks.servers import KINDS, Server, ServerError, peerage_settings, running, usual

TORRENTS = (1_000, 100_000)
PEERS_IN_ALL = 200_000
PEERS_MOST = 60
FILLING = 240
"""Seconds that the filling of a server may take."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How large a comparison is: the default, or what --quick and the other options make of it."""

    servers: tuple[str, ...]
    torrents: tuple[int, ...]
    rounds: int
    seconds: int
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measure:
    """One table: its title, how load is put on a server, and what each server's row is called."""

    title: str
    drive: Drive
    label: Callable[[Server], str]
    note: Callable[[Sequence[Server]], str] = lambda _: ""
    takes: Callable[[Server], bool] = lambda _: True


def read_plan(arguments: Sequence[str] | None, description: str, protocol: str) -> Plan:
    """Read the command line of a comparison over "http" or "udp"."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--quick", action="store_true", help="a look in a minute: 1,000 torrents, 3 rounds of 1 s"
    )
    parser.add_argument("--rounds", type=int, help="turns of every server (default 5)")
    parser.add_argument("--seconds", type=int, help="of one turn (default 3)")
    parser.add_argument("--torrents", type=int, nargs="+", help="numbers of torrents (default 1000 100000)")
    parser.add_argument(
        "--servers", nargs="+", choices=_serving(protocol), help="the first is what ratios refer to"
    )
    add_variants(parser)
    given = parser.parse_args(arguments)
    return Plan(
        tuple(given.servers or usual(protocol)),
        tuple(given.torrents or (TORRENTS[:1] if given.quick else TORRENTS)),
        given.rounds or (3 if given.quick else 5),
        given.seconds or (1 if given.quick else 3),
        peerage_settings(given.door, given.store),
    )


def _serving(protocol: str) -> list[str]:
    return [name for name, kind in KINDS.items() if protocol in kind.serves]


def add_variants(parser: argparse.ArgumentParser) -> None:
    """Add the options that choose which of its doors and stores our server runs with."""
    parser.add_argument("--door", choices=("native", "uvicorn"), help="of ours (default: its own default)")
    parser.add_argument("--store", choices=("native", "python"), help="of ours (default: its own default)")


def peers_of(torrents: int) -> int:
    """Return how many peers each swarm has: 60 in a thousand torrents, 2 in a hundred thousand."""
    return max(1, min(PEERS_MOST, PEERS_IN_ALL // torrents))


@contextmanager
def side_by_side(
    names: Sequence[str], torrents: int, settings: Mapping[str, str] | None = None
) -> Iterator[list[Server]]:
    """Run servers beside each other until the block ends; one that is missing is named and left out."""
    with ExitStack() as stack:
        servers = []
        for name in names:
            try:
                servers.append(stack.enter_context(running(name, torrents, settings)))
            except ServerError as error:
                print(f"left out: {error}", file=sys.stderr)
        if not servers:
            raise ServerError("no server to measure")
        yield servers


def run(
    name: str, plan: Plan, fill: Callable[[Server, int], None], measures: Callable[[int], Sequence[Measure]]
) -> int:
    """Fill and measure the servers for each number of torrents, print the tables, return the exit status."""
    end_like_ctrl_c()
    print(f"# {name}\n\n{describe()}\n", flush=True)
    kept: dict[str, Samples] = {}
    try:
        for torrents in plan.torrents:
            with side_by_side(plan.servers, torrents, plan.settings) as servers:
                for server in servers:
                    fill(server, torrents)
                for measure in measures(torrents):
                    taken = [server for server in servers if measure.takes(server)]
                    kept[measure.title] = compare(taken, measure.drive, plan.rounds)
                    _print(measure, kept[measure.title], taken, plan)
    except (LoadError, ServerError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    print(f"every turn: {save(name, kept)}")
    return 0


def _print(measure: Measure, samples: Samples, servers: Sequence[Server], plan: Plan) -> None:
    labels = {server.name: measure.label(server) for server in servers}
    print(f"## {measure.title}\n\n{plan.rounds} rounds of {plan.seconds} s, ratios to {servers[0].name}\n")
    print(table(COLUMNS, rows(samples, servers, labels)))
    print("\n".join(line for line in (threads(name, each) for name, each in samples.items()) if line))
    print(measure.note(servers), flush=True)
