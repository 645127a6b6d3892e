"""Benchmark of stored `.torrent` files over HTTP: Peerage beside nginx with the same bytes and headers.

Run as `python -m benchmarks.cache_files [--quick] [--sets SET ...]`: files in memory, files of that size of which four
in five are not, and large files. nginx has one worker, `gzip_static`, `sendfile`, `open_file_cache` and no access log;
every torrent is fetched once from each before they take turns.
"""

import argparse
import http.client
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparison import COLUMNS, Drive, Samples, compare, rows, save, table, threads
from benchmarks.generators import LoadError, Result, build, drive
from benchmarks.machine import ROOT, cores, describe
from benchmarks.processes import end_like_ctrl_c, started
from benchmarks.revisions import torrent
from benchmarks.servers import BOTH, HTTP, Server, ServerError, await_ready, clean_environment, free_port

CONNECTIONS = 64
TORRENTS = 10_000
_QUICK = 1_000
_WARMING = 120
_SHARED_MEMORY = Path("/dev/shm")
_CONFIGURATION = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    server_tokens off;
    open_file_cache max=200000 inactive=1h;
    open_file_cache_valid 1h;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {folder};
        location /torrent/ {{
            types {{ }}
            default_type application/x-bittorrent;
            gzip_static on;
            add_header Cache-Control "public, max-age=3600";
            add_header Vary Accept-Encoding;
            add_header Content-Disposition "attachment; filename=\\"title.torrent\\"; filename*=UTF-8''title.torrent";
            add_header Content-Security-Policy "sandbox; default-src 'none'";
            add_header Referrer-Policy no-referrer;
            add_header X-Content-Type-Options nosniff;
        }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class FileSet:
    """Files of one size: bytes of a comment that do not compress, torrents in how many, and `cache.memory` for each."""

    title: str
    padding: int
    one_in: int = 1
    memory: int | None = None


SETS = {
    "memory": FileSet("in memory", 1_100),
    # The heads of an answer take 880 bytes, a file 1,275 more.
    "stored": FileSet("four in five not in memory", 1_100, memory=1_300),
    "large": FileSet("of 100 KB", 100_000, one_in=20),
}


def made_up(number: int, padding: int) -> tuple[str, bytes]:
    """Return a torrent: its infohash and its bytes."""
    name, data = torrent(f"A title of some length {number}")
    noise = random.Random(number).randbytes(padding)
    return name, b"d8:announce13:http://a.test7:comment%d:%s" % (len(noise), noise) + data[
        data.index(b"4:info") :
    ]


@contextmanager
def peerage(folder: Path, memory: int | None) -> Iterator[Server]:
    """Run this tree's service on the server's core, with so many bytes for files in memory. Raises ServerError."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "peerage",
        "serve",
        "--listen",
        f"127.0.0.1:{port}",
        "--data",
        str(folder / "data"),
    ]
    environment = clean_environment() | {
        "PYTHONPATH": str(ROOT),
        "PEERAGE_CACHE_UPLOAD_RATE": "1000000/second",
        "PEERAGE_CACHE_MIN_FREE_DISK": "0",
    }
    if memory is not None:
        environment["PEERAGE_CACHE_MEMORY"] = str(memory)
    with (folder / "log").open("wb") as output, ExitStack() as stack:
        process = stack.enter_context(
            started(command, cores().server, folder, output, environment=environment)
        )
        await_ready(process, port, folder / "log", BOTH)
        yield Server("peerage", process.pid, port, keeps=True, closes=True, log=folder / "log")


@contextmanager
def nginx(folder: Path) -> Iterator[Server]:
    """Run nginx on the server's core over `folder`. Raises ServerError."""
    program, port = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin"), free_port()
    if program is None:
        raise ServerError("nginx is not installed (on Debian: apt-get install nginx-light)")
    (folder / "nginx.conf").write_text(_CONFIGURATION.format(folder=folder, port=port))
    command = [program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    with (folder / "nginx.log").open("wb") as output, ExitStack() as stack:
        process = stack.enter_context(started(command, cores().server, folder, output))
        await_ready(process, port, folder / "nginx.log", frozenset((HTTP,)))
        yield Server("nginx", process.pid, port, keeps=True, closes=True, log=folder / "error.log")


def upload(server: Server, torrents: int, padding: int) -> list[str]:
    """Upload so many torrents, and return their paths."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    body = (
        b'--x\r\nContent-Disposition: form-data; name="torrent"; filename="x.torrent"\r\n\r\n%b\r\n--x--\r\n'
    )
    paths = []
    for number in range(torrents):
        name, data = made_up(number, padding)
        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        connection.request("POST", "/autoupload.php", body % data, headers)
        answer = connection.getresponse().read().decode().strip()
        if answer != name:
            raise LoadError(f"an upload was answered with {answer!r}")
        paths.append(f"/torrent/{name}.torrent")
    connection.close()
    return paths


def lay_out(data: Path, folder: Path, paths: Sequence[str]) -> None:
    """Lay the stored files where nginx finds them."""
    (folder / "torrent").mkdir()
    for path in paths:
        name = path.rpartition("/")[2].removesuffix(".torrent")
        stored = data / "torrents" / name[:2] / name[2:4] / f"{name[4:]}.torrent.gz"
        served = folder / "torrent" / f"{name}.torrent.gz"
        shutil.copy2(stored, served)
        served.chmod(0o644)


def _turns(load: Callable[..., Result], seconds: int, options: Sequence[str]) -> Drive:
    return lambda server, number: load(server, seconds, "--seed", number, *options)


def measure(folder: Path, files: FileSet, torrents: int, rounds: int, seconds: int) -> dict[str, Samples]:
    """Run both servers, fill them, and print a table for kept connections and one for a connection each."""
    kept: dict[str, Samples] = {}
    with peerage(folder, files.memory and files.memory * torrents) as ours:
        listed = upload(ours, torrents, files.padding)
        lay_out(folder / "data", folder, listed)
        (folder / "paths").write_text("\n".join(listed) + "\n")

        def load(server: Server, span: int, *options: str | int) -> Result:
            program = build("file_load")
            return drive(
                program,
                server.port,
                span,
                "--paths",
                str(folder / "paths"),
                "--connections",
                CONNECTIONS,
                *options,
            )

        with nginx(folder) as theirs:
            servers = [theirs, ours]
            for server in servers:
                warmed = load(server, _WARMING, "--once", "--close")
                if warmed.requests != torrents:
                    raise LoadError(f"{server.name}: {warmed}\n{server.last_words()}")
            for title, options in (("connections kept", ()), ("one connection per GET", ("--close",))):
                turns = kept[title] = compare(servers, _turns(load, seconds, options), rounds)
                print(f"## {title}, {torrents:,} torrents {files.title}, {CONNECTIONS} connections\n")
                print(f"{rounds} rounds of {seconds} s, ratios to nginx\n")
                print(table(COLUMNS, rows(turns, servers, {})))
                print(
                    "\n".join(filter(None, (threads(name, each) for name, each in turns.items()))), flush=True
                )
    return {f"{files.title}: {title}": turns for title, turns in kept.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 torrents, 3 rounds of 1 s")
    parser.add_argument("--torrents", type=int, help="how many are held and hot (default 10000)")
    parser.add_argument("--rounds", type=int, help="turns of every server (default 5)")
    parser.add_argument("--seconds", type=int, help="of one turn (default 3)")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS), help="some of the files")
    given = parser.parse_args(arguments)
    end_like_ctrl_c()
    print(f"# cache_files\n\n{describe()}\n", flush=True)
    place = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
    try:
        kept: dict[str, Samples] = {}
        torrents = given.torrents or (_QUICK if given.quick else TORRENTS)
        for files in (SETS[name] for name in given.sets):
            with tempfile.TemporaryDirectory(prefix="cache-files-", dir=place) as folder:
                Path(folder).chmod(0o755)  # the worker of an nginx started as root is somebody else
                kept |= measure(
                    Path(folder),
                    files,
                    torrents // files.one_in,
                    given.rounds or (3 if given.quick else 5),
                    given.seconds or (1 if given.quick else 3),
                )
        print(f"every turn: {save('cache_files', kept)}")
    except (LoadError, ServerError) as error:
        print(f"cache_files: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
