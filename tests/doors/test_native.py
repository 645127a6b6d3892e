"""Connections of the native threads, and those that they hand over to uvicorn."""

import asyncio
import contextlib
import hashlib
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import ClassVar

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from doors.connection_guard import TIMEOUT
from doors.native import native
from tests.contracts.raw_requests import HASHES
from tests.support.announce_paths import PATIENCE, AnnouncePath, TrackerSetup, tracker_setup
from tests.support.tasks import until
from tracker.counters import Transport
from tracker.model import Event

pytestmark = [pytest.mark.skipif(native is None, reason="the extension is not built"), pytest.mark.uvloop]

ANNOUNCE = (
    b"GET /announce?info_hash=%b&peer_id=-XX0001-abcdefghijkl&port=%d&left=1 HTTP/1.1\r\nHost: x\r\n\r\n"
)
TRICKLE = 0.005


def announce(port: int = 1) -> bytes:
    return ANNOUNCE % (HASHES[0], port)


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello " + request.query_params.get("n", ""))


async def digest(request: Request) -> Response:
    whole = hashlib.sha1()
    async for piece in request.stream():
        whole.update(piece)
    return PlainTextResponse(whole.hexdigest())


async def huge(_: Request) -> Response:
    return Response(bytes(16 << 20))


ROUTES = [Route("/", hello), Route("/digest", digest, methods=["POST"]), Route("/huge", huge)]


@asynccontextmanager
async def served(
    seconds: dict[str, float] | None = None, exempt: tuple[str, ...] = (), **bounds: float
) -> AsyncIterator[tuple[int, TrackerSetup]]:
    """Serve by native threads; yield the port."""
    here = tracker_setup(in_c=True, proxy=False)
    for name, value in (seconds or {}).items():
        setattr(here.guard, name, value)
    here.guard.exempt = [ip_network(each) for each in exempt]

    async with AnnouncePath("threads", in_c=True, **bounds).serving(here, ROUTES) as port:
        try:
            async with asyncio.timeout(PATIENCE):
                yield port, here
        finally:
            await Client.close_all()


class Client:
    """One connection that reads whole answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    opened: ClassVar[list["Client"]] = []

    @classmethod
    async def open(cls, port: int) -> "Client":
        client = cls(*await asyncio.open_connection("127.0.0.1", port))
        cls.opened.append(client)
        return client

    @classmethod
    async def close_all(cls) -> None:
        for each in cls.opened:
            each.close()
            with contextlib.suppress(OSError):
                await each.writer.wait_closed()
        cls.opened.clear()

    async def ask(self, *pieces: bytes) -> bytes:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            if len(pieces) > 1:
                await asyncio.sleep(TRICKLE)
        return await self.answer()

    async def answer(self) -> bytes:
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
        return await self.reader.readexactly(length)

    async def ended(self) -> bytes:
        with contextlib.suppress(ConnectionResetError):
            return await self.reader.read()
        return b""

    def close(self) -> None:
        self.writer.transport.abort()


async def settled(here: TrackerSetup, wanted: int) -> None:
    """Wait until so many connections are open."""
    await until(lambda: here.door.numbers()["open"] == wanted)


@pytest.mark.parametrize("threads", [1, 3])
async def test_a_page_between_announces_on_one_connection(threads: int) -> None:
    async with served(threads=threads) as (port, here):
        client = await Client.open(port)
        assert b"8:complete" in await client.ask(announce(1))
        assert await client.ask(b"GET /?n=1 HTTP/1.1\r\nHost: x\r\n\r\n") == b"hello 1"
        assert b"10:incompletei2e" in await client.ask(announce(2))
        assert await client.ask(b"GET /?n=2 HTTP/1.1\r\nHost: x\r\n\r\n") == b"hello 2"
        assert here.door.numbers()["open"] == 1
        assert here.counters.announces[Transport.HTTP][Event.NONE] == 2
        client.close()
        await settled(here, 0)


async def test_pipelined_requests_of_both_servers_are_answered_in_order() -> None:
    async with served() as (port, _):
        client = await Client.open(port)
        page = b"GET /?n=%d HTTP/1.1\r\nHost: x\r\n\r\n"
        client.writer.write(announce(1) + announce(2) + page % 1 + announce(3) + page % 2)
        answers = [await client.answer() for _ in range(5)]
        assert [
            b"incompletei%de" % n in each for n, each in ((1, answers[0]), (2, answers[1]), (3, answers[3]))
        ] == [True] * 3
        assert answers[2::2] == [b"hello 1", b"hello 2"]
        client.close()


@pytest.mark.parametrize("size", [1, 20_000, 5_000_000])
@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_follows_its_connection(size: int, chunked: bool) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(body)
    framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body
    whole = b"POST /digest HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n%b" % (framing, framed)
    wanted = hashlib.sha1(body).hexdigest().encode()

    async with served() as (port, here):
        for cuts in ((), (30,), (3, 12), (100, 5000)):
            client = await Client.open(port)
            ends = [*(cut for cut in cuts if cut < len(whole)), len(whole)]
            pieces = [whole[start:end] for start, end in zip([0, *ends], ends, strict=False)]
            assert await client.ask(*pieces) == wanted
            assert b"5:peers" in await client.ask(announce())
            client.close()
        await settled(here, 0)


async def test_requests_byte_by_byte_and_many_at_once() -> None:
    async with served() as (port, _):
        client = await Client.open(port)
        assert b"5:peers" in await client.ask(*(bytes([byte]) for byte in announce()))
        client.writer.write(announce() * 2000)
        for _ in range(2000):
            assert b"5:peers" in await client.answer()
        client.close()


async def test_clients_that_disconnect_before_the_hand_over_are_counted() -> None:
    async with served() as (port, here):
        for _ in range(50):
            with socket.create_connection(("127.0.0.1", port)) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: here.door.numbers()["handed_over"])
        await settled(here, 0)


async def test_half_closed_clients_get_their_answer() -> None:
    async with served() as (port, _):
        for asked, answered in ((announce(), b"5:peers"), (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"hello")):
            client = await Client.open(port)
            client.writer.write(asked)
            client.writer.write_eof()
            assert answered in await client.ended()


@pytest.mark.parametrize("held_by", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_connections_of_an_address_are_capped_whoever_holds_them(held_by: bytes) -> None:
    async with served(per_address=3) as (port, here):
        held = [await Client.open(port) for _ in range(3)]
        for each in held:
            await each.ask(held_by or announce())
        one_more = await Client.open(port)
        one_more.writer.write(announce())
        assert await one_more.ended() == b""
        assert here.door.numbers()["turned_away"] == 1
        held.pop().close()
        await settled(here, 2)
        client = await Client.open(port)
        assert b"5:peers" in await client.ask(announce())


async def test_trusted_proxies_are_not_capped_but_in_all() -> None:
    async with served(exempt=("127.0.0.1",), per_address=3, max_connections=5) as (port, here):
        held = [await Client.open(port) for _ in range(5)]
        for each in held:
            assert b"5:peers" in await each.ask(announce())
        one_more = await Client.open(port)
        one_more.writer.write(announce())
        assert await one_more.ended() == b""
        assert here.door.numbers()["open"] == 5


async def test_a_head_that_does_not_end_times_out() -> None:
    async with served({"header_timeout": 0.1}) as (port, here):
        client = await Client.open(port)
        assert b"5:peers" in await client.ask(announce())
        client.writer.write(announce()[:-1])
        assert await client.ended() == TIMEOUT
        assert here.door.numbers()["timed_out"] == 1


async def test_idle_connections_end_after_their_time() -> None:
    async with served(keep_alive=0.2) as (port, here):
        client = await Client.open(port)
        assert b"5:peers" in await client.ask(announce())
        assert await client.ended() == b""
        assert here.door.numbers()["timed_out"] == 0


async def test_a_client_that_does_not_read_is_dropped_and_one_that_reads_late_is_served() -> None:
    async with served({"body_timeout": 1.5}) as (port, here):
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            await loop.sock_connect(client, ("127.0.0.1", port))
            with contextlib.suppress(ConnectionError):
                while True:
                    await asyncio.wait_for(loop.sock_sendall(client, announce() * 500), PATIENCE)
            await settled(here, 0)
        late = await Client.open(port)
        sending = asyncio.create_task(late.writer.drain())
        late.writer.write(announce() * 20_000)
        for _ in range(20_000):
            assert b"5:peers" in await late.answer()
        await sending


async def test_without_descriptors_clients_wait_and_are_served_later() -> None:
    async with served() as (port, here):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        clients = [socket.socket() for _ in range(8)]
        highest = max(each.fileno() for each in clients)
        loop = asyncio.get_running_loop()
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
            for each in clients:
                each.setblocking(False)
                await loop.sock_connect(each, ("127.0.0.1", port))
                await loop.sock_sendall(each, announce())
            await until(lambda: here.door.numbers()["paused"])
            paused = here.door.numbers()["paused"]
            await asyncio.sleep(0.1)
            assert here.door.numbers()["paused"] - paused <= 2
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for each in clients:
            assert b"5:peers" in await loop.sock_recv(each, 4096)
            each.close()


async def test_stopping_closes_what_is_open_and_joins_the_threads() -> None:
    here = tracker_setup(in_c=True, proxy=False)
    async with AnnouncePath("threads", in_c=True, threads=2).serving(here, ROUTES) as port:
        held = [await Client.open(port), await Client.open(port)]
        assert b"5:peers" in await held[0].ask(announce())
        assert b"hello" in await held[1].ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [await client.ended() for client in held] == [b"", b""]
    await Client.close_all()
    assert here.door.numbers()["open"] == 0
    assert here.counters.announces[Transport.HTTP][Event.NONE] == 1
    here.door.stop()


async def test_a_large_answer_of_the_other_server_arrives_whole() -> None:
    async with served() as (port, _):
        client = await Client.open(port)
        assert await client.ask(b"GET /huge HTTP/1.1\r\nHost: x\r\n\r\n") == bytes(16 << 20)
        assert b"5:peers" in await client.ask(announce())
