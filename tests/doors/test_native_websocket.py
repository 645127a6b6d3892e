"""Which way a connection and a message over WebSocket take, where the sockets are in C."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from doors.native import native
from doors.websocket import SocketLimits
from tests.contracts.test_websocket import LIMITS, Service, announce, offers, peer_id, serving
from tests.support.announce_paths import AnnouncePath
from tests.support.tasks import until
from tests.support.websocket_client import HEAD, PATIENCE, WebSocketClient
from tracker.sampling import SAMPLE_EVERY, SAMPLED_ID
from tracker.socket_peers import SocketTerms

pytestmark = [pytest.mark.skipif(native is None, reason="nothing was compiled"), pytest.mark.uvloop]
THREADS = AnnouncePath("threads", in_c=True)


@asynccontextmanager
async def served(limits: SocketLimits = LIMITS) -> AsyncIterator[Service]:
    async with serving(THREADS, limits, SocketTerms(), (), {}, {}) as service:
        async with asyncio.timeout(PATIENCE):
            yield service


def numbers(service: Service) -> Any:
    return service.door.sockets.numbers()


async def test_usual_handshakes_and_messages_need_no_python():
    async with served() as service:
        one, two = await service.client(b"/"), await service.client(b"/announce")
        assert (await one.ask(announce("a")))["incomplete"] == 1
        said = announce("b", offers=offers(2), numwant=2, uploaded=0, downloaded="1", event="started")
        assert (await two.ask(json.dumps(said, ensure_ascii=False)))["incomplete"] == 2
        assert (await one.hear())["peer_id"] == peer_id("b")
        assert numbers(service)["asked"] == service.setup.door.numbers()["handed_over"] == 0


async def test_a_connection_that_python_had_joins_the_same_swarms():
    async with served() as service:
        one = await service.join("a")
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"the page")
        writer.write(HEAD % (b"/announce", b""))
        said = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        assert said.startswith(b"HTTP/1.1 101 ")
        client = WebSocketClient(reader, writer, said)
        assert (await client.ask(announce("b", left=0, offers=offers(1))))["complete"] == 1
        assert (await one.hear())["peer_id"] == peer_id("b")
        assert service.setup.door.numbers()["handed_over"] == 1
        await until(lambda: service.setup.guard.open == 0)
        client.abort()
        await until(lambda: numbers(service)["open"] == 1)
        await until(lambda: service.setup.door.numbers()["open"] == 1)


async def test_unusual_messages_are_read_by_python_in_their_turn():
    async with served() as service:
        client = await service.client()
        unusual = json.dumps(announce("a", left=1.0, more=[1, {"x": 2}]))
        for each in (unusual, json.dumps(announce("a", left=0)), "nothing", json.dumps(announce("a"))):
            client.send(each)
        assert (await client.hear())["incomplete"] == 1
        assert (await client.hear())["complete"] == 1
        assert "failure reason" in await client.hear()
        assert (await client.hear())["incomplete"] == 1
        assert numbers(service)["asked"] == 2
        assert numbers(service)["messages"] == 4


async def test_a_connection_that_ends_while_python_reads_is_forgotten():
    async with served() as service:
        for _ in range(20):
            client = await service.client()
            client.send("[")
            client.abort()
        await until(lambda: numbers(service)["open"] == 0)
        assert service.held() == 0


async def test_an_idle_connection_holds_nothing():
    async with served() as service:
        for at in range(20):
            await service.join(f"{at}", offers=offers(1))
        await until(lambda: service.held() == 0)


async def test_clients_are_sampled_as_over_http():
    async with served() as service:
        client = await service.client()
        for _ in range(SAMPLE_EVERY):
            await client.ask(announce("-XX0001-"))
        assert service.setup.door.clients() == b"-XX0001-"[:SAMPLED_ID] + b"\x04"
