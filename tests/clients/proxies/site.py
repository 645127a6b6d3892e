"""A service behind a reverse proxy, and what clients of many addresses say to both."""

import hashlib
import ipaddress
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.clients.proxies.reverse_proxy import HOST, ReverseProxy
from tests.support.clients import Answer, Http, announce_path, ask
from tests.support.processes import PeerageProcess

CLIENT = "127.0.0.5"
OTHER = "127.0.0.6"
FORGED = "203.0.113.77"
"""An address that no client here has, so that a swarm which knows it believed what a client said."""


def packed(address: str) -> bytes:
    """The bytes of an address."""
    return ipaddress.ip_address(address).packed


def head(method: str, target: str, *lines: str, version: str = "1.1", host: str | None = HOST) -> bytes:
    """The head of a request."""
    named = [f"Host: {host}"] if host is not None else []
    return "\r\n".join([f"{method} {target} HTTP/{version}", *named, *lines, "", ""]).encode("latin-1")


def chunked(*pieces: bytes, trailers: Sequence[str] = ()) -> bytes:
    """A body in chunks, with trailers behind it."""
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    return chunks + b"0\r\n" + "".join(f"{line}\r\n" for line in trailers).encode() + b"\r\n"


@dataclass(frozen=True)
class Site:
    """One service and the proxy before it."""

    service: PeerageProcess
    proxy: ReverseProxy

    def connect(self, source: str = CLIENT) -> Http:
        """A connection to the proxy."""
        return Http(self.proxy.port, source=source)

    def ask(
        self, target: str, *lines: str, method: str = "GET", body: bytes = b"", source: str = CLIENT
    ) -> Answer:
        """One request through the proxy on a connection of its own."""
        length = [f"Content-Length: {len(body)}"] if body else []
        with self.connect(source) as connection:
            connection.send(head(method, target, "Connection: close", *length, *lines) + body)
            return connection.receive(bodyless=method == "HEAD")

    def seen_by(self, infohash: bytes, *lines: str, source: str = CLIENT) -> str:
        """Announce through the proxy, and return the address that the service took for the client's."""
        return seen(self.ask(announce_path(infohash), *lines, source=source))

    def peers(self, infohash: bytes) -> set[str]:
        """The addresses in a swarm, asked for without the proxy."""
        answer = ask(
            self.service.port, announce_path(infohash, port=1, peer_id=os.urandom(20), event="stopped")
        )
        assert answer.status == 200
        listed = ask(self.service.port, announce_path(infohash, port=2, peer_id=os.urandom(20))).bencoded[
            b"peers"
        ]
        ask(self.service.port, announce_path(infohash, port=2, peer_id=os.urandom(20), event="stopped"))
        return {str(ipaddress.ip_address(listed[at : at + 4])) for at in range(0, len(listed), 6)}

    def upstream_ports(self) -> set[int]:
        """The proxy's ends of its open connections to the service."""
        rows = re.findall(
            rf"0100007F:([0-9A-F]{{4}}) 0100007F:{self.service.port:04X} 01 ",
            Path("/proc/net/tcp").read_text(),
        )
        return {int(port, 16) for port in rows}


def seen(answer: Answer) -> str:
    """The client's address in the answer to an announce."""
    told = answer.bencoded
    assert b"failure reason" not in told, told
    return str(ipaddress.ip_address(told[b"external ip"]))


def infohashes() -> Iterator[bytes]:
    """Hashes that nobody else announces."""
    while True:
        yield hashlib.sha1(os.urandom(16)).digest()


@contextmanager
def running(proxy: ReverseProxy) -> Iterator[ReverseProxy]:
    """A proxy for the length of a block."""
    try:
        proxy.start()
        yield proxy
        assert proxy.process is not None
        assert proxy.process.poll() is None, proxy.output
    finally:
        proxy.stop()
