"""Every server answers the same bytes: ASGI, the fast path, the native threads, over the store in Python and in C.

The value of `date` and the header `connection: close` are not compared.
"""

import asyncio
import random
import re
import socket
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from bittorrent.client_pattern import ClientPattern
from doors.native import native
from doors.udp import UdpDoor
from tests.contracts.raw_requests import HOSTILE, conversations, packet
from tests.support.announce_paths import (
    KEY,
    PATIENCE,
    RUNNING,
    TERMS,
    AnnouncePath,
    TrackerSetup,
    tracker_setup,
)
from tests.support.tasks import turn
from tracker.access import AccessTable, AddressRule, ClientRule
from tracker.mode import Mode
from tracker.model import AnnounceTerms
from tracker.sessions import SessionDelta

ROOT = "/peerage"
NARROW = replace(TERMS, announce_spacing=20, peers_per_account=1, download_slots=2, peers_per_hour=9)
RULED = AccessTable.of(
    [
        ClientRule(ClientPattern.parse("-UT ..3.5.4"), True, "old"),
        ClientRule(ClientPattern.parse("-UT355W"), False),
        ClientRule(ClientPattern.parse("-XX0001-%00"), True),
        ClientRule(ClientPattern.parse("qq"), True, "q"),
    ],
    [
        AddressRule(ip_network("203.0.113.0/25"), True, "a reason"),
        AddressRule(ip_network("203.0.113.32/27"), False),
        AddressRule(ip_network("9.9.9.9/32"), True, "another"),
        AddressRule(ip_network("2001:db8::/121"), True),
        AddressRule(ip_network("2600:1::80/128"), True, "one"),
    ],
)
HOP = re.compile(rb"(?m)^(date: ).*\r\n|^connection: close\r\n")

needs_native = pytest.mark.skipif(native is None, reason="the extension is not built")


async def exchange(port: int, pieces: list[bytes]) -> bytes:
    """Send pieces on one connection and return all that comes back until its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await turn()
        return await asyncio.wait_for(reader.read(), PATIENCE)
    except ConnectionResetError:
        return b"reset"
    finally:
        writer.transport.abort()


WAYS = {
    "route, store in Python": AnnouncePath("route", in_c=False),
    "route, store in C": AnnouncePath("route", in_c=True),
    "fast path, store in C": AnnouncePath("fast", in_c=True),
    "threads, store in C": AnnouncePath("threads", in_c=True),
}


def deltas(here: TrackerSetup) -> list[SessionDelta]:
    """Every delta of the accounts."""
    taken: list[SessionDelta] = []
    while batch := here.tracker.store.take_deltas():
        taken += batch
    return taken


async def answers(
    way: AnnouncePath, exchanges: list[list[bytes]], **how: Any
) -> tuple[list[bytes], Any, list[SessionDelta]]:
    here = tracker_setup(way.in_c, **how)
    async with way.serving(here) as port:
        heard = [HOP.sub(rb"\1", await exchange(port, pieces)) for pieces in exchanges]
    return heard, here.counters, deltas(here)


@needs_native
@pytest.mark.parametrize("way", [each for each in WAYS if each != "route, store in Python"])
@pytest.mark.parametrize(
    "how",
    [
        {},
        {"mode": Mode.LISTED},
        {"mode": Mode.PRIVATE},
        {"mode": Mode.PRIVATE, "root": ROOT},
        {"mode": Mode.PRIVATE, "public": True},
        {"mode": Mode.PRIVATE, "terms": NARROW},
        {"refuse_private": True},
        {"proxy": False},
        {"proxy": False, "refuse_private": True},
        {"root": ROOT},
        {"access": RULED, "refuse_private": True},
        {"access": RULED, "mode": Mode.PRIVATE, "proxy": False},
    ],
    ids=str,
)
@pytest.mark.uvloop
async def test_answers_and_counts_are_equal(way: str, how: dict[str, Any]) -> None:
    root = how.get("root", "")
    exchanges = [
        *conversations(7, 150, forwarded=how.get("proxy", True), root=root),
        *([each] for each in HOSTILE),
        *([each.replace(b" /", b" %b/" % root.encode())] for each in HOSTILE if root),
    ]
    expected_answers, counted, traffic = await answers(WAYS["route, store in Python"], exchanges, **how)
    received_answers, counters, same_traffic = await answers(WAYS[way], exchanges, **how)
    for sent, expected, received in zip(exchanges, expected_answers, received_answers, strict=True):
        assert received == expected, sent
    assert traffic or how == {"proxy": False, "refuse_private": True}
    if "access" in how:
        assert {"address-denied", "client-denied"} & set(counted.refusals)
    assert same_traffic == traffic
    for field in ("announces", "scrapes", "warnings", "refusals"):
        assert getattr(counters, field) == getattr(counted, field), field


@needs_native
@pytest.mark.parametrize("refuse_private", [False, True])
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(
    ("root", "terms", "access", "public"),
    [
        ("", TERMS, None, False),
        (ROOT, TERMS, None, True),
        ("", NARROW, None, False),
        ("", TERMS, RULED, False),
    ],
)
def test_packets_are_answered_alike(
    refuse_private: bool,
    mode: Mode,
    root: str,
    terms: AnnounceTerms,
    access: AccessTable | None,
    public: bool,
) -> None:
    one, other = (
        tracker_setup(in_c, refuse_private, mode, root=root, terms=terms, access=access, public=public)
        for in_c in (False, True)
    )
    door = UdpDoor(one.tracker, KEY, lambda: RUNNING, refuse_private=refuse_private, root=root)
    rng = random.Random(11)
    addresses = [
        bytes([9, 9, 9, 9]),
        bytes([127, 0, 0, 1]),
        bytes.fromhex("20010db8") + bytes(12),
        bytes(15) + b"\x01",
    ]
    ids = {
        address: door.answer((0x41727101980).to_bytes(8, "big") + bytes(8), address)[8:]
        for address in addresses
    }
    for _ in range(3000):
        address = rng.choice(addresses)
        said = packet(rng, ids[address], root)
        assert other.door.answer_packet(said, address) == door.answer(said, address), said
    traffic = deltas(one)
    assert traffic or refuse_private
    denials = {"address-denied"} if refuse_private else {"address-denied", "client-denied"}
    assert not access or denials <= set(one.counters.refusals)
    assert deltas(other) == traffic
    assert other.counters.announces == one.counters.announces
    assert other.counters.refusals == one.counters.refusals
    assert other.counters.scrapes == one.counters.scrapes
    assert other.counters.warnings == one.counters.warnings


@needs_native
@pytest.mark.uvloop
async def test_threads_answer_packets_as_asyncio_does() -> None:
    way, rng = WAYS["threads, store in C"], random.Random(5)
    here, twin = tracker_setup(in_c=True), tracker_setup(in_c=False)
    door = UdpDoor(twin.tracker, KEY, lambda: RUNNING, refuse_private=False)
    address = bytes([127, 0, 0, 1])
    connect = (0x41727101980).to_bytes(8, "big") + bytes(4) + b"tran"
    connection = door.answer(connect, address)[8:]
    sent = [packet(rng, connection) for _ in range(300)]

    loop = asyncio.get_running_loop()
    async with way.serving(here) as port:
        with socket.socket(type=socket.SOCK_DGRAM) as client:
            client.setblocking(False)
            client.connect(("127.0.0.1", port))
            for each in sent:
                wanted = door.answer(each, address)
                await loop.sock_sendall(client, each)
                if wanted is not None:
                    assert await asyncio.wait_for(loop.sock_recv(client, 4096), PATIENCE) == wanted
