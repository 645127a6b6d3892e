"""Raw HTTP and UDP requests for every server, from plain to hostile, generated from a seed."""

import random
from collections.abc import Callable, Iterator
from urllib.parse import quote_from_bytes

from bittorrent.infohash import InfoHash

HASHES = [InfoHash(bytes([65 + number]) * 20) for number in range(6)]
_V4 = ["203.0.113.%d", "198.51.100.%d", "8.8.4.%d"]
_V6 = ["2001:db8::%x", "2600:1::%x", "::ffff:9.9.9.%d"]


PASSKEYS = ["a1" * 16, "k", "Z_-9" * 16]
"""Known ones, of the accounts 1, 2 and 3."""
REFUSED_PASSKEYS = ["disabled", "suspended"]
"""Those of a disabled account, and of one that a moderator suspended."""


def _passkey(rng: random.Random) -> str:
    """Return a passkey, mostly a known one."""
    return rng.choice([*PASSKEYS * 4, *REFUSED_PASSKEYS, "unknown", "k" * 65, "a%20b", "%6b", "announce", ""])


def _keyed(rng: random.Random, action: str) -> str:
    """Return a path that may bring a passkey, mostly a known one."""
    passkey = _passkey(rng)
    return rng.choice([f"/{action}"] * 4 + [f"/{action}/{passkey}", f"/{passkey}/{action}"])


def _query(rng: random.Random) -> str:
    pairs = {
        "info_hash": quote_from_bytes(rng.choice(HASHES), safe=""),
        "peer_id": rng.choice(["-XX0001-abcdefghijkl", "-XX0001-%00%01cdefghijkl", "-UT355W-abcdefghijkl"]),
        "port": rng.choice([6881, rng.randrange(1, 65536)]),
        "left": rng.choice([0, 0, 5, 5, "", "x"]),
    }
    if rng.random() < 0.6:
        pairs["event"] = rng.choice(["started", "stopped", "completed", "paused", "none", "%73tarted"])
    for total in ("uploaded", "downloaded"):
        if rng.random() < 0.8:
            pairs[total] = rng.choice([0, rng.randrange(10**9), rng.randrange(2**63), 2**63, "x", ""])
    if rng.random() < 0.5:
        pairs["numwant"] = rng.choice([0, 1, 7, 50, 200, 10**6, -1, "x"])
    if rng.random() < 0.3:
        pairs["compact"] = rng.choice([0, 1])
    if rng.random() < 0.1:
        pairs[rng.choice(list(pairs))] = rng.choice(
            ["", "%", "%zz", "a" * 40, "b" * 32, "0", "99999", "+", "=%41"]
        )
    if rng.random() < 0.05:
        del pairs[rng.choice(list(pairs))]
    items = list(pairs.items())
    keys = rng.choices(["passkey", "passkey", "passkey", "xpasskey"], k=rng.choice([0, 0, 0, 1, 1, 2]))
    items += [(key, _passkey(rng)) for key in keys]
    if rng.random() < 0.2:
        rng.shuffle(items)
    return "&".join(f"{key}={value}" for key, value in items)


def _forwarded(rng: random.Random) -> str:
    one = rng.choice(_V4 + _V6) % rng.randrange(256)
    several = rng.choice(["", "1.2.3.4, ", "garbage,", " , "]) + one
    return rng.choice(
        [several] * 6 + [several + ", 127.0.0.1", several + ":80", f"[{one}]:80", "", "unknown"]
    )


def _headers(rng: random.Random, forwarded: bool) -> list[str]:
    lines = ["Host: tracker.example"]
    if forwarded and rng.random() < 0.95:
        lines.append(f"X-Forwarded-For: {_forwarded(rng)}")
    if rng.random() < 0.5:
        lines.append(rng.choice(["Connection: keep-alive", "User-Agent: x/1 (y)", "Accept-Encoding: gzip"]))
    if rng.random() < 0.05:
        lines.append(rng.choice(["Content-Length: 0", "Connection: keep-alive, x", "Expect: 100-continue"]))
    rng.shuffle(lines)
    return lines


def _rooted(rng: random.Random, path: str, root: str) -> str:
    """Return a path with a root path in front of it, or none, or nearly that one."""
    return rng.choice(["", root, root, root, root + root, root + "x", root[:-1]]) + path if root else path


def request(rng: random.Random, forwarded: bool, last: bool, root: str = "") -> bytes:
    """Return one request; the last of a conversation has `Connection: close`."""
    kind = rng.random()
    if kind < 0.8:
        target = _keyed(rng, "announce") + "?" + _query(rng)
    elif kind < 0.9:
        chosen = rng.sample(HASHES, rng.randrange(1, 4))
        target = (
            _keyed(rng, "scrape")
            + "?"
            + "&".join("info_hash=" + quote_from_bytes(each, safe="") for each in chosen)
            + rng.choice(["", f"&passkey={_passkey(rng)}"])
        )
    else:
        target = rng.choice(
            ["/", "/announce", "/scrape", "/scrape?x", "/announce?" + "x" * 4100, "/nothing", "/announce#x"]
        )
    target = _rooted(rng, target, root)
    lines = _headers(rng, forwarded)
    if last:
        lines.append("Connection: close")
    method = "GET" if rng.random() < 0.97 else rng.choice(["HEAD", "POST"])
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode("latin-1")


def conversations(seed: int, count: int, forwarded: bool, root: str = "") -> Iterator[list[bytes]]:
    """Yield conversations: the pieces that are sent one after the other on one connection.

    With a `root` most paths begin with that root path.
    """
    rng = random.Random(seed)
    for _ in range(count):
        length = rng.choice([1, 1, 2, 5])
        whole = b"".join(request(rng, forwarded, at == length - 1, root) for at in range(length))
        yield _cut(rng, whole)


def _cut(rng: random.Random, whole: bytes) -> list[bytes]:
    if rng.random() < 0.6:
        return [whole]
    cuts = sorted(rng.randrange(len(whole)) for _ in range(rng.randrange(1, 4)))
    return [
        whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True) if end > start
    ]


HOSTILE: list[bytes] = [
    *(b"GET /announce?info_hash=%bx HTTP/1.1\r\nConnection: close\r\n\r\n" % bytes([byte]) for byte in (0, 9, 11, 127, 128, 255)),
    b"GET /announce?a HTTP/1.0\r\n\r\n",
    b"GET /announce?a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"GET /scrape?a HTTP/1.1\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n",
    b"GET /scrape?a HTTP/1.1\r\nConnection : close\r\n\r\n",
    b"GET /scrape?a HTTP/1.1\nConnection: close\n\n",
    b"GET /scrape?a HTTP/1.1\r\nHost: x\r\n folded\r\nConnection: close\r\n\r\n",
    b"GET /announce?a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n",
    b"GET /announce?a HTTP/1.1\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc",
    b"GET /announce?a HTTP/9.9\r\nConnection: close\r\n\r\n",
    b"GET http://x/announce?a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /%61nnounce?a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /announce/?a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"\r\n\r\nGET /announce?a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"get /announce?a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /announce?%b HTTP/1.1\r\nConnection: close\r\n\r\n" % (b"x" * 20_000),
]  # fmt: skip
"""Requests after which the server closes the connection."""

Packets = Callable[[random.Random, bytes], bytes]


def packet(rng: random.Random, connection: bytes, root: str = "") -> bytes:
    """Return one UDP packet, mostly valid; with a `root` the path of most URLs begins with that root path."""
    kind = rng.random()
    transaction = rng.randbytes(4)
    if rng.random() < 0.05:
        connection = rng.randbytes(8)
    if kind < 0.1:
        return (0x41727101980).to_bytes(8, "big") + bytes(4) + transaction
    if kind < 0.25:
        hashes = b"".join(rng.choice(HASHES) for _ in range(rng.choice([0, 1, 3, 74, 80])))
        return (
            connection + (2).to_bytes(4, "big") + transaction + hashes + rng.randbytes(rng.choice([0, 0, 3]))
        )
    body = (
        rng.choice(HASHES) + rng.choice([b"p", b"q"]) * 20
        + b"".join(rng.choice([0, 5, rng.randrange(10**6), 2**63, 2**64 - 1]).to_bytes(8, "big") for _ in range(3))
        + rng.choice([0, 1, 2, 3, 4, 5, 2**31]).to_bytes(4, "big") + rng.randbytes(8)
        + rng.choice([-1, 0, 7, 50, 250, -5]).to_bytes(4, "big", signed=True)
        + rng.choice([0, 6881, rng.randrange(65536)]).to_bytes(2, "big")
    )  # fmt: skip
    whole = connection + rng.choice([1, 1, 1, 1, 1, 1, 1, 3, 9]).to_bytes(4, "big") + transaction + body
    return whole[: rng.choice([len(whole)] * 9 + [rng.randrange(len(whole))])] + rng.choice(
        [b"", b"", b"\x02\x04/ann", _url_data(rng, root), _url_data(rng, root)]
    )


def _url_data(rng: random.Random, root: str) -> bytes:
    """Return a URL's path and query as options (BEP 41), perhaps in pieces or cut off."""
    path = _rooted(rng, _keyed(rng, "announce"), root)
    url = (
        path
        + rng.choice(["", "?x=1", "/", f"?passkey={_passkey(rng)}", f"?x&passkey={_passkey(rng)}&y"])
        + rng.choice(["", "y" * 300])
    ).encode()
    size = rng.choice([1, 9, 255])
    pieces = [url[at : at + size] for at in range(0, len(url), size)]
    between = rng.choice([b"", b"", b"\x01", b"\x07\x02zz"])
    options = between.join(b"\x02" + bytes([len(piece)]) + piece for piece in pieces)
    return options[: rng.choice([len(options)] * 5 + [rng.randrange(len(options) + 1)])] + rng.choice(
        [b"", b"\0", b"\x02"]
    )
