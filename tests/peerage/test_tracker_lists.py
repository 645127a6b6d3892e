"""What public lists of trackers ask of one (newTrackon): its requests, sent to a tracker of the default settings."""

import os
import struct
from urllib.parse import urlencode

import bencodepy
import pytest

from doors.announce import AnnounceDoor
from doors.client_address import ClientAddress
from doors.udp import UdpDoor
from peerage.config import Settings
from peerage.dns_record import dns_record
from peerage.setting_values import ListenAddress
from peerage.wiring.swarm_store import announce_terms, make_swarm_store
from tracker.mode import Mode
from tracker.policy import Policy
from tracker.tracker import Tracker

SHORTEST, LONGEST = 300, 10_800
"""Seconds between two announces that a listed tracker may ask for."""
MOST_PEERS = 10
"""Peers and seeders that a torrent which nobody knows may have, in all."""
PEER_ID = b"-qB5230-abcdefghijkl"


@pytest.fixture(params=["python", "auto"])
def tracker(request):
    settings = Settings.of(tracker={"store": request.param})
    terms = announce_terms(settings.tracker, settings.fairness.terms)
    store = make_swarm_store(settings.tracker, settings.fairness.terms)
    return Tracker(store, Policy(store, Mode.PUBLIC), terms, lambda: 1_800_000_000)


@pytest.mark.parametrize("restoring", [False, True])
def test_over_http_an_unknown_torrent_is_answered_with_an_interval_and_nobody_made_up(tracker, restoring):
    tracker.restoring = restoring
    door = AnnounceDoor(tracker, ClientAddress([], "x-forwarded-for"), refuse_private=False)
    asked = {
        "info_hash": os.urandom(20), "peer_id": PEER_ID, "port": 6881, "uploaded": 0, "downloaded": 0, "left": 0,
        "compact": 1, "ipv6": "2001:db8::1", "ipv4": "192.0.2.1",
    }  # fmt: skip
    for _ in range(200):
        scope = {"query_string": urlencode(asked).encode(), "client": ("203.0.113.9", 5), "headers": []}
        told = bencodepy.decode(door.answer(scope))
        assert b"failure reason" not in told
        assert SHORTEST <= told[b"interval"] <= LONGEST
        assert b"peers" in told
        peers = len(told[b"peers"]) + len(told.get(b"peers6", b""))
        assert peers + told[b"complete"] + told[b"incomplete"] <= MOST_PEERS


@pytest.mark.parametrize("address", [bytes([203, 0, 113, 9]), bytes.fromhex("20010db8") + bytes(12)])
def test_over_udp_likewise(tracker, address):
    door = UdpDoor(tracker, os.urandom(32), lambda: 5.0, refuse_private=False)
    connected = door.answer(struct.pack("!qii", 0x41727101980, 0, 77), address)
    action, transaction, connection = struct.unpack("!iiq", connected)
    assert (action, transaction) == (0, 77)
    head = struct.pack("!qii20s20s", connection, 1, 78, os.urandom(20), PEER_ID)
    told = door.answer(head + struct.pack("!qqqiiiiH", 0, 0, 0, 2, 0, 99, -1, 0x76FD), address)
    action, transaction, interval, leechers, seeders = struct.unpack_from("!iiiii", told)
    assert (action, transaction) == (1, 78)
    assert SHORTEST <= interval <= LONGEST
    assert leechers + seeders + len(told) - 20 <= MOST_PEERS


def test_the_record_of_bep_34_names_what_they_try_first():
    settings = Settings.of(listen=(ListenAddress("0.0.0.0", 6969),), public_url="http://t.example:6969")
    (line,) = dns_record(settings).lines()
    text = line.split('"')[1]
    assert text.split()[0] == "BITTORRENT"
    assert [entry.split(":") for entry in text.split()[1:]] == [["UDP", "6969"], ["TCP", "6969"]]
