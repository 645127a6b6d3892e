"""Other caches over real sockets: what they send, how slowly, and where they send us."""

import asyncio
import contextlib
import socket

import pytest

from bittorrent.infohash import InfoHash
from downloads.outgoing_filter import OutgoingFilter
from downloads.outgoing_http import REDIRECTS
from downloads.upstream import UpstreamCache

HASH = InfoHash(bytes(range(20)))
OPEN = OutgoingFilter(allow_private=True)


class Server:
    """Answers each request with what a function of its head writes."""

    def __init__(self, answer):
        self.answer = answer
        self.heads = []
        self.tasks = set()

    async def _serve(self, reader, writer):
        self.tasks.add(asyncio.current_task())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            await self.answer(head, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    @contextlib.asynccontextmanager
    async def open(self):
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self
            await asyncio.wait_for(asyncio.gather(*self.tasks), 10)


def saying(status="200 OK", body=b"", headers=""):
    async def answer(_head, writer):
        writer.write(f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()

    return answer


async def fetched(server, *, outgoing=OPEN, limit=1000, seconds=5.0, host="127.0.0.1", path="{HASH}.torrent"):
    return await UpstreamCache(f"http://{host}:{server.port}/{path}", outgoing, limit).fetch(HASH, seconds)


async def ask(answer, **options):
    async with Server(answer).open() as server:
        return await fetched(server, **options), server


@pytest.mark.parametrize(("path", "spelled"), [("{HASH}.torrent", HASH.upper), ("get?h={hash}", HASH.lower)])
async def test_the_file_comes_as_it_was_sent(path, spelled):
    body, server = await ask(saying(body=b"\x1f\x8bpacked", headers="Content-Encoding: gzip\r\n"), path=path)
    assert body == b"\x1f\x8bpacked"
    assert path.replace("{HASH}", spelled).replace("{hash}", spelled) in server.heads[0]
    assert "identity" in server.heads[0]


@pytest.mark.parametrize("status", ["404 Not Found", "500 Oh", "204 No Content", "999 x"])
async def test_what_is_no_file_is_none(status):
    assert (await ask(saying(status)))[0] is None


@pytest.mark.parametrize("garbage", [b"\x00\xff\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, b""])
async def test_garbage_is_none(garbage):
    async def answer(_head, writer):
        writer.write(garbage)
        await writer.drain()

    assert (await ask(answer))[0] is None


async def test_an_endless_body_is_cut_off():
    async def answer(_head, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(bytes(65_536))
            await writer.drain()

    assert (await ask(answer, limit=200_000, seconds=20))[0] is None


async def test_a_slow_drip_ends_with_the_time():
    async def answer(_head, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)  # what is slow here is the other end, not the test

    loop = asyncio.get_running_loop()
    async with Server(answer).open() as server:
        began = loop.time()
        assert await fetched(server, seconds=0.3) is None
        assert loop.time() - began < 3


async def test_redirects_are_followed_so_far_and_no_farther():
    def leading(times):
        async def answer(head, writer):
            at = int(head.split(" ")[1].rpartition("/")[2]) if "/r/" in head else 0
            more = at < times
            reply = saying("302 Found", headers=f"Location: /r/{at + 1}\r\n") if more else saying(body=b"end")
            await reply(head, writer)

        return answer

    assert (await ask(leading(REDIRECTS)))[0] == b"end"
    assert (await ask(leading(REDIRECTS + 1)))[0] is None


@pytest.mark.parametrize(
    "location",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        "//",
        "http://",
        "http://a:b@127.0.0.1/",
        "http://[::1",
        "",
        "gopher:x",
    ],
)
async def test_a_redirect_to_what_is_no_plain_url_is_not_followed(location):
    body, server = await ask(saying("301 Moved", headers=f"Location: {location}\r\n"))
    assert body is None
    assert len(server.heads) <= 1 + REDIRECTS


class Resolves:
    """Stands in for DNS: a name that resolves to what a test says, once after another."""

    def __init__(self, monkeypatch, **names):
        self.asked = []
        self._names = names
        loop = asyncio.get_running_loop()
        monkeypatch.setattr(type(loop), "getaddrinfo", self._getaddrinfo)

    async def _getaddrinfo(self, host, port, **_more):
        self.asked.append(host)
        addresses = self._names[host.partition(".")[0]]
        return [
            (socket.AF_INET6 if ":" in each else socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port))
            for each in addresses
        ]


class LetsThrough(OutgoingFilter):
    """The real filter with one hole, so that a test can begin outside of what it forbids."""

    def __init__(self, *open_ones):
        super().__init__(allow_private=False)
        self.open_ones = open_ones

    def allows_text(self, host):
        return host in self.open_ones or super().allows_text(host)


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1", "192.168.1.1"],
        ["169.254.169.254"],
        ["::1"],
        ["fe80::1"],
        ["::ffff:127.0.0.1"],
    ],
)
async def test_a_name_that_resolves_to_a_private_address_is_not_dialled(monkeypatch, addresses):
    async with Server(saying(body=b"secret")).open() as server:
        Resolves(monkeypatch, evil=addresses)
        outgoing = OutgoingFilter(allow_private=False)
        assert await fetched(server, outgoing=outgoing, host="evil.example") is None
    assert server.heads == []


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0"])
async def test_a_private_address_in_the_url_is_not_dialled(host):
    body, server = await ask(saying(body=b"secret"), outgoing=OutgoingFilter(allow_private=False), host=host)
    assert (body, server.heads) == (None, [])


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:{port}/", "http://inner.example:{port}/", "http://127.1:{port}/"]
)
async def test_a_redirect_into_a_private_network_is_not_followed(monkeypatch, target):
    async def answer(head, writer):
        if "outer" in head:
            location = target.format(port=server.port)
            await saying("302 Found", headers=f"Location: {location}\r\n")(head, writer)
        else:
            await saying(body=b"secret")(head, writer)

    async with Server(answer).open() as server:
        names = {"outer": ["127.0.0.1"], "inner": ["127.0.0.2"], "127": ["127.0.0.1"]}
        Resolves(monkeypatch, **names)

        class OuterAlone(LetsThrough):
            def allows_text(self, host):
                return len(server.heads) == 0 and super().allows_text(host)

        assert await fetched(server, outgoing=OuterAlone("127.0.0.1"), host="outer.example") is None
    assert len(server.heads) == 1


async def test_the_address_that_was_checked_is_the_one_that_is_dialled(monkeypatch):
    async with Server(saying(body=b"file")).open() as server:
        names = Resolves(monkeypatch, cache=["10.9.8.7", "127.0.0.1"])
        assert await fetched(server, outgoing=LetsThrough("127.0.0.1"), host="cache.example") == b"file"
    assert names.asked == ["cache.example"]
    assert "Host: cache.example:" in server.heads[0]
