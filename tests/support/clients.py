"""Raw HTTP and BEP 15 clients, independent of our own code."""

import os
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_from_bytes

import bencodepy

PATIENCE = 60.0
PEER_ID = b"-XX0001-abcdefghijkl"


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def bencoded(self) -> dict[bytes, Any]:
        """The body as a dictionary."""
        assert self.status == 200, (self.status, self.body[:200])
        value = bencodepy.decode(self.body)
        assert isinstance(value, dict)
        return value

    @property
    def failure(self) -> str:
        """The `failure reason`, after a check of what must stand beside it."""
        answer = self.bencoded
        assert answer[b"interval"] > 0
        assert int(answer[b"retry in"]) > 0
        assert b"peers" not in answer
        return str(answer[b"failure reason"], "utf-8")


class Http:
    """One TCP connection to the service, from an address of this machine."""

    def __init__(self, port: int, timeout: float = PATIENCE, source: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout, (source, 0))
        self._reader = self.socket.makefile("rb")

    def __enter__(self) -> "Http":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close at once."""
        self._reader.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send what may be refused halfway: a reset is the answer's matter."""
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def receive(self, *, bodyless: bool = False) -> Answer:
        """Read one answer, framed by its Content-Length, by chunks, or by the end of the connection."""
        status = self._reader.readline()
        assert status.startswith(b"HTTP/1."), f"no answer but {status!r}"
        headers = {}
        while (line := self._reader.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        code = int(status.split()[1])
        return Answer(code, headers, b"" if bodyless else self._body(headers))

    def _body(self, headers: Mapping[str, str]) -> bytes:
        if headers.get("transfer-encoding") == "chunked":
            return b"".join(self._chunks())
        if (length := headers.get("content-length")) is not None:
            return self._reader.read(int(length))
        return self._reader.read()

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._reader.readline(), 16):
            yield self._reader.read(size)
            self._reader.readline()
        self._reader.readline()

    def rest(self) -> bytes:
        """Everything up to the end of the connection, a reset taken as the end."""
        parts = []
        try:
            while part := self._reader.read1(65536):
                parts.append(part)
        except ConnectionResetError:
            pass
        return b"".join(parts)


def ask(port: int, target: str | bytes, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
    """One request on a connection of its own; `content_type=` and the like become headers."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    path = target.encode() if isinstance(target, str) else target
    head = "".join(f"{line}\r\n" for line in ("", "Host: 127.0.0.1", "Connection: close", *lines))
    with Http(port) as connection:
        connection.send(method.encode() + b" " + path + b" HTTP/1.1" + head.encode() + b"\r\n" + body)
        return connection.receive(bodyless=method == "HEAD")


def announce_path(infohash: bytes, /, **changes: object) -> str:
    """The target of an announce; a change to None leaves the parameter out, any other replaces or adds it."""
    values: dict[str, object] = {
        "info_hash": infohash,
        "peer_id": PEER_ID,
        "port": 6881,
        "uploaded": 0,
        "downloaded": 0,
        "left": 1,
        "compact": 1,
    }
    values.update(changes)
    pairs = (
        f"{name}={quote_from_bytes(value, safe='') if isinstance(value, bytes) else value}"
        for name, value in values.items()
        if value is not None
    )
    return "/announce?" + "&".join(pairs)


def announce(port: int, infohash: bytes, /, **changes: object) -> dict[bytes, Any]:
    """Announce over HTTP and return the answer, which must not be a failure."""
    answer = ask(port, announce_path(infohash, **changes)).bencoded
    assert b"failure reason" not in answer, answer
    return answer


def scrape_path(infohash: bytes) -> str:
    """The target of a scrape of one torrent."""
    return f"/scrape?info_hash={quote_from_bytes(infohash, safe='')}"


def scrape(port: int, infohash: bytes) -> tuple[int, int, int]:
    """Complete, downloaded and incomplete over HTTP."""
    answer = ask(port, scrape_path(infohash)).bencoded
    row = answer[b"files"][infohash]
    return row[b"complete"], row[b"downloaded"], row[b"incomplete"]


def multipart(data: bytes, field: str = "torrent") -> tuple[bytes, str]:
    """A form with one file, and its content type."""
    boundary = os.urandom(16).hex()
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="x.torrent"\r\n\r\n'
    return (
        head.encode() + data + f"\r\n--{boundary}--\r\n".encode(),
        f"multipart/form-data; boundary={boundary}",
    )


def upload(port: int, data: bytes) -> Answer:
    """Send a .torrent as scripts do."""
    body, kind = multipart(data)
    return ask(port, "/autoupload.php", "POST", body, content_type=kind)


def healthy(port: int) -> bool:
    """Whether the service says that it is well."""
    return ask(port, "/healthz").status == 200


class Udp:
    """One UDP socket that speaks BEP 15 to the service; a lost packet is sent again."""

    MAGIC = 0x41727101980

    def __init__(self, port: int, source: str = "127.0.0.1") -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((source, 0))
        self.socket.connect(("127.0.0.1", port))
        self.socket.settimeout(2)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def request(self, head: bytes, action: int, payload: bytes = b"") -> bytes:
        """Send `head`, the action and a fresh transaction id; return what follows those two in the answer."""
        transaction = os.urandom(4)
        for _ in range(3):
            self.socket.send(head + struct.pack(">I", action) + transaction + payload)
            if (answer := self._answer_to(transaction)) is not None:
                kind = int.from_bytes(answer[:4], "big")
                assert kind == action, f"action {kind}: {answer[8:]!r}"
                return answer[8:]
        raise AssertionError("no answer over UDP")

    def _answer_to(self, transaction: bytes) -> bytes | None:
        try:
            while (answer := self.socket.recv(4096))[4:8] != transaction:
                continue
        except TimeoutError:
            return None
        return answer

    def connect(self) -> bytes:
        """A connection id."""
        answer = self.request(struct.pack(">Q", self.MAGIC), 0)
        assert len(answer) == 8
        return answer

    def announce(
        self, infohash: bytes, left: int = 1, event: int = 2, port: int = 6881
    ) -> tuple[int, int, bytes]:
        """Leechers, seeders and the compact peers."""
        body = struct.pack(">20s20sQQQIIIiH", infohash, PEER_ID, 0, left, 0, event, 0, 0, -1, port)
        answer = self.request(self.connect(), 1, body)
        _, leechers, seeders = struct.unpack(">III", answer[:12])
        return leechers, seeders, answer[12:]

    def scrape(self, infohashes: Iterable[bytes]) -> list[tuple[int, int, int]]:
        """Complete, downloaded and incomplete of each."""
        answer = self.request(self.connect(), 2, b"".join(infohashes))
        return [struct.unpack(">III", answer[at : at + 12]) for at in range(0, len(answer), 12)]


@contextmanager
def udp(port: int, source: str = "127.0.0.1") -> Iterator[Udp]:
    """A UDP socket for the length of a block."""
    one = Udp(port, source)
    try:
        yield one
    finally:
        one.close()
