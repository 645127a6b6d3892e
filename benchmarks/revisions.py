"""Compares two versions of this program: what a request costs the server in CPU time, before a change and after.

Run as `python -m benchmarks.revisions --base REVISION [MEASURE ...]`. Three servers take turns: the base, the base
again, and this working tree. A measure counts as slower when the median ratio of this tree to the base lies above
every ratio of the base to itself. The rows named "without C" run copies in which the extension was not built.
"""

import argparse
import hashlib
import http.client
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.announces import peers_of
from benchmarks.comparison import Sample, compare, table
from benchmarks.generators import LoadError, Result, build, drive
from benchmarks.machine import ROOT, cores, describe
from benchmarks.processes import end_like_ctrl_c, pinned, started
from benchmarks.servers import BOTH, Server, ServerError, await_ready, clean_environment, free_port
from benchmarks.synthetic_catalogue import CatalogueGenerator

TORRENTS = 1_000
HELD = 200
"""Torrents that are uploaded to each server."""
FILLING = 240
MANY = "1000000/second"
RATES = (
    "CACHE_UPLOAD_RATE",
    "DOWNLOADS_CREATE_RATE",
    "LIMITS_GAZELLE",
    "LIMITS_PAGES",
    "LIMITS_REST",
    "LIMITS_REST_ANONYMOUS",
    "LIMITS_TORBOX",
)
SERVERS = ("base", "base again", "this")
COLUMNS = ("measure", "base us", "this us", "base again / base", "this / base", "verdict")

Load = Callable[[Server, int, int], Result]
"""Puts load on a server, in the round of a number, for some seconds."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One row: how load is put on a server, and whether the copies without the extension are measured."""

    load: Load
    built: bool = True


def infohash_of(info: bytes) -> str:
    """Return the infohash of a bencoded info dictionary, in upper case."""
    return hashlib.sha1(info).hexdigest().upper()


def torrent(title: str) -> tuple[str, bytes]:
    """Return a made-up .torrent of one file: its infohash and its bytes."""
    name = title.encode()
    info = b"d6:lengthi1000e4:name%d:%s12:piece lengthi16384e6:pieces20:%se" % (len(name), name, bytes(20))
    return infohash_of(info), b"d8:announce13:http://a.test4:info%se" % info


GENERATOR = CatalogueGenerator()
WORDS = GENERATOR.words[:50]
HOLDINGS = tuple(torrent(f"{GENERATOR.torrent(number).title} {number}") for number in range(1, HELD + 1))


def _announces(program: str, *options: str) -> Load:
    def load(server: Server, number: int, seconds: int) -> Result:
        population = ("--torrents", TORRENTS, "--peers", peers_of(TORRENTS), "--seed", number)
        return drive(build(program), server.port, seconds, *population, *options)

    return load


def get_in_turn(paths: Sequence[str], headers: Mapping[str, str] | None = None) -> Load:
    """Return a load of GETs, one after another on one connection; anything but 200 is a failure."""

    def load(server: Server, number: int, seconds: int) -> Result:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        done = failures = size = 0
        with pinned(cores().load):
            began, cpu = time.perf_counter(), time.process_time()
            while (took := time.perf_counter() - began) < seconds:
                connection.request("GET", paths[(number + done) % len(paths)], headers=dict(headers or {}))
                response = connection.getresponse()
                size += len(response.read())
                failures += response.status != 200
                done += 1
        connection.close()
        used = time.process_time() - cpu
        return Result(done, failures, took, done / took, 0.0, 0.0, size / done, size / done, 0.0, used)

    return load


MEASURES: Mapping[str, Measure] = {
    "announce over UDP": Measure(_announces("udp_load")),
    "announce over HTTP": Measure(_announces("http_load", "--connections", "64")),
    "announce over HTTP, without C": Measure(_announces("http_load", "--connections", "64"), built=False),
    "announce over UDP, without C": Measure(_announces("udp_load"), built=False),
    "GET a .torrent": Measure(get_in_turn([f"/torrent/{name}.torrent" for name, _ in HOLDINGS])),
    "GET a .torrent, gzip": Measure(
        get_in_turn([f"/torrent/{name}.torrent" for name, _ in HOLDINGS], {"Accept-Encoding": "gzip"})
    ),
    "list of 50 over REST": Measure(get_in_turn(["/api/torrents?per_page=50"])),
    "search over REST": Measure(get_in_turn([f"/api/torrents?search={word}" for word in WORDS])),
    "page of a search": Measure(get_in_turn([f"/search?q={word}" for word in WORDS])),
}


def copy_revision(revision: str, folder: Path) -> None:
    """Lay a revision's files into a folder."""
    command = ["git", "-C", str(ROOT), "archive", revision]
    archive = subprocess.run(command, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")


def copy_working_tree(folder: Path) -> None:
    """Lay the files of this tree that git knows into a folder, as they are now."""
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=True, text=True
    )
    for name in listed.stdout.split("\0"):
        if name and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def build_extension(folder: Path) -> None:
    """Build a copy's extension as an installation does, and lay it beside its module. Raises LoadError."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--target",
        str(folder / "built"),
        str(folder),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    found = list((folder / "built" / "tracker").glob("_native*.so"))
    if done.returncode or not found:
        raise LoadError(f"the extension of {folder} was not built:\n{done.stderr}")
    shutil.copy2(found[0], folder / "tracker")


def forgo_extension(folder: Path) -> None:
    """Make sure that a copy finds no extension, not even one that is installed elsewhere."""
    (folder / "tracker" / "_native.py").write_text('raise ImportError("this copy does without")\n')


@contextmanager
def serving(name: str, tree: Path) -> Iterator[Server]:
    """Run the service of a copy on the server's core, with rates that no load meets. Raises ServerError."""
    with tempfile.TemporaryDirectory(prefix="revision-") as kept, ExitStack() as stack:
        folder, port = Path(kept), free_port()
        options = ["--listen", f"127.0.0.1:{port}", "--data", str(folder / "data")]
        rates = {f"PEERAGE_{rate}": MANY for rate in RATES}
        environment = clean_environment() | rates | {"PYTHONPATH": str(tree)}
        output = stack.enter_context((folder / "log").open("wb"))
        options += [
            "--downloads-listen",
            "127.0.0.1:0",
            "--downloads-active",
            "1000",
            "--downloads-slots",
            "1000",
        ]
        command = [sys.executable, "-m", "peerage", "serve", *options]
        process = stack.enter_context(
            started(command, cores().server, folder, output, environment=environment)
        )
        await_ready(process, port, folder / "log", BOTH)
        yield Server(name, process.pid, port, keeps=True, closes=True, log=folder / "log")


def upload(server: Server, data: bytes) -> None:
    """Upload a .torrent."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="torrent"; filename="x.torrent"\r\n\r\n%s\r\n--x--\r\n'
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    url = f"http://127.0.0.1:{server.port}/autoupload.php"
    urllib.request.urlopen(urllib.request.Request(url, body % data, headers), timeout=30).read()


def fill(server: Server) -> None:
    """Upload what is fetched and searched for, and let every peer announce once."""
    for _, data in HOLDINGS:
        upload(server, data)
    drive(
        build("http_load"),
        server.port,
        FILLING,
        "--torrents",
        TORRENTS,
        "--peers",
        peers_of(TORRENTS),
        "--fill",
    )


def row(name: str, samples: Mapping[str, Sequence[Sample]]) -> list[str]:
    """Return a measure's row; the last cell says whether this tree is slower than the base ever was than itself."""
    base, again, this = ([1e6 / sample.per_cpu for sample in samples[server]] for server in SERVERS)
    spread = [theirs / ours for theirs, ours in zip(again, base, strict=True)]
    ratios = [theirs / ours for theirs, ours in zip(this, base, strict=True)]
    verdict = (
        "slower" if median(ratios) > max(spread) else "faster" if median(ratios) < min(spread) else "level"
    )
    failures = sum(sample.result.failures for server in SERVERS for sample in samples[server])
    return [
        name,
        f"{median(base):.1f}",
        f"{median(this):.1f}",
        f"{median(spread):.2f} ({min(spread):.2f} to {max(spread):.2f})",
        f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
        f"{verdict}, {failures} failures" if failures else verdict,
    ]


def measure(names: Sequence[str], base: Path, this: Path, rounds: int, seconds: int) -> list[list[str]]:
    """Run the named measures over three servers and return their rows."""
    with ExitStack() as stack:
        trees = zip(SERVERS, (base, base, this), strict=True)
        servers = [stack.enter_context(serving(name, tree)) for name, tree in trees]
        for server in servers:
            fill(server)
        found = []
        for name in names:
            load = MEASURES[name].load
            found.append(
                row(name, compare(servers, lambda server, at, load=load: load(server, at, seconds), rounds))
            )
            print(" · ".join(found[-1]), file=sys.stderr, flush=True)
        return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if something became slower, or could not be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--base", default="HEAD", help="the revision to compare with; HEAD: what is not committed yet"
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="3 rounds of 1 second")
    parser.add_argument("names", nargs="*", metavar="MEASURE", help=", ".join(MEASURES))
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - set(MEASURES):
        parser.error(f"no such measure: {', '.join(sorted(unknown))}")
    rounds, seconds = (3, 1) if given.quick else (given.rounds, given.seconds)
    names = given.names or list(MEASURES)
    end_like_ctrl_c()
    print(
        f"{describe()}\nbase: {given.base}; {rounds} rounds of {seconds} s; server CPU in microseconds a request\n"
    )
    try:
        with tempfile.TemporaryDirectory(prefix="revisions-") as kept:
            found = []
            for built in (True, False):
                base, this = Path(kept, f"base-{built}"), Path(kept, f"this-{built}")
                base.mkdir()
                this.mkdir()
                copy_revision(given.base, base)
                copy_working_tree(this)
                wanted = [name for name in names if MEASURES[name].built is built]
                prepare = build_extension if built else forgo_extension
                prepare(base)
                prepare(this)
                found += measure(wanted, base, this, rounds, seconds) if wanted else []
    except (LoadError, ServerError, OSError, subprocess.CalledProcessError) as error:
        print(f"revisions: {error}", file=sys.stderr)
        return 1
    print(table(COLUMNS, found))
    return int(any(each[-1].startswith("slower") for each in found))


if __name__ == "__main__":
    raise SystemExit(main())
