"""Connections and packets from a named proxy begin with its header, and are its client's, at every door alike."""

import asyncio
import socket
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from doors.native import native
from doors.proxy_protocol import LONGEST_HEADER, BadProxyHeader, ProxyNetworks, read_proxy_header
from doors.udp import UdpDoor
from doors.websocket import SocketLimits
from tests.support.announce_paths import (
    KEY,
    PATIENCE,
    PROXY,
    RUNNING,
    AnnouncePath,
    tracker_setup,
    with_websocket,
)
from tests.support.tasks import turn
from tests.support.websocket_client import HEAD
from tracker.socket_peers import SocketTerms

pytestmark = pytest.mark.uvloop
needs_native = pytest.mark.skipif(native is None, reason="the extension is not built")

V2 = b"\r\n\r\n\0\r\nQUIT\n"
CONNECT = (0x41727101980).to_bytes(8, "big") + bytes(4) + b"conn"
ANNOUNCE = (
    b"GET /announce?info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=bbbbbbbbbbbbbbbbbbbb&port=1&numwant=0 HTTP/1.1\r\n"
    b"Host: x\r\n%b\r\n"
)


def v1(client="9.8.7.6", server="1.2.3.4"):
    family = "TCP6" if ":" in client else "TCP4"
    return f"PROXY {family} {client} {server} 56324 443\r\n".encode()


def v2(client="9.8.7.6", *, packet=False, command=0x21, more=b""):
    address = ip_address(client).packed
    body = address + address + b"\x01\x02\x03\x04" + more
    kind = (0x10 if len(address) == 4 else 0x20) | (2 if packet else 1)
    return V2 + bytes([command, kind]) + len(body).to_bytes(2, "big") + body


def external(address):
    raw = ip_address(address).packed
    return b"11:external ip%d:%b" % (len(raw), raw)


LOCAL = V2 + b"\x20\x00\x00\x00"
UNSPECIFIED = V2 + b"\x21\x00\x00\x03abc"
TAKEN = {
    "version 1": (v1(), "9.8.7.6"),
    "version 1, IPv6": (v1("2001:db9::7", "2001:db9::8"), "2001:db9::7"),
    "version 1, mapped": (v1("::ffff:9.8.7.6", "::1"), "9.8.7.6"),
    "version 1, unknown": (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    "version 1, unknown with the rest": (b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", "127.0.0.1"),
    "version 2": (v2(), "9.8.7.6"),
    "version 2, IPv6": (v2("2001:db9::7"), "2001:db9::7"),
    "version 2 with additions": (v2(more=b"\x04\x00\x03abc"), "9.8.7.6"),
    "version 2, local": (LOCAL, "127.0.0.1"),
    "version 2, unspecified": (UNSPECIFIED, "127.0.0.1"),
}
REFUSED = {
    "none": b"",
    "a request alone": b"GET / HTTP/1.1\r\n\r\n",
    "two spaces": b"PROXY  TCP4 9.8.7.6 1.2.3.4 1 2\r\n",
    "no return": b"PROXY TCP4 9.8.7.6 1.2.3.4 1 2\n",
    "a family that is not the address's": b"PROXY TCP6 9.8.7.6 1.2.3.4 1 2\r\n",
    "a zone": b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
    "a port in the address": b"PROXY TCP6 9.8.7.6:80 ::1 1 2\r\n",
    "a port too large": b"PROXY TCP4 9.8.7.6 1.2.3.4 65536 2\r\n",
    "too long": b"PROXY UNKNOWN " + b"x" * 120 + b"\r\n",
    "another version": V2 + b"\x31\x11\x00\x00",
    "another command": v2(command=0x22),
    "datagrams on a stream": v2(packet=True),
    "sockets of Unix": V2 + b"\x21\x31\x00\xd8" + bytes(216),
    "no room for addresses": V2 + b"\x21\x11\x00\x0b" + bytes(11),
    "longer than is read": V2 + b"\x21\x11" + LONGEST_HEADER.to_bytes(2, "big") + bytes(LONGEST_HEADER),
}
WAYS = {
    "route, store in Python": AnnouncePath("route", in_c=False),
    "fast path, store in C": AnnouncePath("fast", in_c=True),
    "threads, store in C": AnnouncePath("threads", in_c=True),
}


@pytest.fixture(params=[pytest.param(each, marks=() if "Python" in each else needs_native) for each in WAYS])
def way(request):
    return WAYS[request.param]


async def ask(port, *pieces):
    """Send pieces and return what comes back until the other side ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await turn()
        return await asyncio.wait_for(reader.read(), PATIENCE)
    except ConnectionResetError:
        return b""
    finally:
        writer.transport.abort()


async def exchange(way, exchanges, **how):
    async with way.serving(tracker_setup(way.in_c, proxied=True, **how)) as port:
        return [await ask(port, *pieces) for pieces in exchanges]


def request(*headers):
    return ANNOUNCE % b"".join(b"%b\r\n" % each for each in (*headers, b"Connection: close"))


async def test_the_client_is_the_one_that_the_header_names(way):
    heard = await exchange(way, [[header + request()] for header, _ in TAKEN.values()])
    assert [
        external(address) in answer for (_, address), answer in zip(TAKEN.values(), heard, strict=True)
    ] == [True] * len(TAKEN)


async def test_a_header_may_come_in_pieces(way):
    whole = [bytes([each]) for each in v2()] + [request()]
    line = [bytes([each]) for each in v1()] + [request()[:40], request()[40:]]
    for answer in await exchange(way, [whole, line]):
        assert external("9.8.7.6") in answer


async def test_without_a_header_nothing_is_answered(way):
    assert await exchange(way, [[each + request()] for each in REFUSED.values()]) == [b""] * len(REFUSED)


async def test_requests_that_python_answers_have_the_same_client(way):
    """A method that the threads hand over, and an announce that is handed over with it."""
    head = b"HEAD /announce?info_hash=a HTTP/1.1\r\nHost: x\r\n\r\n"
    strange = request().replace(b"GET /announce", b"GET /%61nnounce", 1)
    for answer in await exchange(
        way, [[v1() + head + request()], [v2("2001:db9::7"), strange.replace(b"%61", b"a")]]
    ):
        assert b"11:external ip" in answer
        assert external("127.0.0.1") not in answer


async def test_the_header_of_http_is_believed_of_the_client_that_was_named(way):
    forwarded = request(b"X-Forwarded-For: 7.7.7.7")
    trusted, other = await exchange(way, [[v1("127.0.0.9") + forwarded], [v1("9.8.7.6") + forwarded]])
    assert external("7.7.7.7") in trusted
    assert external("9.8.7.6") in other


async def test_a_peer_over_websocket_is_the_one_that_the_header_names(way):
    """Where private addresses are refused, the proxy's own is."""

    async def upgrade(port, header):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(header + HEAD % (b"/announce", b""))
        said = await asyncio.wait_for(reader.readline(), PATIENCE)
        writer.transport.abort()
        return said

    here = tracker_setup(way.in_c, proxied=True)
    door = with_websocket(here, SocketLimits(), SocketTerms(), refuse_private=True)
    running = asyncio.ensure_future(door.run())
    try:
        async with way.serving(here) as port:
            heard = [await upgrade(port, each) for each in (v1("9.8.7.6"), v2("9.8.7.6"), LOCAL)]
    finally:
        running.cancel()
    assert [each[9:12] for each in heard] == [b"101", b"101", b"403"]


@needs_native
async def test_caps_are_those_of_the_client():
    way = AnnouncePath("threads", in_c=True, per_address=1)
    async with way.serving(tracker_setup(in_c=True, proxied=True)) as port:
        held, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(v1("9.8.7.6") + ANNOUNCE % b"")
        await held.readuntil(b"external ip")
        same, other = [await ask(port, v1(each) + request()) for each in ("9.8.7.6", "9.8.7.5")]
        writer.transport.abort()
    assert same == b""
    assert external("9.8.7.5") in other


class Sent:
    """A transport that keeps what is sent."""

    def __init__(self):
        self.sent = []

    def get_extra_info(self, _):
        return self

    def setsockopt(self, *_):
        pass

    def sendto(self, data, address):
        self.sent.append((data, address))


PACKETS = [
    v2(packet=True) + CONNECT,
    v2("2001:db9::7", packet=True) + CONNECT,
    v2(packet=True, more=b"\x04\x00\x01x") + CONNECT,
    LOCAL + CONNECT,
]
IGNORED = [CONNECT, v1() + CONNECT, v2() + CONNECT, v2(packet=True)[:-1], V2, v2(packet=True) + bytes(4097)]


def python_answers(packets):
    here, sent = tracker_setup(in_c=False), Sent()
    door = UdpDoor(here.tracker, KEY, lambda: RUNNING, refuse_private=False, proxied=ProxyNetworks(PROXY))
    door.connection_made(sent)
    for each in packets:
        door.datagram_received(each, ("127.0.0.1", 4000))
    direct = [
        door.answer(CONNECT, ip_address(each).packed) for each in ("9.8.7.6", "2001:db9::7", "127.0.0.1")
    ]
    return [data for data, _ in sent.sent], direct


def test_packets_are_of_the_client_that_their_header_names():
    answered, (v4, v6, proxy) = python_answers([*PACKETS, *IGNORED])
    assert answered == [v4, v6, v4, proxy]


@needs_native
async def test_threads_read_the_headers_of_packets_alike():
    loop = asyncio.get_running_loop()
    async with WAYS["threads, store in C"].serving(tracker_setup(in_c=True, proxied=True)) as port:
        with socket.socket(type=socket.SOCK_DGRAM) as one:
            one.setblocking(False)
            one.connect(("127.0.0.1", port))
            for each in (*IGNORED, *PACKETS):  # what is ignored comes first: the answers are in order
                await loop.sock_sendall(one, each)
            answers = [await asyncio.wait_for(loop.sock_recv(one, 100), PATIENCE) for _ in PACKETS]
    assert answers == python_answers(PACKETS)[0]


pieces = st.one_of(
    st.binary(max_size=60),
    st.sampled_from([v1(), v2(), v2(packet=True), LOCAL, UNSPECIFIED, *REFUSED.values(), *(each for each, _ in TAKEN.values())]),
)  # fmt: skip


@needs_native
@settings(max_examples=1500, deadline=None)
@given(st.lists(pieces, max_size=3).map(b"".join), st.data(), st.booleans())
@example(v1(), None, False)
def test_the_reader_in_c_reads_the_same(data, drawn, packet):
    if drawn is not None and data:
        at = drawn.draw(st.integers(0, len(data) - 1))
        data = data[:at] + drawn.draw(st.binary(max_size=2)) + data[at + drawn.draw(st.integers(0, 2)) :]
    try:
        expected = read_proxy_header(data, packet=packet)
    except BadProxyHeader:
        expected = False
    found = native.read_proxy_header(data, packet)
    if found:
        found = (found[0] or None, found[1])
    assert found == expected


def test_only_named_networks_send_headers():
    networks = ProxyNetworks([ip_network("10.0.0.0/8"), ip_network("::ffff:192.0.2.0/120")])
    assert [each in networks for each in ("10.1.2.3", "11.1.2.3", "192.0.2.9", "::1")] == [
        True,
        False,
        True,
        False,
    ]
