"""The trackers under test: how each is started, found ready, and ended, one entry in KINDS apiece.

A new peer is one function that writes its configuration into a folder and returns its command line, and one
entry that names it.
"""

import json
import os
import re
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
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote_from_bytes

from benchmarks.generators import build, torrent_hash
from benchmarks.machine import ROOT, cores
from benchmarks.processes import cpu_seconds, proportional_bytes, resident_bytes, started, thread_seconds
from benchmarks.spinning import SPINNER

HTTP, UDP, WEBSOCKET = "http", "udp", "websocket"
BOTH = frozenset((HTTP, UDP))
READY = 30
"""Seconds that a server may take until it answers."""


class ServerError(Exception):
    """A server did not start, or is not installed."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A tracker that can be measured: `prepare(folder, port, torrents)` returns its command line.

    `settings` are environment variables of this kind, which go before those of a run; CPU of threads named in
    `apart` is not counted as the server's; a kind that is not `usual` is measured only where it is named.
    """

    name: str
    prepare: Callable[[Path, int, int], list[str]]
    program: Callable[[], str | None]
    remedy: str = ""
    serves: frozenset[str] = BOTH
    settings: Mapping[str, str] = field(default_factory=dict)
    apart: frozenset[str] = frozenset()
    usual: bool = True


@dataclass(frozen=True, slots=True)
class Server:
    """A running tracker. `keeps` tells whether it keeps a connection when asked to, `closes` whether it ends one."""

    name: str
    pid: int
    port: int
    keeps: bool
    closes: bool
    log: Path
    apart: frozenset[str] = frozenset()

    def cpu_seconds(self) -> float:
        """Return the CPU time it has used so far, without that of threads which serve nobody."""
        return cpu_seconds(self.pid, self.apart)

    def thread_seconds(self) -> dict[str, float]:
        """Return the CPU time of each of its threads so far, by "name id"."""
        return thread_seconds(self.pid)

    def resident_bytes(self) -> int:
        """Return the memory it has in RAM."""
        return resident_bytes(self.pid)

    def proportional_bytes(self) -> int:
        """Return its user memory, pages shared with other processes counted in part."""
        return proportional_bytes(self.pid)

    def last_words(self) -> str:
        """Return whether it still runs, and the end of its log."""
        state = "running" if cpu_seconds(self.pid) else "ended"
        return f"{self.name} is {state}; its log ends:\n{_tail(self.log)}"


def _peerage(folder: Path, port: int, torrents: int) -> list[str]:
    return _served("peerage", folder, port)


def _spinning(folder: Path, port: int, torrents: int) -> list[str]:
    return _served("benchmarks.spinning", folder, port)


def _served(module: str, folder: Path, port: int) -> list[str]:
    listen = f"127.0.0.1:{port}"
    options = ["--listen", listen, "--data", str(folder / "data")]
    return [sys.executable, "-m", module, "serve", *options]


def peerage_settings(door: str | None, store: str | None) -> dict[str, str]:
    """Return the environment that has ours run with this door and this store; what is None stays its default."""
    chosen = {"PEERAGE_TRACKER_DOOR": door, "PEERAGE_TRACKER_STORE": store}
    return {name: value for name, value in chosen.items() if value is not None}


def _program(variable: str, name: str) -> Callable[[], str | None]:
    """Return what looks for a program: at the path that the variable holds, else by its name in PATH."""
    return lambda: shutil.which(os.environ.get(variable, name))


_opentracker_program = _program("OPENTRACKER", "opentracker")


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


def _chihaya(folder: Path, port: int, torrents: int) -> list[str]:
    """Let it keep connections, which it does not by default, and forget no peer during a run."""
    address = f"127.0.0.1:{port}"
    answers = {"addr": address, "max_numwant": 100, "default_numwant": 50, "max_scrape_infohashes": 74}
    http = {"enable_keepalive": True, "idle_timeout": "5m", "read_timeout": "5m", "write_timeout": "1m"}
    routes = {"announce_routes": ["/announce"], "scrape_routes": ["/scrape"]}
    store = {"gc_interval": "3m", "peer_lifetime": "31m", "shard_count": 1024}
    settings = {
        "announce_interval": "30m",
        "min_announce_interval": "15m",
        "metrics_addr": "127.0.0.1:0",
        "http": answers | http | routes,
        "udp": answers | {"max_clock_skew": "10s", "private_key": secrets.token_hex(20)},
        "storage": {"name": "memory", "config": store | {"prometheus_reporting_interval": "1m"}},
    }
    # Every JSON document is a YAML document.
    configuration = folder / "chihaya.yaml"
    configuration.write_text(json.dumps({"chihaya": settings}))
    return [_program("CHIHAYA", "chihaya")() or "chihaya", "--config", str(configuration)]


def _aquatic_http(folder: Path, port: int, torrents: int) -> list[str]:
    return _aquatic("AQUATIC_HTTP", folder, port, "max_peers = 50")


def _aquatic_udp(folder: Path, port: int, torrents: int) -> list[str]:
    # Its own default is 30 peers in a reply; the load asks for 50.
    return _aquatic("AQUATIC_UDP", folder, port, "max_response_peers = 50")


def _aquatic_ws(folder: Path, port: int, torrents: int) -> list[str]:
    return _aquatic("AQUATIC_WS", folder, port, "max_offers = 10")


def _aquatic(variable: str, folder: Path, port: int, protocol: str) -> list[str]:
    """Write what differs from its defaults: one worker of each sort, plain HTTP with connections kept."""
    configuration = folder / "aquatic.toml"
    configuration.write_text(f'[network]\naddress = "127.0.0.1:{port}"\n\n[protocol]\n{protocol}\n')
    return [_program(variable, variable.lower())() or variable.lower(), "-c", str(configuration)]


def _bittorrent_tracker_program() -> str | None:
    """Return node's path if the package is in the folder that BITTORRENT_TRACKER names, as npm lays it out."""
    package = os.environ.get("BITTORRENT_TRACKER")
    return shutil.which("node") if package and (Path(package) / "server.js").is_file() else None


def _bittorrent_tracker(folder: Path, port: int, torrents: int) -> list[str]:
    script = Path(__file__).parent / "bittorrent_tracker.mjs"
    server = Path(os.environ.get("BITTORRENT_TRACKER", "")).resolve() / "server.js"
    return [shutil.which("node") or "node", str(script), str(server), str(port)]


def _ceiling(folder: Path, port: int, torrents: int) -> list[str]:
    # As many peers as the trackers give on average; the exact number moves its speed by little.
    peers = 40 if torrents <= 1000 else 1
    return [str(build("ceiling")), "--port", str(port), "--peers", str(peers), "--seconds", "7200"]


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("opentracker", _opentracker, _opentracker_program, "apt-get install opentracker"),
        Kind("chihaya", _chihaya, _program("CHIHAYA", "chihaya"), "CHIHAYA=/path to a build of it"),
        Kind(
            "aquatic_http",
            _aquatic_http,
            _program("AQUATIC_HTTP", "aquatic_http"),
            "cargo install aquatic_http",
            serves=frozenset((HTTP,)),
        ),
        Kind(
            "aquatic_udp",
            _aquatic_udp,
            _program("AQUATIC_UDP", "aquatic_udp"),
            "cargo install aquatic_udp",
            serves=frozenset((UDP,)),
        ),
        Kind(
            "aquatic_ws",
            _aquatic_ws,
            _program("AQUATIC_WS", "aquatic_ws"),
            "cargo install aquatic_ws",
            serves=frozenset((WEBSOCKET,)),
        ),
        Kind(
            "bittorrent-tracker",
            _bittorrent_tracker,
            _bittorrent_tracker_program,
            "npm install --ignore-scripts bittorrent-tracker, BITTORRENT_TRACKER=/path of the package",
        ),
        Kind("peerage", _peerage, lambda: sys.executable),
        Kind(
            "peerage-fast-path",
            _peerage,
            lambda: sys.executable,
            serves=frozenset((HTTP,)),
            settings=peerage_settings("uvicorn", None),
        ),
        Kind(
            "peerage-spinning",
            _spinning,
            lambda: sys.executable,
            apart=frozenset((SPINNER,)),
            usual=False,
        ),
        Kind("ceiling", _ceiling, lambda: "cc"),
    )
}


def usual(protocol: str) -> list[str]:
    """Return the names of what is measured over a protocol where nothing is named."""
    return [kind.name for kind in KINDS.values() if kind.usual and protocol in kind.serves]


@contextmanager
def running(
    name: str,
    torrents: int,
    settings: Mapping[str, str] | None = None,
    *,
    kinds: Mapping[str, Kind] = KINDS,
) -> Iterator[Server]:
    """Run a tracker on the server's core until the block ends, however it ends. Raises ServerError.

    `settings` are environment variables for a server of ours, see `peerage_settings`.
    """
    kind = kinds[name]
    if kind.program() is None:
        raise ServerError(f"{name} is not installed ({kind.remedy})")
    folder = Path(tempfile.mkdtemp(prefix=f"bench-{name}-"))
    folder.chmod(0o755)
    log = folder / "log"
    try:
        port = free_port()
        command = kind.prepare(folder, port, torrents)
        environment = clean_environment() | dict(settings or {}) | dict(kind.settings)
        with (
            log.open("wb") as output,
            started(command, cores().server, folder, output, environment=environment) as process,
        ):
            await_ready(process, port, log, kind.serves)
            web = HTTP in kind.serves
            keeps, closes = web and keeps_connections(port), web and closes_connections(port)
            yield Server(name, process.pid, port, keeps, closes, log, kind.apart)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clean_environment() -> dict[str, str]:
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


def await_ready(process: subprocess.Popen[bytes], port: int, log: Path, serves: frozenset[str]) -> None:
    end = time.monotonic() + READY
    probes = {HTTP: _answers_tcp, UDP: _answers_udp, WEBSOCKET: _answers_tcp}
    while not all(probes[protocol](port) for protocol in sorted(serves)):
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


def probing_announce(port: int, connection: str) -> bytes:
    """Return an announce that leaves no peer behind, with a Connection header of this value."""
    query = f"info_hash={quote_from_bytes(torrent_hash(0))}&peer_id=-PB0100-keepsalive00"
    return (
        f"GET /announce?{query}&port=9&uploaded=0&downloaded=0&left=0&event=stopped&compact=1 HTTP/1.1\r\n"
        f"Host: 127.0.0.1:{port}\r\nConnection: {connection}\r\n\r\n"
    ).encode()


def keeps_connections(port: int) -> bool:
    """Tell whether a second announce is answered on the connection of the first."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        return all(is_answered(connection, probing_announce(port, "keep-alive")) for _ in range(2))


def closes_connections(port: int) -> bool:
    """Tell whether the connection ends after an announce that asks for it."""
    with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        try:
            return is_answered(connection, probing_announce(port, "close")) and connection.recv(1) == b""
        except OSError:
            return False


def is_answered(connection: socket.socket, request: bytes) -> bool:
    """Send a request and tell whether a whole reply came."""
    try:
        connection.sendall(request)
        return _reply_arrives(connection)
    except OSError:
        return False


def _reply_arrives(connection: socket.socket) -> bool:
    """Read one reply, head and body; False if the connection ends first or no length is given."""
    received = b""
    while len(received) <= 65536:
        head, end, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: *(\d{1,6}) *(?:\r\n|$)", head, re.IGNORECASE)
        if end and (length is None or len(body) >= int(length[1])):
            return length is not None
        chunk = connection.recv(4096)
        if not chunk:
            return False
        received += chunk
    return False
