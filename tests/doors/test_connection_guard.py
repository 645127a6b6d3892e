import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, contextmanager
from ipaddress import ip_network

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from doors.connection_guard import HEAD_LIMIT, URL_LIMIT, ConnectionGuard, guarded_protocol
from doors.connection_memory import ConnectionMemory
from tests.support.tasks import until

SHORT, LONG = 0.2, 30.0
FAILURE = b"d14:failure reason19:Request is too longe"


async def hello(request: Request) -> Response:
    return PlainTextResponse(f"hello {request.query_params.get('n', '')}")


async def swallow(request: Request) -> Response:
    length = len(await request.body())
    seen = "forwarded" if b"x-forwarded-for" in dict(request.headers.raw) else ""
    return PlainTextResponse(f"{seen}{length}")


async def headers(request: Request) -> Response:
    return PlainTextResponse(repr(request.headers.raw))


async def hasty(_: Request) -> Response:
    return PlainTextResponse("no", 413)


async def huge(_: Request) -> Response:
    return Response(bytes(64 << 20))


APP = Starlette(
    routes=[
        Route("/", hello),
        Route("/swallow", swallow, methods=["POST"]),
        Route("/headers", headers),
        Route("/hasty", hasty, methods=["POST"]),
        Route("/huge", huge),
    ]
)


class Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self):
        yield


@asynccontextmanager
async def serving(**bounds) -> AsyncIterator[tuple[int, ConnectionGuard]]:
    bounds = {
        "header_timeout": LONG, "body_timeout": LONG, "max_connections": 100, "connections_per_address": 0, "exempt": [],
    } | bounds  # fmt: skip
    guard = ConnectionGuard(too_long=lambda: FAILURE, **bounds)
    config = uvicorn.Config(
        APP,
        http=guarded_protocol(guard),
        ws="none",
        lifespan="off",
        log_config=None,
        port=0,
        timeout_graceful_shutdown=1,
    )
    server = Server(config)
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    try:
        yield server.servers[0].sockets[0].getsockname()[1], guard
    finally:
        server.should_exit = True
        await task


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, port: int) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def rest(self) -> bytes:
        parts = []
        try:
            async with asyncio.timeout(20):
                while part := await self.reader.read(65536):
                    parts.append(part)
        except ConnectionResetError:
            pass
        return b"".join(parts)

    async def answer(self) -> bytes:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 20)
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return await self.reader.readexactly(length)

    def close(self) -> None:
        self.writer.close()


@pytest.mark.parametrize(
    ("bounds", "sent", "expected"),
    [
        ({"header_timeout": SHORT}, b"", b""),
        ({"header_timeout": SHORT}, b"GET / HTTP/1.1\r\nHost: x\r\n", b"HTTP/1.1 408 "),
        ({"header_timeout": SHORT}, b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT", b"HTTP/1.1 200 "),
        (
            {"body_timeout": SHORT},
            b"POST /swallow HTTP/1.1\r\nContent-Length: 9\r\n\r\n123",
            b"HTTP/1.1 408 ",
        ),
    ],
)
async def test_a_request_that_does_not_come_in_time_ends_its_connection(bounds, sent, expected):
    async with serving(**bounds) as (port, guard):
        client = await Client.connect(port)
        await client.send(sent)
        rest = await client.rest()
        client.close()
        assert rest.startswith(expected)
        assert guard.timed_out == 1


async def test_an_answer_before_the_body_is_followed_by_nothing():
    async with serving(body_timeout=SHORT) as (port, _):
        client = await Client.connect(port)
        await client.send(b"POST /hasty HTTP/1.1\r\nContent-Length: 9\r\n\r\n123")
        rest = await client.rest()
        client.close()

    assert rest.startswith(b"HTTP/1.1 413 ")
    assert rest.count(b"HTTP/1.1") == 1


async def test_what_follows_an_answer_without_the_body_that_was_expected_is_no_body():
    """A proxy whose client waited for 100 in vain may send another client's request next (RFC 9110, 10.1.1)."""
    async with serving(body_timeout=LONG) as (port, _):
        client = await Client.connect(port)
        await client.send(b"POST /hasty HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 40\r\n\r\n")
        rest = await client.rest()
        client.close()
        asked = await Client.connect(port)
        await asked.send(b"POST /swallow HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
        assert (await asked.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        await asked.send(b"1234GET /?n=2 HTTP/1.1\r\n\r\n")
        assert [await asked.answer(), await asked.answer()] == [b"4", b"hello 2"]
        asked.close()

    assert rest.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close\r\n" in rest.lower()


@pytest.mark.parametrize(
    ("length", "end"),
    [
        (HEAD_LIMIT + (1 << 20), b""),
        (URL_LIMIT, b" HTTP/1.1\r\n\r\n"),
        (70_000, b" HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
    ],
)
@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        (b"/announce", b"200", FAILURE),
        (b"/scrape", b"200", FAILURE),
        (b"/below/announce", b"200", FAILURE),
        (b"/belowannounce", b"431", b""),
        (b"/", b"431", b""),
    ],
)
async def test_a_head_too_long_is_answered_in_the_form_of_its_route(path, status, body, length, end):
    async with serving(root=b"/below") as (port, _):
        client = await Client.connect(port)
        await client.send(b"GET " + path + b"?x=" + b"a" * length + end)
        rest = await client.rest()
        client.close()

    assert rest.startswith(b"HTTP/1.1 " + status)
    assert rest.partition(b"\r\n\r\n")[2] == body


async def test_many_header_lines_count_as_one_head():
    async with serving() as (port, _):
        client = await Client.connect(port)
        await client.send(b"GET / HTTP/1.1\r\n")
        for _ in range(100):
            await client.send(b"X: " + b"a" * 10_000 + b"\r\n")
        rest = await client.rest()
        client.close()
    assert rest.startswith(b"HTTP/1.1 431 ")


async def test_a_large_body_is_not_taken_for_a_head_and_the_connection_goes_on():
    async with serving() as (port, _):
        client = await Client.connect(port)
        size = 5 << 20
        await client.send(b"POST /swallow HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + bytes(size))
        first = await client.answer()
        await client.send(b"GET /?n=2 HTTP/1.1\r\n\r\n")
        second = await client.answer()
        client.close()
    assert (first, second) == (str(5 << 20).encode(), b"hello 2")


async def test_pipelined_and_split_requests_are_answered_in_order():
    async with serving() as (port, _):
        client = await Client.connect(port)
        requests = b"".join(b"GET /?n=%d HTTP/1.1\r\n\r\n" % number for number in range(40))
        for at in range(0, len(requests), 37):
            await client.send(requests[at : at + 37])
        answers = [await client.answer() for _ in range(40)]
        client.close()
    assert answers == [b"hello %d" % number for number in range(40)]


async def test_a_client_that_closed_its_own_side_gets_its_answer():
    async with serving() as (port, _):
        client = await Client.connect(port)
        await client.send(b"GET /?n=1 HTTP/1.1\r\n\r\n")
        client.writer.write_eof()
        rest = await client.rest()
        client.close()
    assert rest.endswith(b"hello 1")


async def test_a_client_that_does_not_read_is_disconnected():
    async with serving(body_timeout=SHORT) as (port, guard):
        client = await Client.connect(port)
        client.writer.transport.pause_reading()
        await client.send(b"GET /huge HTTP/1.1\r\n\r\n")
        await until(lambda: guard.open)
        await until(lambda: not guard.open)
        client.close()


@pytest.mark.parametrize("bounds", [{"max_connections": 3}, {"connections_per_address": 3}])
async def test_connections_over_a_cap_are_closed_and_count_no_more_when_they_end(bounds):
    async with serving(**bounds) as (port, guard):
        clients = [await Client.connect(port) for _ in range(3)]
        for client in clients:
            await client.send(b"GET / HTTP/1.1\r\n\r\n")
            assert await client.answer() == b"hello "
        fourth = await Client.connect(port)
        assert await fourth.rest() == b""
        fourth.close()
        clients.pop().close()
        await until(lambda: guard.open == 2)
        again = await Client.connect(port)
        await again.send(b"GET / HTTP/1.1\r\n\r\n")
        assert await again.answer() == b"hello "
        for client in (*clients, again):
            client.close()
        await until(lambda: not guard.open)
        assert (guard.turned_away, dict(guard.by_address)) == (1, {})


async def test_a_connection_without_a_request_makes_room_near_the_cap():
    async with serving(max_connections=32) as (port, guard):
        heard = await Client.connect(port)
        await heard.send(b"GET / HTTP/1.1\r\n\r\n")
        assert await heard.answer() == b"hello "
        silent = [await Client.connect(port) for _ in range(40)]
        assert await silent[0].rest() == b""
        for client in (heard, await Client.connect(port)):
            await client.send(b"GET / HTTP/1.1\r\n\r\n")
            assert await client.answer() == b"hello "
            client.close()
        for client in silent:
            client.close()
        assert guard.made_room > 0


async def test_the_share_of_an_address_binds_near_the_cap_alone():
    async with serving(connections_per_address=2, binds_at=4) as (port, guard):
        clients = [await Client.connect(port) for _ in range(4)]
        for client in clients:
            await client.send(b"GET / HTTP/1.1\r\n\r\n")
            assert await client.answer() == b"hello "
        fifth = await Client.connect(port)
        assert await fifth.rest() == b""
        for client in (*clients, fifth):
            client.close()
        assert guard.turned_away == 1


async def test_a_trusted_proxy_may_hold_more_connections_than_an_address():
    async with serving(connections_per_address=2, exempt=[ip_network("127.0.0.0/8")]) as (port, _):
        clients = [await Client.connect(port) for _ in range(5)]
        for client in clients:
            await client.send(b"GET / HTTP/1.1\r\n\r\n")
            assert await client.answer() == b"hello "
            client.close()


# Framing and memory.

CHUNKED = b"POST /swallow HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


async def exchange(port: int, *parts: bytes) -> bytes:
    client = await Client.connect(port)
    try:
        for part in parts:
            with contextlib.suppress(ConnectionError):
                await client.send(part)
        return await client.rest()
    finally:
        client.close()


async def test_trailers_are_dropped() -> None:
    async with serving() as (port, _):
        trailers = b"X-Forwarded-For: 1.2.3.4\r\nHost: y\r\nConnection: close\r\n"
        answer = await exchange(
            port, CHUNKED + b"3\r\nabc\r\n0\r\n" + trailers + b"\r\n", b"GET /headers HTTP/1.0\r\n\r\n"
        )
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"forwarded" not in answer


@pytest.mark.parametrize(
    "part", [b"X-A: " + b"t" * 4000 + b"\r\n", b"X-A: " + b"t" * 60_000, b"1;" + b"e" * 4000 + b"\r\nx\r\n"]
)
async def test_endless_framing_ends_the_connection(part: bytes) -> None:
    start = b"" if part.startswith(b"1;") else b"0\r\n"
    async with serving() as (port, guard):
        answer = await exchange(port, CHUNKED + start, *[part] * 200)
        assert not answer
        assert guard.memory.held == 0


async def test_a_body_in_chunks_of_one_byte_is_read() -> None:
    async with serving() as (port, _):
        answer = await exchange(
            port,
            CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
            + b"1\r\nx\r\n" * 50_000
            + b"0\r\n\r\n",
        )
    assert answer.endswith(b"50000")


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Host: a\r\nHost: a\r\n", b"400"),
        (b"Host: a\r\nHOST: b\r\n", b"400"),
        (b"".join(b"X-%d: %b\r\n" % (number, b"h" * 4000) for number in range(20)), b"431"),
    ],
    ids=["the same host twice", "two hosts", "too long, at once"],
)
async def test_heads_that_are_refused(head: bytes, status: bytes) -> None:
    async with serving() as (port, _):
        answer = await exchange(port, b"GET / HTTP/1.1\r\n" + head + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 " + status)


UPGRADE = b"Host: x\r\nConnection: Upgrade\r\nUpgrade: %b\r\n"
HIDDEN = b"GET /headers HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"TLS/1.0"])
@pytest.mark.parametrize(
    "framing", [b"Content-Length: %d\r\n" % len(HIDDEN), b"Transfer-Encoding: chunked\r\n"]
)
@pytest.mark.parametrize("apart", [True, False])
async def test_a_body_behind_a_wish_for_another_protocol_is_no_request(
    protocol: bytes, framing: bytes, apart: bool
) -> None:
    head = b"POST / HTTP/1.1\r\n" + UPGRADE % protocol + framing + b"\r\n"
    async with serving() as (port, _):
        answer = await exchange(port, *([head, HIDDEN] if apart else [head + HIDDEN]))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("apart", [True, False])
async def test_a_wish_for_another_protocol_is_passed_over_and_the_last_request(apart: bool) -> None:
    head = b"GET / HTTP/1.1\r\nContent-Length: 0\r\n" + UPGRADE % b"h2c" + b"\r\n"
    async with serving() as (port, _):
        answer = await exchange(port, *([head, HIDDEN] if apart else [head + HIDDEN]))
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.count(b"HTTP/1.1 ") == 1


async def test_a_request_that_waits_for_100_is_the_last_of_its_connection() -> None:
    head = b"GET / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % (
        2 * len(HIDDEN)
    )
    async with serving() as (port, _):
        answer = await exchange(port, head)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close\r\n" in answer


async def test_a_long_pipeline_ends_the_connection() -> None:
    async with serving() as (port, _):
        answer = await exchange(port, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2000)
    assert answer.count(b"HTTP/1.1 200 ") < 2000


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 5,
        b"GET /huge HTTP/1.1\r\nHost: x\r\n\r\n" * 5,
    ],
)
async def test_what_has_ended_needs_no_garbage_collection(sent: bytes) -> None:
    def alive() -> int:
        return sum(isinstance(each, RequestResponseCycle) for each in gc.get_objects())

    async with serving() as (port, guard):
        gc.collect()
        gc.disable()
        try:
            before = alive()
            client = await Client.connect(port)
            client.writer.write(sent)
            await until(lambda: alive() > before)
            client.writer.close()
            await until(lambda: guard.memory.held == 0 and alive() == before)
            assert (guard.memory.held, alive()) == (0, before)
        finally:
            gc.enable()


async def test_slow_readers_of_large_answers_make_room_for_others() -> None:
    memory = ConnectionMemory(150 << 20, 150 << 20)
    async with serving(memory=memory) as (port, _):
        slow = [await Client.connect(port) for _ in range(4)]
        for each in slow:
            await each.send(b"GET /huge HTTP/1.1\r\nHost: x\r\n\r\n")
        quick = await Client.connect(port)
        await quick.send(b"GET /huge HTTP/1.1\r\nHost: x\r\n\r\n")
        assert len(await quick.answer()) == 64 << 20
        assert memory.dropped > 0
        assert memory.held <= memory.limit
        for each in (*slow, quick):
            each.close()
