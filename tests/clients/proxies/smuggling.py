"""Requests whose end two programs may see in different places, each with another request hidden behind it.

What is hidden announces, and says that it was forwarded for `FORGED`. A proxy that takes it for a request of its own adds the
client's address behind that; only where the service alone takes it for one is the forged address believed.
"""

from collections.abc import Iterator

from tests.clients.proxies.site import FORGED, chunked, head
from tests.support.clients import announce_path

PAGE = "/about"
UPLOAD = "/autoupload.php"

# A Transfer-Encoding that one program takes for chunks and another for nothing.
ENCODINGS = {
    "plain": "Transfer-Encoding: chunked",
    "space before the colon": "Transfer-Encoding : chunked",
    "tab": "Transfer-Encoding:\tchunked",
    "vertical tab": "Transfer-Encoding: \x0bchunked",
    "vertical tab behind": "Transfer-Encoding: chunked\x0b",
    "form feed behind": "Transfer-Encoding: chunked\x0c",
    "no space": "Transfer-Encoding:chunked",
    "capitals": "TRANSFER-ENCODING: CHUNKED",
    "underscore": "Transfer_Encoding: chunked",
    "unknown": "Transfer-Encoding: xchunked",
    "cut": "Transfer-Encoding: chunke",
    "quoted": 'Transfer-Encoding: "chunked"',
    "parameter": "Transfer-Encoding: chunked;q=1",
    "identity behind": "Transfer-Encoding: chunked, identity",
    "identity before": "Transfer-Encoding: identity, chunked",
    "twice in one": "Transfer-Encoding: chunked, chunked",
    "empty element": "Transfer-Encoding: , chunked",
    "twice": "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    "other before": "Transfer-Encoding: cow\r\nTransfer-Encoding: chunked",
    "other behind": "Transfer-Encoding: chunked\r\nTransfer-Encoding: cow",
    "empty": "Transfer-Encoding:",
    "folded": "Transfer-Encoding:\r\n chunked",
    "folded into another": "X-Other: y\r\n Transfer-Encoding: chunked",
    "behind a line feed": "X-Other: y\nTransfer-Encoding: chunked",
    "behind a carriage return": "X-Other: y\rTransfer-Encoding: chunked",
    "NUL inside": "Transfer-Encoding: chun\0ked",
    "NUL in the name": "Transfer\0-Encoding: chunked",
    "high byte": "Transfer-Encoding: \xa0chunked",
    "hop by hop": "Connection: keep-alive, Transfer-Encoding\r\nTransfer-Encoding: chunked",
}

# A Content-Length that one program takes for what is hidden, and another for nothing; {} is its length.
LENGTHS = {
    "plus": "Content-Length: +{}",
    "minus": "Content-Length: -{}",
    "hexadecimal": "Content-Length: 0x{:x}",
    "leading zeros": "Content-Length: 000000000000000000000{}",
    "list": "Content-Length: {}, {}",
    "two in a list": "Content-Length: 0, {}",
    "twice, nothing first": "Content-Length: 0\r\nContent-Length: {}",
    "twice, nothing last": "Content-Length: {}\r\nContent-Length: 0",
    "space inside": "Content-Length: {} 0",
    "space before the colon": "Content-Length : {}",
    "underscore": "Content_Length: {}",
    "digits with an underscore": "Content-Length: 1_0{}",
    "decimal": "Content-Length: {}.0",
    "exponent": "Content-Length: {}e0",
    "quoted": 'Content-Length: "{}"',
    "NUL behind": "Content-Length: {}\0",
    "line feed before": "X-Other: y\nContent-Length: {}",
    "carriage return before": "X-Other: y\rContent-Length: {}",
    "folded": "Content-Length:\r\n {}",
    "beyond 64 bits": "Content-Length: 18446744073709551616{}",
    "beyond 63 bits": "Content-Length: 9223372036854775808",
    "empty": "Content-Length:",
    "hop by hop": "Connection: keep-alive, Content-Length\r\nContent-Length: {}",
}

# The end of a body in chunks, as one program may see it.
LAST_CHUNKS = {
    "extension": b"0;a=b\r\n\r\n",
    "long": b"0000000000000000000000000000000000\r\n\r\n",
    "space before": b" 0\r\n\r\n",
    "space behind": b"0 \r\n\r\n",
    "tab behind": b"0\t\r\n\r\n",
    "prefix": b"0x0\r\n\r\n",
    "plus": b"+0\r\n\r\n",
    "minus": b"-0\r\n\r\n",
    "line feeds": b"0\n\n",
    "line feed first": b"0\n\r\n",
    "line feed last": b"0\r\n\n",
    "carriage returns": b"0\r\r",
    "64 bits": b"10000000000000000\r\n\r\n",
    "63 bits": b"8000000000000000\r\n\r\n",
    "32 bits": b"100000000\r\n\r\n",
    "no digits": b"\r\n\r\n",
    "no digits, extension": b";a\r\n\r\n",
    "underscore": b"0_0\r\n\r\n",
    "line feed in an extension": b"0;a\nb\r\n\r\n",
    "carriage return in an extension": b"0;a\rb\r\n\r\n",
    "line break in a quoted extension": b'0;a="\r\n\r\n"\r\n\r\n',
    "NUL in an extension": b"0;a\0\r\n\r\n",
    "trailer that is a length": b"0\r\nContent-Length: 5\r\n\r\n",
    "trailer without a colon": b"0\r\nGET / HTTP/1.1\r\n\r\n",
    "trailer behind a line feed": b"0\r\nA: b\n\r\n",
}

# Data between the chunks, where no more than a line break may be.
BETWEEN_CHUNKS = {
    "more than was told": b"1\r\nab\r\n0\r\n\r\n",
    "no line break": b"1\r\na0\r\n\r\n",
    "line feed": b"1\r\na\n0\r\n\r\n",
    "carriage return": b"1\r\na\r0\r\n\r\n",
    "two bytes for the line break": b"1\r\naXX0\r\n\r\n",
}


def hidden(infohash: bytes) -> bytes:
    """The announce that nobody may take for a request of its own."""
    return head("GET", announce_path(infohash), f"X-Forwarded-For: {FORGED}")


def attempts(inner: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield every request by its name, with `inner` behind what one program takes for its end."""
    yield from _framings(inner)
    yield from _chunks(inner)
    yield from _bodies_of_what_has_none(inner)
    yield from _odd_heads(inner)
    yield from _other_protocols(inner)


def _framings(inner: bytes) -> Iterator[tuple[str, bytes]]:
    chunk = chunked(inner)
    size_line = chunk[: chunk.index(b"\n") + 1]
    for name, encoding in ENCODINGS.items():
        ended = b"0\r\n\r\n" + inner
        yield f"length over chunks, {name}", _post(f"Content-Length: {len(ended)}", encoding) + ended
        yield f"chunks over length, {name}", _post(encoding, f"Content-Length: {len(size_line)}") + chunk
        yield f"chunks alone, {name}", _post(encoding) + ended
        yield f"chunks in 1.0, {name}", _post("Connection: keep-alive", encoding, version="1.0") + ended
    for name, length in LENGTHS.items():
        number = len(inner)
        yield f"length, {name}", _post(length.format(number, number)) + inner
        yield f"length of a GET, {name}", head("GET", PAGE, length.format(number, number)) + inner


def _chunks(inner: bytes) -> Iterator[tuple[str, bytes]]:
    request = _post("Transfer-Encoding: chunked")
    for name, last in LAST_CHUNKS.items():
        yield f"last chunk, {name}", request + last + inner
        yield f"last of two chunks, {name}", request + b"1\r\na\r\n" + last + inner
    for name, between in BETWEEN_CHUNKS.items():
        yield f"between chunks, {name}", request + between + inner
    yield "a chunk beyond 64 bits", request + b"1%016x\r\n%b\r\n0\r\n\r\n" % (len(inner), inner)


def _bodies_of_what_has_none(inner: bytes) -> Iterator[tuple[str, bytes]]:
    length = f"Content-Length: {len(inner)}"
    for method in ("GET", "HEAD", "OPTIONS", "DELETE", "TRACE", "POST", "PUT", "FROB"):
        for path in (
            PAGE,
            "/scrape",
            "/torrent/" + 40 * "A" + ".torrent",
            "/no-such-page",
            "/static/../about",
        ):
            yield f"body of {method} {path}", head(method, path, length) + inner
    expecting = "Expect: 100-continue"
    yield "expecting", head("POST", UPLOAD, expecting, length) + inner
    yield "a GET that expects", head("GET", PAGE, expecting, length) + inner
    yield "expecting something else", head("POST", UPLOAD, "Expect: 100-continue, x", length) + inner
    yield "expecting twice", head("POST", UPLOAD, expecting, expecting, length) + inner


def _odd_heads(inner: bytes) -> Iterator[tuple[str, bytes]]:
    start = f"GET {PAGE} HTTP/1.1".encode()
    host = b"Host: tracker.example.org\r\n"
    length = b"Content-Length: %d\r\n" % len(inner)
    for name, request in {
        "line breaks before": b"\r\n\r\n\r\n" + start + b"\r\n" + host + length + b"\r\n",
        "line feeds": (start + b"\r\n" + host + length + b"\r\n").replace(b"\r\n", b"\n"),
        "line feed ends the head": start + b"\r\n" + host + length + b"\n",
        "carriage return ends the head": start + b"\r\n" + host + length + b"\r\r\n",
        "two spaces": start.replace(b" ", b"  ") + b"\r\n" + host + length + b"\r\n",
        "tab": start.replace(b" ", b"\t") + b"\r\n" + host + length + b"\r\n",
        "words behind the version": start + b" more\r\n" + host + length + b"\r\n",
        "version 1.2": start.replace(b"1.1", b"1.2") + b"\r\n" + host + length + b"\r\n",
        "version 1.10": start.replace(b"1.1", b"1.10") + b"\r\n" + host + length + b"\r\n",
        "version 2": start.replace(b"1.1", b"2.0") + b"\r\n" + host + length + b"\r\n",
        "no version": start.removesuffix(b" HTTP/1.1") + b"\r\n" + host + length + b"\r\n",
        "space before the first name": start + b"\r\n " + host + length + b"\r\n",
        "line without a colon": start + b"\r\n" + host + b"Content-Length\r\n" + length + b"\r\n",
        "empty name": start + b"\r\n" + host + b": x\r\n" + length + b"\r\n",
        "NUL in a value": start + b"\r\n" + host + b"A: b\0c\r\n" + length + b"\r\n",
        "two hosts": start + b"\r\n" + host + b"Host: other.example.org\r\n" + length + b"\r\n",
        "two hosts, one empty": start + b"\r\n" + host + b"Host:\r\n" + length + b"\r\n",
        "no host": start + b"\r\n" + length + b"\r\n",
        "host with a user": start + b"\r\nHost: x@tracker.example.org\r\n" + length + b"\r\n",
        "host of another": b"GET http://other.example.org/about HTTP/1.1\r\n" + host + length + b"\r\n",
        "no scheme": b"GET tracker.example.org/about HTTP/1.1\r\n" + host + length + b"\r\n",
        "line break in the path": b"GET /%0d%0aX:%20y HTTP/1.1\r\n" + host + length + b"\r\n",
        "space in the path": b"GET /a b HTTP/1.1\r\n" + host + length + b"\r\n",
        "fragment": b"GET /about#x HTTP/1.1\r\n" + host + length + b"\r\n",
    }.items():
        yield name, request + inner


def _other_protocols(inner: bytes) -> Iterator[tuple[str, bytes]]:
    websocket = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
    http2 = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    for path in (PAGE, "/announce", "/"):
        yield f"websocket at {path}", head("GET", path, *websocket, key) + inner
        yield f"websocket of a wrong version at {path}", head("GET", path, *websocket[:2], key) + inner
        yield f"HTTP/2 in clear at {path}", head("GET", path, *http2) + inner
    yield "HTTP/2 known before", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + inner
    yield "a tunnel", head("CONNECT", "127.0.0.1:1") + inner
    yield "TLS", b"\x16\x03\x01\x00\x05hello" + inner


def _post(*lines: str, version: str = "1.1") -> bytes:
    return head("POST", PAGE, *lines, version=version)
