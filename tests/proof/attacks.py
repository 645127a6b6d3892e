"""What one hostile program may do to the service, each kind a row of `ATTACKS`; run together by the soak, alone by tests.

`python -m tests.proof.attacks --port N --seconds S [--only NAME…]` runs them against a service on loopback. An attack is
a function that does one bounded round of its harm and returns; it is called again until the time is over. It comes from
an address of its own in 127.0.0.0/8, as many as its row says. It speaks over sockets alone and imports nothing of the
product. A door that takes bytes of a kind that no row sends yet adds one.
"""

import argparse
import contextlib
import gzip
import hashlib
import json
import os
import random
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

from tests.support import raw_torrents
from tests.support.clients import multipart

MAGIC = 0x41727101980
PATIENCE = 5.0
MEGABYTE = 2**20


@dataclass(frozen=True, slots=True)
class Target:
    """The service that is attacked: its port, the path of a large file that it serves, and when to stop."""

    port: int
    large: str
    address: str
    chance: random.Random
    over: threading.Event

    def connect(self, kind: socket.SocketKind = socket.SOCK_STREAM, room: int | None = None) -> socket.socket:
        """A socket from the attack's address; `room` bounds what it can receive unread."""
        one = socket.socket(socket.AF_INET, kind)
        try:
            one.settimeout(PATIENCE)
            if room is not None:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
            one.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
            one.bind((self.address, 0))
            one.connect(("127.0.0.1", self.port))
        except BaseException:
            one.close()
            raise
        return one

    @contextlib.contextmanager
    def connections(self, count: int, room: int | None = None) -> Iterator[list[socket.socket]]:
        """As many connections as the service takes, `count` at most."""
        held: list[socket.socket] = []
        try:
            with contextlib.suppress(OSError):
                while len(held) < count and not self.over.is_set():
                    held.append(self.connect(room=room))
            yield held
        finally:
            for one in held:
                one.close()

    def send(self, *parts: bytes) -> bytes:
        """Send bytes on one connection until they are refused, and return the first of what comes back."""
        with self.connect() as one:
            try:
                for part in parts:
                    if self.over.is_set():
                        break
                    one.sendall(part)
                return one.recv(65536)
            except OSError:
                return b""

    def bytes(self, count: int) -> bytes:
        """Random bytes."""
        return self.chance.randbytes(count)


def post(path: str, body: bytes, kind: str, *headers: str) -> bytes:
    """A POST whole."""
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: x",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        *headers,
    )
    return "\r\n".join((*lines, "", "")).encode() + body


def upload(data: bytes) -> bytes:
    """An upload as scripts send it."""
    body, kind = multipart(data)
    return post("/autoupload.php", body, kind, "Connection: close")


# What a connection may hold.


def hold_silent_connections(target: Target) -> None:
    with target.connections(400):
        target.over.wait(15)


def hold_half_heads(target: Target) -> None:
    with target.connections(200) as held:
        for byte in b"GET / HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 20:
            for one in held:
                with contextlib.suppress(OSError):
                    one.send(bytes((byte,)))
            if target.over.wait(0.5):
                return


def hold_half_bodies(target: Target) -> None:
    head = b"POST /autoupload.php HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000000\r\n\r\n"
    with target.connections(60) as held:
        for one in held:
            with contextlib.suppress(OSError):
                one.settimeout(0.2)
                one.sendall(head + b"--b\r\n" + b"x" * 200_000)
        target.over.wait(5)


def read_slowly(target: Target) -> None:
    request = f"GET {target.large} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    with target.connections(100, room=4096) as held:
        for one in held:
            with contextlib.suppress(OSError):
                one.sendall(request)
        for _ in range(10):
            for one in held:
                with contextlib.suppress(OSError):
                    one.settimeout(0.01)
                    one.recv(64)
            if target.over.wait(0.5):
                return


def pipeline_without_reading(target: Target) -> None:
    requests = f"GET {target.large} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 100
    with target.connections(20, room=4096) as held:
        for one in held:
            with contextlib.suppress(OSError):
                one.settimeout(0.2)
                one.sendall(requests)
        target.over.wait(5)


def send_endless_trailers(target: Target) -> None:
    head = b"POST /autoupload.php HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
    target.send(head, *(b"X: t\r\n" * 10_000 for _ in range(1300)))


def send_endless_chunks(target: Target) -> None:
    head = b"POST /autoupload.php HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    target.send(head, *(b"1;" + b"e" * 4000 + b"\r\nx\r\n" for _ in range(2000)))


def send_large_heads(target: Target) -> None:
    target.send(
        b"GET / HTTP/1.1\r\nHost: x\r\n"
        + b"".join(b"X-%d: %s\r\n" % (n, b"h" * 4000) for n in range(500))
        + b"\r\n"
    )


def churn_connections(target: Target) -> None:
    for _ in range(200):
        if target.over.is_set():
            return
        with contextlib.suppress(OSError):
            target.connect().close()


# What a body may cost.


def send_soap_bodies(target: Target) -> None:
    text = b"A" * (9 * MEGABYTE)
    body = (
        b'<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><x:cacheTorrent '
        b'xmlns:x="urn:xmethods-delayed-quotes"><torrent>'
        + text
        + b"</torrent></x:cacheTorrent></e:Body></e:Envelope>"
    )
    target.send(post("/api/index.php", body, "text/xml; charset=utf-8", "Connection: close"))


def send_gzip_bombs(target: Target) -> None:
    target.send(upload(gzip.compress(b"d" + b"0" * (64 * MEGABYTE), 1)))


def send_deep_bencode(target: Target) -> None:
    depth = target.chance.choice((1000, 100_000, 4_000_000))
    target.send(upload(b"d4:infod1:a" + b"l" * depth + b"e" * depth + b"ee"))


def send_many_values(target: Target) -> None:
    target.send(upload(b"d4:infod1:al" + b"0:" * 4_000_000 + b"eee"))


def send_many_files(target: Target) -> None:
    count = 60_000
    files = [{b"length": 1, b"path": [b"%x" % number]} for number in range(count)]
    inside = raw_torrents.info(target.bytes(8).hex().encode(), files=files)
    del inside[b"length"]
    target.send(upload(raw_torrents.torrent(inside)))


def send_many_parts(target: Target) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n'
    target.send(post("/autoupload.php", part * 100_000 + b"--b--\r\n", "multipart/form-data; boundary=b"))


def send_wide_json(target: Target) -> None:
    target.send(
        post("/api/login", b"[" * 2_000_000, "application/json"),
        post("/api/login", b"{}" * 500_000, "application/json"),
    )


def fill_the_cache(target: Target) -> None:
    for _ in range(20):
        if target.over.is_set():
            return
        target.send(upload(raw_torrents.torrent(raw_torrents.info(target.bytes(8).hex().encode()))))


# What a request may cost.


def search_expensively(target: Target) -> None:
    words = "+".join(target.bytes(2).hex()[:3] + "*" for _ in range(12))
    for path in (
        f"/api/torrents?search={words}&per_page=100&page=100",
        f"/search?q={words}&sort=name",
        "/api/torrents?per_page=100&page=5000",
        f"/search.rss?q={words}&order=name&page=100",
        f"/torznab/api?t=tvsearch&q={words}&season=1&cat=2030,3040,5045,7020&offset=9900",
    ):
        target.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())


def ask_for_misses(target: Target) -> None:
    names = (hashlib.sha1(target.bytes(8)).hexdigest().upper() for _ in range(20))
    target.send(*(f"GET /torrent/{name}.torrent HTTP/1.1\r\nHost: x\r\n\r\n".encode() for name in names))


def guess_passwords(target: Target) -> None:
    body = json.dumps({"username": "admin", "password": target.bytes(6).hex()}).encode()
    target.send(post("/api/login", body, "application/json", "Connection: close"))


def send_noise(target: Target) -> None:
    target.send(target.bytes(4096))
    target.send(
        b"GET /" + target.bytes(64).replace(b"\r", b"").replace(b"\n", b"") + b" HTTP/1.1\r\nHost: x\r\n\r\n"
    )


def ask_every_dialect(target: Target) -> None:
    """Ask the doors that no other row reaches for what is long, hidden or not there."""
    long = target.bytes(2000).hex()
    for path in (
        f"/ajax.php?action=browse&searchstr={long}&filter_cat[{long[:40]}]=1",
        f"/v1/api/torrents/mylist?id={long}&limit=-1&bypass_cache=true",
        f"/torrent/list/imdb/{long}",
        f"/dld/{long}",
        f"/static/../{long}",
        "/robots.txt",
        "/metrics",
        f"/stats?mode={long}",
        "/stats?mode=everything",
        "/stats.json",
        "/api/torrage.wsdl",
        f"/api/{long}",
    ):
        target.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    form = "application/x-www-form-urlencoded"
    key = f"Authorization: Bearer pg_qbittorrent_{'x' * 43}"
    target.send(
        post(
            "/qbittorrent/api/v2/auth/login",
            b"username=a&password=%b" % long[:64].encode(),
            form,
            "Connection: close",
        )
    )
    target.send(
        post(
            "/qbittorrent/api/v2/torrents/add",
            b"urls=" + b"magnet:%0A" * 4000,
            form,
            key,
            "Connection: close",
        )
    )
    target.send(post("/login.php", b"username=%b&password=x" % long[:64].encode(), form, "Connection: close"))
    target.send(post("/upload.php", b"f=1&" * 4000, form, "Connection: close"))


# What the tracker may be told.


def _announce_packet(connection: bytes, infohash: bytes, port: int) -> bytes:
    body = struct.pack(">20s20sQQQIIIiH", infohash, b"-XX0001-" + infohash[:12], 0, 1, 0, 2, 0, 0, -1, port)
    return connection + struct.pack(">II", 1, port) + body


def fill_the_tracker(target: Target) -> None:
    with target.connect(socket.SOCK_DGRAM) as one:
        one.send(struct.pack(">QII", MAGIC, 0, 1))
        answer = one.recv(2048)
        for number in range(5000):
            with contextlib.suppress(OSError):
                one.send(_announce_packet(answer[8:16], target.bytes(20), 1024 + number))
            if number % 50 == 0 and target.over.wait(0.005):
                return


def send_udp_noise(target: Target) -> None:
    with target.connect(socket.SOCK_DGRAM) as one:
        for number in range(1000):
            with contextlib.suppress(OSError):
                one.send(target.bytes(target.chance.randrange(1, 1200)))
            if number % 50 == 0 and target.over.wait(0.005):
                return


def announce_strangely(target: Target) -> None:
    for query in (
        b"info_hash=" + quote_from_bytes(target.bytes(20), safe="").encode() + b"&numwant=99999999",
        b"&".join(b"info_hash=" + quote_from_bytes(target.bytes(20), safe="").encode() for _ in range(70)),
        target.bytes(3000).hex().encode(),
    ):
        for path in (b"/announce?", b"/scrape?"):
            target.send(b"GET " + path + query + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


def guess_passkeys(target: Target) -> None:
    """Announce and scrape for accounts that are not there, and with what is no passkey, in the path and the query."""
    swarm = b"info_hash=" + quote_from_bytes(target.bytes(20), safe="").encode()
    for key in (
        target.bytes(16).hex().encode(),
        target.bytes(16).hex().upper().encode(),
        b"%41" * 300,
        b"a/b",
    ):
        for action in (b"announce", b"scrape"):
            for path in (
                b"/%b/%b?" % (action, key),
                b"/%b/%b?" % (key, action),
                b"/%b?passkey=%b&" % (action, key),
            ):
                target.send(b"GET " + path + swarm + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")


@dataclass(frozen=True, slots=True)
class Attack:
    """One kind of harm, from how many addresses at once it comes, and the dialects and paths that it reaches."""

    run: Callable[[Target], None]
    addresses: int = 1
    doors: tuple[str, ...] = ()


ATTACKS = {
    "silent connections": Attack(hold_silent_connections, 8),
    "half heads": Attack(hold_half_heads, 4),
    "half bodies": Attack(hold_half_bodies, 2),
    "slow readers": Attack(read_slowly, 2, doors=("/torrent/{rest:path}",)),
    "pipelines": Attack(pipeline_without_reading),
    "trailers": Attack(send_endless_trailers),
    "chunks": Attack(send_endless_chunks),
    "large heads": Attack(send_large_heads),
    "churn": Attack(churn_connections),
    "soap": Attack(send_soap_bodies, 6, doors=("upload_soap",)),
    "gzip bombs": Attack(send_gzip_bombs),
    "deep bencode": Attack(send_deep_bencode),
    "many values": Attack(send_many_values),
    "many files": Attack(send_many_files, 2),
    "many parts": Attack(send_many_parts),
    "wide json": Attack(send_wide_json, doors=("rest",)),
    "full cache": Attack(fill_the_cache, doors=("upload_autoupload",)),
    "searches": Attack(search_expensively, 2, doors=("rest", "pages", "feeds", "torznab")),
    "misses": Attack(ask_for_misses, doors=("/torrent/{rest:path}",)),
    "passwords": Attack(guess_passwords, doors=("rest",)),
    "dialects": Attack(
        ask_every_dialect,
        doors=(
            "gazelle",
            "gazelle_login",
            "torbox",
            "qbittorrent",
            "torrent_api",
            "upload_form",
            "rest",
            "/dld/{opaque}",
            "/static/{name}",
            "/robots.txt",
            "/metrics",
            "/stats",
            "/stats.json",
        ),
    ),
    "noise": Attack(send_noise),
    "swarms": Attack(fill_the_tracker),
    "udp noise": Attack(send_udp_noise),
    "announces": Attack(announce_strangely, doors=("/announce", "/scrape")),
    "passkeys": Attack(
        guess_passkeys,
        doors=("/announce/{passkey}", "/{passkey}/announce", "/scrape/{passkey}", "/{passkey}/scrape"),
    ),
}


def repeat(attack: Attack, target: Target, rounds: list[int], index: int) -> None:
    """Attack again and again until it is over; a refused connection is what the service should answer."""
    while not target.over.is_set():
        with contextlib.suppress(OSError):
            attack.run(target)
        rounds[index] += 1
        target.over.wait(0.02)


def run(port: int, large: str, names: Sequence[str], seconds: float, seed: int) -> dict[str, int]:
    """Run attacks side by side for some seconds and return how many rounds each made."""
    over = threading.Event()
    chosen = [name for name in names for _ in range(ATTACKS[name].addresses)]
    rounds = [0] * len(chosen)
    threads = [
        threading.Thread(
            target=repeat,
            args=(
                ATTACKS[name],
                Target(
                    port,
                    large,
                    f"127.66.{index // 250}.{1 + index % 250}",
                    random.Random(f"{seed} {index}"),
                    over,
                ),
                rounds,
                index,
            ),
            daemon=True,
        )
        for index, name in enumerate(chosen)
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    over.set()
    for thread in threads:
        thread.join(2 * PATIENCE)
    return {
        name: sum(made for other, made in zip(chosen, rounds, strict=True) if other == name) for name in names
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Attack and print one JSON object of rounds."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof.attacks", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--large", default="/", help="the path of a large file that the service serves")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=sorted(ATTACKS), default=sorted(ATTACKS))
    given = parser.parse_args(arguments)
    os.nice(5)
    print(json.dumps(run(given.port, given.large, given.only, given.seconds, given.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
