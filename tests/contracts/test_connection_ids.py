"""Connection ids over UDP: they outlive a restart, keys roll, and bad ones cost little; in Python and in C alike."""

import random
import stat

import pytest

from bittorrent.udp import BAD_ANSWERS, BAD_SECONDS
from doors.connection_ids import KEY_LENGTH, ConnectionKeys
from doors.native import native
from doors.udp import BAD_CONNECTION, UdpDoor
from peerage.udp_keys import UdpKeys
from storage.connection_keys import SPAN, FolderConnectionKeys
from storage.data_folder import DataFolder
from tests.contracts.raw_requests import packet
from tests.support.announce_paths import KEY, RUNNING, tracker_setup
from tests.support.clock import Clock

CONNECT = (0x41727101980).to_bytes(8, "big") + bytes(4) + b"tran"
SCRAPE = (2).to_bytes(4, "big") + b"tran" + b"a" * 20
V4, V6 = bytes([9, 9, 9, 9]), bytes.fromhex("20010db8") + bytes(11) + b"\x01"
OLD, NEW, NEWEST = (bytes([number]) * KEY_LENGTH for number in (1, 2, 3))


class InPython:
    """The door on asyncio."""

    def __init__(self):
        self.now = RUNNING
        self._door = UdpDoor(tracker_setup(in_c=False).tracker, KEY, lambda: self.now, refuse_private=False)

    def roll(self, current, previous):
        self._door.set_keys(ConnectionKeys(current, previous))

    def ask(self, said, address=V4):
        return self._door.answer(said, address)


class InC:
    """The native door."""

    def __init__(self):
        self._door = tracker_setup(in_c=True).door
        self.roll = self._door.roll

    def ask(self, said, address=V4):
        return self._door.answer_packet(said, address)


@pytest.fixture(
    params=[InPython, pytest.param(InC, marks=pytest.mark.skipif(native is None, reason="not built"))]
)
def door(request):
    return request.param()


def is_scrape(answer):
    return answer is not None and answer[:4] == (2).to_bytes(4, "big")


def test_an_id_holds_over_one_change_of_keys(door):
    door.roll(NEW, OLD)
    issued = door.ask(CONNECT)[8:]
    door.roll(NEWEST, NEW)
    assert is_scrape(door.ask(issued + SCRAPE))
    assert is_scrape(door.ask(door.ask(CONNECT)[8:] + SCRAPE))
    door.roll(OLD, NEWEST)
    assert not is_scrape(door.ask(issued + SCRAPE))


def test_other_doors_of_the_same_keys_take_an_id(door):
    """As a service does that was started again."""
    door.roll(NEW, OLD)
    issued = door.ask(CONNECT)[8:]
    again = type(door)()
    assert not is_scrape(again.ask(issued + SCRAPE))
    again.roll(NEW, OLD)
    assert is_scrape(again.ask(issued + SCRAPE))
    assert not is_scrape(again.ask(issued + SCRAPE, V6))


@pytest.mark.parametrize("address", [V4, V6])
def test_an_address_gets_a_bounded_number_of_answers_to_bad_ids(door, address):
    answers = [door.ask(bytes(8) + SCRAPE, address) for _ in range(3 * BAD_ANSWERS)]
    told = (3).to_bytes(4, "big") + b"tran" + BAD_CONNECTION
    assert answers == [told] * BAD_ANSWERS + [None] * 2 * BAD_ANSWERS
    same_network = address[:8] + bytes(7) + b"\x07" if len(address) == 16 else address
    assert door.ask(bytes(8) + SCRAPE, same_network) is None
    assert door.ask(bytes(8) + SCRAPE, bytes([8, 8, 8, 8])) == told
    assert is_scrape(door.ask(door.ask(CONNECT, address)[8:] + SCRAPE, address))


def test_after_its_time_an_address_is_answered_again():
    door = InPython()
    for _ in range(BAD_ANSWERS + 1):
        last = door.ask(bytes(8) + SCRAPE)
    assert last is None
    door.now += BAD_SECONDS
    assert door.ask(bytes(8) + SCRAPE) is not None


def test_what_is_answered_without_an_id_is_no_longer_than_the_request(door):
    rng = random.Random(3)
    for number in range(3000):
        address = bytes([10, 0, number >> 8, number & 255])
        said = packet(rng, bytes(8), "")[: rng.randrange(200)]
        for each in (said, CONNECT + rng.randbytes(rng.randrange(3)), rng.randbytes(rng.randrange(30))):
            assert len(door.ask(each, address) or b"") <= len(each)


def keys_of(folder, clock, chance=None):
    return UdpKeys(FolderConnectionKeys(folder, KEY_LENGTH, (chance or random.Random(1)).randbytes), clock)


@pytest.fixture
def folder(tmp_path):
    with_lock = DataFolder(tmp_path / "data").acquire()
    yield with_lock
    with_lock.release()


def test_keys_outlive_a_restart_and_are_nobody_elses(folder):
    clock = Clock()
    first = keys_of(folder, clock).keys
    assert keys_of(folder, clock, random.Random(2)).keys == first
    assert first.current != first.previous
    for name in folder.secret_names():
        assert stat.S_IMODE((folder.secrets / name).stat().st_mode) == 0o600


def test_keys_roll_and_none_is_older_than_two_spans(folder):
    clock, told = Clock(), []
    keys = keys_of(folder, clock)
    keys.subscribe(told.append)
    first = keys.keys
    keys.roll()
    assert told == [first]
    clock.now += SPAN
    keys.roll()
    assert told[1].previous == first.current
    assert len(folder.secret_names()) == 2
    assert first.previous not in {(folder.secrets / name).read_bytes() for name in folder.secret_names()}


def test_a_service_that_was_long_away_begins_with_other_keys(folder):
    clock = Clock()
    before = set(keys_of(folder, clock).keys)
    clock.now += 10 * SPAN
    assert not before & set(keys_of(folder, clock, random.Random(9)).keys)
    assert len(folder.secret_names()) == 2
