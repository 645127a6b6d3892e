"""Benchmark of imports and uploads, durable, into a running service.

Run as `python -m benchmarks.imports [--quick] [--base REVISION]`. In each round as many torrents are imported by
`peerage import`'s request to the control socket as a bare loop writes and fsyncs one by one on the same disk; then one
client uploads by `/autoupload.php`, and 32 at once. The service and its child processes may use every core.
"""

import argparse
import http.client
import json
import os
import queue
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.comparison import table
from benchmarks.generators import LoadError
from benchmarks.machine import ROOT, describe
from benchmarks.processes import end_like_ctrl_c, started
from benchmarks.revisions import copy_revision, forgo_extension
from benchmarks.servers import BOTH, Server, ServerError, await_ready, clean_environment, free_port
from benchmarks.synthetic_catalogue import CatalogueGenerator

TORRENTS = 2_000
CLIENTS = 32
_ROUNDS = 5
_PAUSE = 0.01  # seconds after which an upload that was refused as busy is sent again
_PIECES = 75  # hashes, which do not compress
_GENERATOR = CatalogueGenerator()
_SUFFIXES = (
    "1080p.BluRay.x264-{word}.mkv",
    "S{number:02}E07.720p.WEB.h264-{word}.mkv",
    "{number} (1994).flac",
)

Measured = dict[str, list[float]]
"""Torrents a second of each measure, by round."""


def made_up(number: int) -> bytes:
    """Return a torrent as most are in size, with the name of a film, an episode or a record."""
    title = _GENERATOR.torrent(number % 1_000_000 + 1).title.replace(" ", ".")
    suffix = _SUFFIXES[number % len(_SUFFIXES)].format(word=f"GRP{number}", number=number % 90 + 1)
    name = f"{title}.{suffix}".encode()
    pieces = random.Random(number).randbytes(_PIECES * 20)
    info = b"d6:lengthi%de4:name%d:%s12:piece lengthi16384e6:pieces%d:%se" % (
        _PIECES * 16384,
        len(name),
        name,
        len(pieces),
        pieces,
    )
    return b"d8:announce13:http://a.test4:info%se" % info


def write_bare(folder: Path, torrents: Sequence[bytes]) -> None:
    """Write and fsync files one by one."""
    for number, data in enumerate(torrents):
        with (folder / f"{number}.torrent").open("xb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())


def import_all(data: Path, folder: Path, expected: int) -> None:
    """Have the service import a folder. Raises LoadError."""
    outcomes: Counter[str] = Counter()
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.connect(str(data / "control.sock"))
        request = {"command": "import", "arguments": {"paths": [str(folder)], "by": "benchmark"}}
        connection.sendall(json.dumps(request).encode() + b"\n")
        for line in connection.makefile():
            record = json.loads(line)
            outcomes[record.get("outcome", "")] += 1
            if record == {"end": True}:
                break
    if outcomes["new"] != expected:
        raise LoadError(f"of {expected} torrents the outcomes were {dict(outcomes)}")


def upload_all(port: int, torrents: Sequence[bytes], clients: int) -> None:
    """Upload torrents over so many kept connections, one request under way on each. Raises LoadError."""
    left: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    for data in torrents:
        left.put(data)
    failures: list[str] = []
    threads = [threading.Thread(target=_upload, args=(port, left, failures)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures or not left.empty():
        raise LoadError(f"{len(failures)} uploads failed, the first with {failures[:1]}")


def _upload(port: int, left: "queue.SimpleQueue[bytes]", failures: list[str]) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="torrent"; filename="x.torrent"\r\n\r\n%b\r\n--x--\r\n'
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        while not failures:
            try:
                data = left.get_nowait()
            except queue.Empty:
                return
            connection.request("POST", "/autoupload.php", body % data, headers)
            response = connection.getresponse()
            answer = response.read()
            if b"Error 503" in answer:  # an older revision took sixteen at once
                left.put(data)
                time.sleep(_PAUSE)
            elif response.status != 200 or len(answer.strip()) != 40:
                failures.append(f"{response.status} {answer[:80]!r}")


@contextmanager
def serving(name: str, tree: Path, folder: Path) -> Iterator[Server]:
    """Run the service of a tree on every core, with rates that no load meets. Raises ServerError."""
    port = free_port()
    options = ["--listen", f"127.0.0.1:{port}", "--data", str(folder / "data")]
    environment = clean_environment() | {
        "PYTHONPATH": str(tree),
        "PEERAGE_CACHE_UPLOAD_RATE": "1000000/second",
        "PEERAGE_CACHE_MIN_FREE_DISK": "0",
    }
    folder.mkdir()
    command = [sys.executable, "-m", "peerage", "serve", *options]
    with (folder / "log").open("wb") as output, ExitStack() as stack:
        process = stack.enter_context(started(command, None, folder, output, environment=environment))
        await_ready(process, port, folder / "log", BOTH)
        yield Server(name, process.pid, port, keeps=True, closes=True, log=folder / "log")


class Rounds:
    """Measures in turns, each over torrents of its own."""

    def __init__(self, place: Path, torrents: int) -> None:
        self.measured: Measured = {}
        self._place = place
        self._torrents = torrents
        self._made = 0
        self._folders = 0

    def take(self, count: int) -> list[bytes]:
        """Return torrents that nobody has yet."""
        self._made += count
        return [made_up(number) for number in range(self._made - count, self._made)]

    def run(self, servers: Sequence[Server], uploads: int) -> None:
        """Measure everything once."""
        self._note("bare", self._torrents, write_bare)
        for server in servers:
            self._import(server)
        for server in servers:
            for clients in (1, CLIENTS):
                files = self.take(uploads)
                began = time.perf_counter()
                upload_all(server.port, files, clients)
                self._add(f"{server.name}: autoupload by {clients}", uploads / (time.perf_counter() - began))

    def _import(self, server: Server) -> None:
        source = self._folder()
        for number, data in enumerate(self.take(self._torrents)):
            (source / f"{number}.torrent").write_bytes(data)
        os.sync()  # what the benchmark itself wrote is nobody's to write
        began = time.perf_counter()
        import_all(server.log.parent / "data", source, self._torrents)
        self._add(f"{server.name}: import", self._torrents / (time.perf_counter() - began))

    def _note(self, name: str, count: int, act: Callable[[Path, Sequence[bytes]], None]) -> None:
        folder, files = self._folder(), self.take(count)
        began = time.perf_counter()
        act(folder, files)
        self._add(name, count / (time.perf_counter() - began))

    def _folder(self) -> Path:
        self._folders += 1
        folder = self._place / f"files{self._folders}"
        folder.mkdir()
        return folder

    def _add(self, name: str, rate: float) -> None:
        self.measured.setdefault(name, []).append(rate)


def ratio(measured: Measured, name: str, base: str) -> str:
    """Return the median over the rounds of the ratio of two measures, where there is a base."""
    if base not in measured:
        return ""
    return f"{median(ours / theirs for ours, theirs in zip(measured[name], measured[base], strict=True)):.2f}"


def rows(measured: Measured) -> list[list[str]]:
    """Return a row for each measure."""
    found = []
    for name, rates in measured.items():
        server, _, what = name.partition(": ")
        by_one = f"{server}: autoupload by 1" if what.startswith("autoupload") else ""
        found.append(
            [
                name,
                f"{median(rates):,.0f}",
                f"{min(rates):,.0f} to {max(rates):,.0f}",
                "" if by_one else ratio(measured, name, "bare"),
                ratio(measured, name, f"before: {what}"),
                ratio(measured, name, by_one),
            ]
        )
    return found


def file_system(folder: Path) -> str:
    """Return the type of the file system under a folder, as the kernel names it."""
    found = ("", "unknown")
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mounted, kind, *_ = line.split()
        if folder.is_relative_to(mounted) and len(mounted) >= len(found[0]):
            found = (mounted, kind)
    return found[1]


def measure(place: Path, base: str | None, torrents: int, uploads: int, rounds: int) -> None:
    """Run the services, and print a table."""
    print(f"{torrents:,} torrents a round on {file_system(place)}, {rounds} rounds, torrents a second\n")
    kept = Rounds(place, torrents)
    with ExitStack() as stack:
        servers = []
        if base is not None:
            (place / "tree").mkdir()
            copy_revision(base, place / "tree")
            forgo_extension(place / "tree")
            servers.append(stack.enter_context(serving("before", place / "tree", place / "before")))
        servers.append(stack.enter_context(serving("peerage", ROOT, place / "peerage")))
        for _ in range(rounds):
            kept.run(servers, uploads)
    columns = ("what", "median", "range", "to bare", "to before", "to one client")
    print(table(columns, rows(kept.measured)), flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="500 torrents, 3 rounds")
    parser.add_argument("--torrents", type=int, help=f"how many are imported in a round (default {TORRENTS})")
    parser.add_argument("--uploads", type=int, help="how many are uploaded by clients (default a quarter)")
    parser.add_argument("--rounds", type=int, help=f"default {_ROUNDS}")
    parser.add_argument("--base", metavar="REVISION", help="measure this revision of the service beside")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to measure")
    given = parser.parse_args(arguments)
    end_like_ctrl_c()
    torrents = given.torrents or (500 if given.quick else TORRENTS)
    print(f"# imports\n\n{describe()}\n", flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="imports-", dir=given.folder) as folder:
            measure(
                Path(folder).resolve(),
                given.base,
                torrents,
                given.uploads or torrents // 4,
                given.rounds or (3 if given.quick else _ROUNDS),
            )
    except (LoadError, ServerError, OSError) as error:
        print(f"imports: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
