"""A burst of requests from a peer that reads no answer: whoever stops is gone, before the connection is cut."""

import asyncio
import socket

import pytest

from bittorrent.infohash import InfoHash
from doors.native import native
from tests.contracts.raw_requests import HASHES
from tests.support.announce_paths import PATIENCE, AnnouncePath, tracker_setup
from tests.support.tasks import until
from tracker.model import Announce, Event

pytestmark = [pytest.mark.skipif(native is None, reason="the extension is not built"), pytest.mark.uvloop]

MOST = 10_000
HASH = InfoHash(HASHES[0])
WAYS = {
    "fast path": AnnouncePath("fast", in_c=True, send_buffer=8192),
    "threads": AnnouncePath("threads", in_c=True, send_buffer=8192),
}


@pytest.fixture(params=WAYS)
def way(request):
    return WAYS[request.param]


def request(number, event="stopped"):
    """One announce of a peer of its own, through the proxy that the setup trusts."""
    escaped = "".join(f"%{byte:02x}" for byte in HASH)
    return (
        f"GET /announce?info_hash={escaped}&peer_id=-XX0001-abcdefghijkl&port=6881&left=1&event={event} HTTP/1.1\r\n"
        f"X-Forwarded-For: 9.{number >> 16}.{number >> 8 & 255}.{number & 255}\r\n\r\n"
    ).encode()


def fill(here):
    """Put the peers in, and return how many there are."""
    for number in range(MOST):
        peer = bytes([9, *number.to_bytes(3, "big")]) + (6881).to_bytes(2, "big")
        here.tracker.announce(Announce(HASH, peer, Event.NONE, False, 0))
    return here.tracker.store.scrape(HASH).incomplete


async def drained(one):
    """Read to the end of the connection, however it ends; return how many answers came."""
    loop, heard = asyncio.get_running_loop(), b""
    try:
        while data := await asyncio.wait_for(loop.sock_recv(one, 1 << 20), PATIENCE):
            heard += data
    except ConnectionResetError:
        pass
    return heard.count(b"HTTP/1.1 200 ")


async def exchange(way, burst):
    """Send a burst to a tracker of many peers and read nothing; return the peers left, and the answers then read."""
    here = tracker_setup(in_c=True)
    here.guard.body_timeout = 2
    assert fill(here) == MOST
    async with way.serving(here) as port:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(one, ("127.0.0.1", port))
            async with asyncio.timeout(PATIENCE):
                await loop.sock_sendall(one, burst)
            await until(lambda: here.tracker.store.scrape(HASH).incomplete == 0, PATIENCE)
            return await drained(one)


STOPS = b"".join(map(request, range(MOST)))


async def test_a_burst_of_stops_whose_answers_nobody_reads_is_applied_whole_and_then_cut(way):
    assert await exchange(way, STOPS) < MOST


async def test_requests_of_another_kind_wait_until_their_client_reads():
    """Nothing is dropped of an honest client that reads late."""

    async def send(writer, burst):
        writer.write(burst)
        await writer.drain()

    here = tracker_setup(in_c=True)
    way, burst = WAYS["threads"], b"".join(request(number % 40, "started") for number in range(2000))
    async with way.serving(here) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        sending = asyncio.ensure_future(send(writer, burst))
        for _ in range(2000):
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
            assert head.startswith(b"HTTP/1.1 200 ")
            length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length: "))
            await reader.readexactly(int(length[16:]))
        await sending
        writer.transport.abort()


async def test_few_stops_are_answered_when_their_client_reads_late(way):
    here = tracker_setup(in_c=True)
    async with way.serving(here) as port:
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(one, ("127.0.0.1", port))
            await loop.sock_sendall(
                one,
                b"".join(map(request, range(250)))
                + request(250).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
            )
            assert await drained(one) == 251
