"""Benchmark of lists: REST, search, pages, Gazelle and TorBox, beside the same server's route that does nothing.

Run as `python -m benchmarks.lists [--quick] [--base REVISION]`. The queries differ from request to request and carry
a key, so that no finished list is kept; rows are kept, as they are in use. With a base, the server of that revision
takes turns with this one.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.comparison import compare, table
from benchmarks.generators import LoadError, Result
from benchmarks.machine import describe
from benchmarks.processes import end_like_ctrl_c
from benchmarks.revisions import (
    build_extension,
    copy_revision,
    copy_working_tree,
    get_in_turn,
    serving,
    torrent,
    upload,
)
from benchmarks.servers import Server, ServerError, clean_environment

TORRENTS = 500
SHOWN = 50
"""Torrents that each search finds."""
JOBS = 100
NOTHING = "nothing"
OURS, BASE = "this", "base"
_TITLES = tuple(f"set {number % (TORRENTS // SHOWN)} part {number}" for number in range(TORRENTS))
_HOLDINGS = tuple(torrent(title) for title in _TITLES)
_COLUMNS = ("list", "requests / CPU s", "of nothing", "base", "this / base")


@dataclass(frozen=True, slots=True)
class Keys:
    """Keys of one account, by the scope that they open."""

    rest: str
    gazelle: str
    torbox: str


@dataclass(frozen=True, slots=True)
class Measure:
    """Requests that take turns, and the headers that they carry."""

    paths: Sequence[str]
    headers: Callable[[Keys], Mapping[str, str]] = lambda _: {}


def _bearer(scope: str) -> Callable[[Keys], Mapping[str, str]]:
    return lambda keys: {"Authorization": f"Bearer {getattr(keys, scope)}"}


_SETS = range(TORRENTS // SHOWN)
_ORDERS = ("created_at", "size", "title", "seeders")
MEASURES: Mapping[str, Measure] = {
    NOTHING: Measure(["/livez"]),
    "list of 50 over REST": Measure(
        [f"/api/torrents?per_page={SHOWN}&page={page + 1}&sort={by}" for by in _ORDERS for page in _SETS],
        _bearer("rest"),
    ),
    "search of 50 hits over REST": Measure(
        [
            f"/api/torrents?search=set+{number}&per_page={SHOWN}&sort={by}"
            for by in _ORDERS
            for number in _SETS
        ],
        _bearer("rest"),
    ),
    "page of a search": Measure([f"/search?q=set+{number}" for number in _SETS]),
    "Gazelle browse": Measure(
        [f"/ajax.php?action=browse&searchstr=set+{number}" for number in _SETS], _bearer("gazelle")
    ),
    "Gazelle top 10": Measure(["/ajax.php?action=top10"], _bearer("gazelle")),
    "TorBox mylist of 100": Measure(["/v1/api/torrents/mylist?bypass_cache=true"], _bearer("torbox")),
}


def fill(server: Server, tree: Path) -> Keys:
    """Upload the torrents, make an account with keys, and begin its downloads. Raises ServerError."""
    for _, data in _HOLDINGS:
        upload(server, data)
    data_folder = str(server.log.parent / "data") if server.log else ""
    _command(tree, "user", "add", "reader", "--admin", "--password-stdin", "--data", data_folder)
    keys = Keys(
        *(
            _command(tree, "key", "add", "reader", "--scope", scope, "--data", data_folder).splitlines()[-1]
            for scope in ("rest", "gazelle", "torbox")
        )
    )
    for name, _ in _HOLDINGS[:JOBS]:
        _begin(server, keys.torbox, name)
    return keys


def _command(tree: Path, *words: str) -> str:
    environment = clean_environment() | {"PYTHONPATH": str(tree)}
    command = [sys.executable, "-m", "peerage", *words]
    done = subprocess.run(
        command, input="a long enough password\n", env=environment, capture_output=True, text=True, cwd=tree
    )
    if done.returncode:
        raise ServerError(f"{' '.join(words)}: {done.stderr}")
    return done.stdout.strip()


def _begin(server: Server, key: str, infohash: str) -> None:
    form = urllib.parse.urlencode({"magnet": f"magnet:?xt=urn:btih:{infohash}"}).encode()
    url = f"http://127.0.0.1:{server.port}/v1/api/torrents/createtorrent"
    request = urllib.request.Request(url, form, {"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["success"]


def measure(trees: Mapping[str, Path], names: Sequence[str], rounds: int, seconds: int) -> list[list[str]]:
    """Run the named measures over the servers of the trees; return their rows."""
    with ExitStack() as stack:
        servers = [stack.enter_context(serving(name, tree)) for name, tree in trees.items()]
        keys = {server.name: fill(server, trees[server.name]) for server in servers}
        idle: dict[str, float] = {}
        rows = []
        for name in (NOTHING, *(name for name in names if name != NOTHING)):
            samples = compare(servers, partial(_load, MEASURES[name], keys, seconds), rounds)
            rates = {server.name: [each.per_cpu for each in samples[server.name]] for server in servers}
            for server in servers:
                if failed := sum(each.result.failures for each in samples[server.name]):
                    raise LoadError(f"{name}: {failed} answers of {server.name} were not 200")
            if name == NOTHING:
                idle = {each: median(found) for each, found in rates.items()}
            rows.append(_row(name, rates, idle))
            print(" · ".join(rows[-1]), file=sys.stderr, flush=True)
        return rows


def _load(measure: Measure, keys: Mapping[str, Keys], seconds: int, server: Server, at: int) -> Result:
    return get_in_turn(measure.paths, measure.headers(keys[server.name]))(server, at, seconds)


def _row(name: str, rates: Mapping[str, Sequence[float]], idle: Mapping[str, float]) -> list[str]:
    ours = median(rates[OURS])
    row = [name, f"{ours:,.0f}", f"{ours / idle[OURS]:.3f}"]
    if BASE not in rates:
        return [*row, "", ""]
    ratio = median(mine / theirs for mine, theirs in zip(rates[OURS], rates[BASE], strict=True))
    return [*row, f"{median(rates[BASE]):,.0f}", f"{ratio:.2f}"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if it could not be done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", help="a revision that takes turns with this tree")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="3 rounds of 1 second")
    parser.add_argument("names", nargs="*", metavar="MEASURE", help=", ".join(MEASURES))
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(MEASURES):
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")
    rounds, seconds = (3, 1) if given.quick else (given.rounds, given.seconds)
    end_like_ctrl_c()
    print(f"{describe()}\n{rounds} rounds of {seconds} s; requests per second of server CPU\n")
    try:
        with tempfile.TemporaryDirectory(prefix="lists-") as kept:
            trees = {OURS: Path(kept, OURS)} | ({BASE: Path(kept, BASE)} if given.base else {})
            for name, tree in trees.items():
                tree.mkdir()
                if name == OURS:
                    copy_working_tree(tree)
                else:
                    copy_revision(given.base, tree)
                build_extension(tree)
            found = measure(trees, given.names or list(MEASURES), rounds, seconds)
    except (LoadError, ServerError, OSError, subprocess.CalledProcessError) as error:
        print(f"lists: {error}", file=sys.stderr)
        return 1
    print(table(_COLUMNS, found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
