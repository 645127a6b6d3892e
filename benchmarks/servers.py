"""Hides how each tracker under test is started, found ready, and ended: one entry in KINDS apiece.

A new peer is one function that writes its configuration into a folder and returns its command line, and one
entry that names it.
"""

import os
import secrets
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote_from_bytes

from benchmarks.generators import build, torrent_hash
from benchmarks.machine import ROOT, cores
from benchmarks.processes import cpu_seconds, resident_bytes, started

READY = 30
"""Seconds that a server may take until it answers."""


class ServerError(Exception):
    """A server did not start, or is not installed."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A tracker that can be measured: `prepare(folder, port, torrents)` returns its command line."""

    name: str
    prepare: Callable[[Path, int, int], list[str]]
    program: Callable[[], str | None]
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Server:
    """A running tracker. `keeps` tells whether it keeps a connection when asked to."""

    name: str
    pid: int
    port: int
    keeps: bool
    log: Path

    def cpu_seconds(self) -> float:
        """Return the CPU time it has used so far."""
        return cpu_seconds(self.pid)

    def resident_bytes(self) -> int:
        """Return the memory it has in RAM."""
        return resident_bytes(self.pid)

    def last_words(self) -> str:
        """Return whether it still runs, and the end of its log."""
        state = "running" if cpu_seconds(self.pid) else "ended"
        return f"{self.name} is {state}; its log ends:\n{_tail(self.log)}"


def _peerage(*chosen: str) -> Callable[[Path, int, int], list[str]]:
    """Return what prepares ours, with these settings on its command line."""

    def prepare(folder: Path, port: int, torrents: int) -> list[str]:
        listen = f"127.0.0.1:{port}"
        options = ["--listen", listen, "--data", str(folder / "data"), "--tracker-policy", "open", *chosen]
        return [sys.executable, "-m", "peerage", "serve", *options]

    return prepare


def _opentracker_program() -> str | None:
    return shutil.which(os.environ.get("OPENTRACKER", "opentracker"))


def _opentracker(folder: Path, port: int, torrents: int) -> list[str]:
    """Debian's build knows listed torrents only, and reads the list as the user it becomes, below its root."""
    lines = [
        f"listen.tcp_udp 127.0.0.1:{port}",
        "access.whitelist whitelist.txt",
        f"tracker.rootdir {folder}",
    ]
    if os.geteuid() == 0:
        lines.append("tracker.user nobody")
    with (folder / "whitelist.txt").open("w") as whitelist:
        whitelist.writelines(f"{torrent_hash(index).hex()}\n" for index in range(torrents))
    configuration = folder / "opentracker.conf"
    configuration.write_text("\n".join(lines) + "\n")
    return [_opentracker_program() or "opentracker", "-f", str(configuration)]


def _ceiling(folder: Path, port: int, torrents: int) -> list[str]:
    # As many peers as the trackers give on average; the exact number moves its speed by little.
    peers = 40 if torrents <= 1000 else 1
    return [str(build("ceiling")), "--port", str(port), "--peers", str(peers), "--seconds", "7200"]


USUAL = ("opentracker", "peerage", "ceiling")
"""What is measured when no servers are named; the others are ours by slower doors."""

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("opentracker", _opentracker, _opentracker_program, "apt-get install opentracker"),
        Kind("peerage", _peerage(), lambda: sys.executable),
        Kind("peerage-short", _peerage("--tracker-door", "uvicorn"), lambda: sys.executable),
        Kind("peerage-python", _peerage("--tracker-store", "python"), lambda: sys.executable),
        Kind("ceiling", _ceiling, lambda: "cc"),
    )
}


@contextmanager
def running(name: str, torrents: int) -> Iterator[Server]:
    """Run a tracker on the server's core until the block ends, however it ends. Raises ServerError."""
    kind = KINDS[name]
    if kind.program() is None:
        raise ServerError(f"{name} is not installed ({kind.remedy})")
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-"))
    folder.chmod(0o755)
    log = folder / "log"
    try:
        port = free_port()
        command = kind.prepare(folder, port, torrents)
        with (
            log.open("wb") as output,
            started(command, cores().server, folder, output, environment=_environment()) as process,
        ):
            _await_ready(process, port, log)
            yield Server(name, process.pid, port, keeps_connections(port), log)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    """Return our environment without settings that would change the service under test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PEERAGE_")}
    return kept | {"PYTHONPATH": str(ROOT)}


def free_port() -> int:
    """Return a port number that is free for TCP and UDP on 127.0.0.1 at this moment."""
    while True:
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            port: int = tcp.getsockname()[1]
            try:
                udp.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def _await_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + READY
    while not (_answers_tcp(port) and _answers_udp(port)):
        if process.poll() is not None or time.monotonic() > end:
            raise ServerError(
                f"{process.args!r} did not become ready (status {process.poll()}):\n{_tail(log)}"
            )
        time.sleep(0.05)


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:] if log.exists() else ""


def _answers_tcp(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _answers_udp(port: int) -> bool:
    """Tell whether a BEP 15 connect is answered."""
    transaction = secrets.token_bytes(4)
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.5)
        probe.connect(("127.0.0.1", port))
        try:
            probe.send(struct.pack(">QI", 0x41727101980, 0) + transaction)
            return probe.recv(64)[4:8] == transaction
        except OSError:
            return False


def keeps_connections(port: int) -> bool:
    """Tell whether a second announce is answered on the connection of the first."""
    query = f"info_hash={quote_from_bytes(torrent_hash(0))}&peer_id=-PB0100-keepsalive00"
    request = (
        f"GET /announce?{query}&port=9&uploaded=0&downloaded=0&left=0&event=stopped&compact=1 HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\nConnection: keep-alive\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for _ in range(2):
            try:
                connection.sendall(request)
                if not _reply_arrives(connection):
                    return False
            except OSError:
                return False
    return True


def _reply_arrives(connection: socket.socket) -> bool:
    """Read one reply, head and body; False if the connection ends first."""
    received = b""
    while b"\r\n\r\n" not in received or not received.endswith(b"e"):
        chunk = connection.recv(4096)
        if not chunk or len(received) > 65536:
            return False
        received += chunk
    return True
