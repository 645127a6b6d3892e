"""The real service over WebSocket, with the sockets in C and in uvicorn: settings, the proxy's word, blocks, the end."""

import asyncio
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from doors.native import native
from tests.support.clients import scrape, udp
from tests.support.processes import PeerageProcess
from tests.support.tasks import until
from tests.support.websocket_client import WebSocketClient, raw_frame

Start = Callable[..., PeerageProcess]
DOORS = ["uvicorn", *(["native"] if native is not None else [])]
HASH = b"\xe9" * 20


def announce(name: str, **said: Any) -> dict[str, Any]:
    return {
        "action": "announce", "info_hash": HASH.decode("latin-1"), "peer_id": name.ljust(20, "."), "left": 1,
    } | said  # fmt: skip


@asynccontextmanager
async def clients(port: int) -> AsyncIterator[Callable[..., Any]]:
    """Opens connections, which end with the block."""
    opened: list[WebSocketClient] = []

    async def open_one(path: bytes = b"/announce", address: str = "203.0.113.1") -> WebSocketClient:
        headers = f"X-Forwarded-For: {address}\r\n".encode()
        opened.append(await WebSocketClient.open(port, path, headers))
        return opened[-1]

    try:
        yield open_one
    finally:
        for each in opened:
            each.abort()


def figures(port: int) -> dict[str, float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
        lines = [line for line in page.read().decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@pytest.mark.parametrize("door", DOORS)
async def test_it_is_served_with_its_settings_behind_a_proxy_and_below_a_path(
    start_peerage: Start, door: str
) -> None:
    service = start_peerage(
        tracker__door=door,
        trusted_proxies="127.0.0.1",
        public_url="https://example.org/tracker",
        websocket__connections_per_address=1,
        websocket__max_message=2048,
        websocket__interval=1000,
        websocket__max_offers=1,
    )
    async with clients(service.port) as client:
        one = await client(b"/tracker/announce", "203.0.113.1")
        said = await one.ask(announce("one"))
        assert 900 <= said["interval"] <= 1100
        assert (await client(address="203.0.113.1")).said.startswith(b"HTTP/1.1 503 ")
        two = await client(b"/", "203.0.113.2")
        offers = [{"offer_id": f"{at:020}", "offer": {"type": "offer", "sdp": "x"}} for at in range(2)]
        assert (await two.ask(announce("two", left=0, offers=offers)))["complete"] == 1
        assert (await one.hear())["offer"] == {"type": "offer", "sdp": "x"}
        counts = await asyncio.to_thread(scrape, service.port, HASH)
        assert counts == (1, 0, 1)
        with udp(service.port) as tracker:
            assert await asyncio.to_thread(tracker.scrape, [HASH]) == [counts]
        found = await asyncio.to_thread(figures, service.port)
        assert found["peerage_websocket_connections"] == found["peerage_websocket_peers"] == 2
        assert found["peerage_websocket_turned_away_total"] == 1
        assert found["peerage_websocket_offers_total"] == 1
        assert found['peerage_announces_total{event="none",transport="websocket"}'] == 2
        two.send_raw(raw_frame(1, b"x" * 3000))
        assert await two.closed() == 1009

        async def is_gone() -> bool:
            return await asyncio.to_thread(scrape, service.port, HASH) == (0, 0, 1)

        await until(is_gone)


@pytest.mark.parametrize("door", DOORS)
async def test_a_block_and_the_end_of_the_service_reach_everybody(start_peerage: Start, door: str) -> None:
    service = start_peerage(tracker__door=door)
    async with clients(service.port) as client:
        one = await client()
        await one.ask(announce("one"))
        blocked = await asyncio.to_thread(service.run, "block", HASH.hex(), "--reason", "test")
        assert blocked.returncode == 0, blocked.stderr
        assert "blocked" in (await one.ask(announce("one")))["failure reason"]
        assert await asyncio.to_thread(scrape, service.port, HASH) == (0, 0, 0)
        ended = asyncio.create_task(one.closed())
        assert await asyncio.to_thread(service.stop) == 0, service.output
        assert await ended == 1001
    assert "Traceback" not in service.output


async def test_it_can_be_switched_off(start_peerage: Start) -> None:
    service = start_peerage(websocket__enabled=False)
    async with clients(service.port) as client:
        assert (await client()).said.startswith(b"HTTP/1.1 200 ")
