"""A stored file comes with the same bytes by the route, by the fast path and by the native threads.

The value of `date` and the header `connection: close` are not compared.
"""

import asyncio
import random
import re
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from doors.native import native
from tests.contracts.raw_requests import HASHES
from tests.support.file_service import FileService, file_service, status
from tests.support.torrents import torrent

pytestmark = [pytest.mark.skipif(native is None, reason="the extension is not built"), pytest.mark.uvloop]

HOP = re.compile(rb"(?m)^(date: ).*\r\n|^connection: close\r\n")
WAYS = {
    "route": {"door": "uvicorn", "memory": 0},
    "fast path": {"door": "uvicorn"},
    "threads": {"door": "native"},
}
NOISE = random.Random(4).randbytes
TORRENTS = {
    "small": torrent("small"),
    "named": torrent('über "alles" \N{FULLWIDTH QUOTATION MARK}\N{GRINNING FACE}' * 6),
    "medium": torrent("medium", extra=NOISE(20_000)),
    "large": torrent("large", extra=NOISE(300_000)),
    "huge": torrent("huge", extra=NOISE(2_000_000)),
    "hybrid": torrent("hybrid", hybrid=True),
    "private": torrent("private", private=True),
    "hidden": torrent("hidden"),
}
ENCODINGS = [
    None, "gzip", "identity", "*", "gzip;q=0", "gzip;q=0.0", "gzip;q=0.001, identity;q=0.0", "gzip;q=0.5", "x-gzip",
    "br, zstd", "br;q=1, gzip;q=0.8, *;q=0.1", "gzip;q=0.5, identity", "*;q=0", "*;q=0, gzip", "GZIP ; Q=1.000",
    "gzip;q=1.001", "gzip;q=x", "gzip;q", "gzip;", "", ",", " gzip ,", "gzip;q=0.1;x=2", "identity;q=0.5, *;q=0.5",
]  # fmt: skip
SUFFIXES = ["", ".torrent", ".torrent.gz", "/../x", "-[name] (2026).torrent", "~", "%20x", "%0A", "?wait=0", "?", "#x", "//"]  # fmt: skip
HEADERS = [
    [], ["Accept-Encoding: gzip", "Accept-Encoding: identity;q=0.5"], ["Range: bytes=0-9"], ["Cookie: a=b"],
    ["Authorization: Bearer x"], ["Host: y"], ["X-Forwarded-For: 9.9.9.9"], ["Content-Length: 0"], ["Expect: x"],
    ["If-Modified-Since: Thu, 01 Jan 2037 00:00:00 GMT"], ["User-Agent: a\xff"], ["Accept-Encoding: gzip\xff"],
    ["If-Match: x"], ["Upgrade: x"], ["Connection: close, x"],
]  # fmt: skip


NAMES: dict[str, str] = {}


async def services(folder: Path, stack: AsyncExitStack, public_url: str | None) -> dict[str, FileService]:
    """Every way, with the same torrents."""
    found = {}
    for name, how in WAYS.items():
        each = file_service(folder / name.replace(" ", ""), public_url=public_url, **how)
        found[name] = await stack.enter_async_context(each)
        for key, data in TORRENTS.items():
            NAMES[key] = await found[name].add(data)
        await found[name].hide(NAMES["hidden"])
    return found


def request(target: str, headers: list[str], method: str = "GET", version: str = "1.1") -> bytes:
    lines = [f"{method} {target} HTTP/{version}", "Host: x", *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode("latin-1")


def conversations() -> list[bytes]:
    """What is sent on one connection each, all of it ending in an answer that closes."""
    small = f"/torrent/{NAMES['small']}"
    encoded = [[] if each is None else [f"Accept-Encoding: {each}"] for each in ENCODINGS]
    tags = [b'"%b"' % HASHES[0].hex().encode(), b"*"]
    sent = [request(small + ".torrent", headers) for headers in encoded]
    sent += [
        request(f"/torrent/{NAMES[key]}.torrent", headers, method)
        for key in TORRENTS
        for headers in ([], ["Accept-Encoding: gzip"])
        for method in ("GET", "HEAD", "POST", "get")
    ]
    sent += [request(small + suffix, []) for suffix in SUFFIXES]
    sent += [request(small, headers) for headers in HEADERS]
    sent += [
        request(name, []) for name in (small.lower(), small[:-1], small[:-1] + "g", "/torrent/" + "0" * 40)
    ]
    sent += [request(small.lower(), ["If-None-Match: *"], method) for method in ("GET", "HEAD")]
    sent += [request(f"/torrent/{NAMES[key].lower()}", []) for key in ("private", "hidden", "hybrid", "huge")]
    sent += [
        request(f"http://x{small}", []),
        request(small, [], version="1.0"),
        request(small, [], "HEAD", "1.0"),
    ]
    sent += [request("/torrent/announce?x", []), request("/torrent/abc/announce", [])]
    scrape = b"GET /scrape?info_hash=%b HTTP/1.1\r\nHost: x\r\n\r\n"
    plain = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"
    medium, large = (f"/torrent/{NAMES[key]}".encode() for key in ("medium", "large"))
    sent += [
        (plain % small.encode()) * 12 + request(small, []),
        plain % medium * 7 + plain % large * 3 + request(small, []),
        (scrape % HASHES[0] + plain % small.encode() + plain % b"/robots.txt") * 4 + request(small, []),
        request(small, [])[:-19]
        + b"\r\n"
        + request(small, [], "HEAD")[:-21]
        + b"\r\n"
        + request(large.decode(), []),
    ]
    return [*sent, *(request(small, [f"If-None-Match: {tag.decode()}"]) for tag in tags)]


def conditional(etag: str) -> list[bytes]:
    """Requests that name an entity tag in many ways."""
    values = [
        etag, f"W/{etag}", f"{etag[:-1]}", f'"x", {etag}', f'"x,{etag}', f'{etag}, "', f"x{etag}x", etag.upper(), " *",
        "*, x", '""', "", etag.replace("-gzip", ""), etag[:-1] + '-gzip"', f'{etag}"', '"\xa0"', "*\xa0",
    ]  # fmt: skip
    lines = [[f"If-None-Match: {each}"] for each in values] + [["If-None-Match: x", f"If-None-Match: {etag}"]]
    target = f"/torrent/{NAMES['small']}"
    return [
        request(target, [*each, *encoding], method)
        for each in lines
        for encoding in ([], ["Accept-Encoding: gzip"])
        for method in ("GET", "HEAD")
    ]


async def heard(service: FileService, sent: bytes) -> bytes:
    return HOP.sub(rb"\1", await service.ask(sent))


@pytest.mark.parametrize("public_url", [None, "https://peers.example/cache/"])
async def test_every_way_answers_with_equal_bytes(tmp_path: Path, public_url: str | None) -> None:
    async with AsyncExitStack() as stack:
        found = await services(tmp_path, stack, public_url)
        route = found.pop("route")
        asked = conversations()
        for coding in ("gzip", "identity"):
            head = await route.get(f"/torrent/{NAMES['small']}", f"Accept-Encoding: {coding}")
            asked += conditional(re.findall(rb'etag: (".*")', head)[0].decode())
        # Twice, the second time the other way round: by then whatever may be kept is.
        for sent in [*asked, *reversed(asked)]:
            expected = await heard(route, sent)
            for name, service in found.items():
                assert await heard(service, sent) == expected, (name, sent)
        assert route.answered == 0
        for service in found.values():
            assert service.answered > len(asked)


async def test_a_request_in_pieces_is_answered_like_a_whole_one(tmp_path: Path) -> None:
    async with file_service(tmp_path) as service:
        NAMES["small"] = await service.add(TORRENTS["small"])
        for method in ("GET", "HEAD"):
            sent = request(f"/torrent/{NAMES['small']}.torrent", ["Accept-Encoding: gzip"], method)
            expected = await heard(service, sent)
            before = service.answered
            reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
            for byte in sent:
                writer.write(bytes([byte]))
                await writer.drain()
            assert HOP.sub(rb"\1", await reader.read()) == expected
            assert service.answered == before + 1
            writer.transport.abort()


async def test_requests_for_the_host_of_links_are_not_for_the_cache(tmp_path: Path) -> None:
    downloads = {"files_url": "https://Files.example:444", "enabled": False, "min_free_disk": 0}
    async with file_service(tmp_path, downloads=downloads, public_url="https://x.example") as service:
        target = f"/torrent/{await service.add(TORRENTS['small'])}"
        assert b" 200 " in await service.get(target)
        for host, expected in (
            ("files.example:444", 404),
            ("FILES.EXAMPLE:444", 404),
            ("files.example.org", 200),
        ):
            sent = f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
            assert status(await service.ask(sent.encode())) == expected, host
        assert service.answered == 0
        assert status(await service.get(target)) == 200
        assert service.answered == 1


async def test_a_file_longer_than_the_table_takes_is_answered_by_the_route(tmp_path: Path) -> None:
    async with file_service(tmp_path) as service:
        target = f"/torrent/{await service.add(TORRENTS['huge'])}"
        for _ in range(3):
            assert (await service.get(target)).endswith(TORRENTS["huge"])
        assert service.answered == 0
