"""Benchmark of a start with many stored torrents: the first announce, the first file, all files reconciled.

Run as `python -m benchmarks.start [--quick] [--torrents N] [--base REVISION]`. The torrents, their files and their
records are made up and written in bulk, without the search index. Files and records were just written, so both are in
the system's memory, unless it is told to drop them with `--cold`, which needs root.
"""

import argparse
import asyncio
import http.client
import os
import re
import shutil
import sqlite3
import sys
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from statistics import median

from benchmarks.comparison import table
from benchmarks.machine import ROOT, describe
from benchmarks.processes import end_like_ctrl_c, started
from benchmarks.revisions import build_extension, copy_revision
from benchmarks.servers import ServerError, clean_environment, free_port
from bittorrent.infohash import InfoHash
from cache.record import packed_digest
from peerage.config import Settings
from peerage.wiring.application import open_application

TORRENTS = 100_000
_QUICK = 1_000
_BATCH = 10_000
_PIECES = 40  # hashes of pieces in a torrent, which do not compress
_PATIENCE = 600.0
_PACE = 0.002
_COLUMNS = (
    "service",
    "first announce, s",
    "first kept, s",
    "first file, s",
    "all reconciled, s",
    "CPU s",
    "longest stall, ms",
)
_DROP = Path("/proc/sys/vm/drop_caches")


@dataclass(frozen=True, slots=True)
class Start:
    """Seconds from the start of the process, and what it took meanwhile."""

    announced: float
    kept: float
    file: float
    reconciled: float
    cpu: float
    stall: float


def made_up(number: int) -> tuple[InfoHash, bytes]:
    """Return a torrent: its infohash and its bytes."""
    name = b"A title of some length %d" % number
    pieces = b"".join(
        sha1(b"%d %d" % (number, each), usedforsecurity=False).digest() for each in range(_PIECES)
    )
    info = b"d6:lengthi%de4:name%d:%s12:piece lengthi1048576e6:pieces%d:%se" % (
        _PIECES << 20, len(name), name, len(pieces), pieces,
    )  # fmt: skip
    return InfoHash(sha1(info, usedforsecurity=False).digest()), b"d4:info%se" % info


def store(torrents: Path, infohash: InfoHash, data: bytes, made: set[str]) -> bytes:
    """Write the file of a torrent where the cache finds it, and return its bytes."""
    packer = zlib.compressobj(1, wbits=31)
    packed = packer.compress(data) + packer.flush()
    name = infohash.upper
    folder = torrents / name[:2] / name[2:4]
    if name[:4] not in made:
        folder.mkdir(parents=True, exist_ok=True)
        made.add(name[:4])
    (folder / f"{name[4:]}.torrent.gz").write_bytes(packed)
    return packed


async def _first(data: Path) -> None:
    """Make a data folder as the service does, with one torrent."""
    async with open_application(Settings.of(data=data, downloads={"enabled": False})) as application:
        await application.torrents.uploads.accept(made_up(0)[1], "benchmark")


def _copied(database: sqlite3.Connection, name: str, changed: Sequence[str]) -> str:
    """Return the statement that copies the row of a table with other values in some columns."""
    columns = [row[1] for row in database.execute(f"PRAGMA table_info({name})")]
    chosen = ", ".join(f":{each}" if each in changed else each for each in columns)
    return f"INSERT INTO {name} ({', '.join(columns)}) SELECT {chosen} FROM (SELECT * FROM {name} LIMIT 1)"


def fill(data: Path, torrents: int) -> None:
    """Make a data folder that holds so many torrents, each with file, record and entry in the catalogue."""
    asyncio.run(_first(data))
    made: set[str] = set()
    with closing(sqlite3.connect(data / "peerage.db", isolation_level=None)) as database:
        database.execute("PRAGMA synchronous = OFF")
        statements = {
            "record": _copied(database, "record", ("infohash", "v1", "name", "stored", "digest", "packed")),
            "work": _copied(database, "work", ("id", "name")),
            "torrent": _copied(database, "torrent", ("id", "infohash", "work_id", "title", "name")),
            "contents": _copied(database, "contents", ("torrent_id",)),
        }
        for start in range(1, torrents, _BATCH):
            rows = []
            for number in range(start, min(start + _BATCH, torrents)):
                infohash, plain = made_up(number)
                packed = store(data / "torrents", infohash, plain, made)
                title = f"A title of some length {number}"
                rows.append(
                    {
                        "infohash": infohash, "v1": infohash, "name": title, "title": title, "stored": len(packed),
                        "digest": sha1(plain, usedforsecurity=False).digest(), "packed": packed_digest(packed),
                        "id": number + 1, "work_id": number + 1, "torrent_id": number + 1,
                    }
                )  # fmt: skip
            database.execute("BEGIN")
            for statement in statements.values():
                database.executemany(statement, rows)
            database.execute("COMMIT")


def _ask(port: int, path: str) -> tuple[int, bytes]:
    """Ask once; status 0 where nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()


def _until(
    answered: Callable[[], bool], began: float, alive: Callable[[], bool], pace: float = _PACE
) -> float:
    """Ask again and again; return the seconds since `began` after which it was answered. ServerError."""
    while not answered():
        if not alive() or time.monotonic() - began > _PATIENCE:
            raise ServerError("the service ended, or did not answer in time")
        time.sleep(pace)
    return time.monotonic() - began


def _figure(page: bytes, name: str) -> float | None:
    found = re.search(rf"^{name} (\S+)$", page.decode(), re.MULTILINE)
    return float(found[1]) if found else None


def measure(tree: Path, data: Path, torrents: int) -> Start:
    """Start the service of a tree over a data folder, and watch it until everything is reconciled. ServerError."""
    port = free_port()
    command = [sys.executable, "-m", "peerage", "serve", "--listen", f"127.0.0.1:{port}", "--data", str(data)]
    environment = clean_environment() | {"PYTHONPATH": str(tree), "PEERAGE_DOWNLOADS_ENABLED": "false"}
    infohash = made_up(torrents // 2)[0]
    escaped = "".join(f"%{byte:02x}" for byte in infohash)
    announce = f"/announce?info_hash={escaped}&peer_id={'p' * 20}&port=1&left=0"
    with data.with_suffix(".log").open("wb") as output, ExitStack() as stack:
        began = time.monotonic()
        process = stack.enter_context(started(command, None, data, output, environment=environment))

        def alive() -> bool:
            return process.poll() is None

        def kept() -> bool:
            status, body = _ask(port, announce)
            return status == 200 and b"warning" not in body

        def reconciled() -> bool:
            ratio = _figure(_ask(port, "/metrics")[1], "peerage_files_reconciled_ratio")
            return ratio is None or ratio == 1.0  # one that does not tell has done it before it answers

        announced = _until(lambda: _ask(port, announce)[0] == 200, began, alive)
        file = _until(lambda: _ask(port, f"/torrent/{infohash.upper}.torrent")[0] == 200, began, alive)
        kept_after = _until(kept, began, alive)
        done = _until(reconciled, began, alive, 0.1)
        seconds = sum(
            map(float, Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13])
        )
        stall = _figure(_ask(port, "/metrics")[1], "peerage_loop_longest_stall_seconds") or 0.0
    return Start(announced, kept_after, file, done, seconds / os.sysconf("SC_CLK_TCK"), stall)


def _row(name: str, starts: Sequence[Start]) -> list[str]:
    def middle(value: Callable[[Start], float], figure: str = "{:.2f}") -> str:
        return figure.format(median(map(value, starts)))

    return [
        name,
        middle(lambda each: each.announced),
        middle(lambda each: each.kept),
        middle(lambda each: each.file),
        middle(lambda each: each.reconciled),
        middle(lambda each: each.cpu),
        middle(lambda each: 1000 * each.stall, "{:.0f}"),
    ]


def _trees(folder: Path, base: str | None) -> Iterator[tuple[str, Path]]:
    if base is not None:
        copy_revision(base, folder / "base")
        build_extension(folder / "base")
        yield f"base {base}", folder / "base"
    yield "this", ROOT


def run(folder: Path, torrents: int, rounds: int, base: str | None, *, cold: bool) -> None:
    """Make a data folder, start over it in turns, and print a table. ServerError."""
    data = folder / "data"
    began = time.monotonic()
    fill(data, torrents)
    print(f"{torrents:,} torrents, made in {time.monotonic() - began:.0f} s\n", flush=True)
    trees = dict(_trees(folder, base))
    starts: dict[str, list[Start]] = {name: [] for name in trees}
    for _ in range(rounds):
        for name, tree in trees.items():
            os.sync()
            if cold:
                _DROP.write_text("3")
            starts[name].append(measure(tree, data, torrents))
    print(f"{rounds} rounds, medians{', the system has read nothing yet' if cold else ''}\n")
    print(table(_COLUMNS, [_row(name, each) for name, each in starts.items()]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 torrents, one round")
    parser.add_argument("--torrents", type=int, help="how many are stored (default 100000)")
    parser.add_argument("--rounds", type=int, help="starts (default 3)")
    parser.add_argument("--base", help="a revision that takes turns with this tree")
    parser.add_argument(
        "--cold", action="store_true", help="have the system forget what it read before each start"
    )
    parser.add_argument("--folder", type=Path, help="where the data folder is made, and deleted at the end")
    given = parser.parse_args(arguments)
    end_like_ctrl_c()
    print(f"# start\n\n{describe()}\n", flush=True)
    torrents = given.torrents or (_QUICK if given.quick else TORRENTS)
    folder = Path(tempfile.mkdtemp(prefix="start-", dir=given.folder))
    try:
        run(folder, torrents, given.rounds or (1 if given.quick else 3), given.base, cold=given.cold)
    except ServerError as error:
        print(f"start: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
