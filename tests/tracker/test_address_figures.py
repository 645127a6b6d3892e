"""Addresses of accounts as hashes under the key of a day."""

from bittorrent.infohash import InfoHash
from tests.support.clock import Clock
from tracker.address_figures import AddressHasher
from tracker.sessions import LastTotals, SessionDelta

DAY = 86_400


class Keys:
    """Keys of days that are another each time that one is made."""

    def __init__(self):
        self.kept = {}
        self.made = 0

    def of(self, day):
        if day not in self.kept:
            self.made += 1
            self.kept[day] = bytes([self.made]) * 32
        return self.kept[day]

    def keep_only(self, day):
        self.kept = {each: key for each, key in self.kept.items() if each == day}


def delta(account, address):
    return SessionDelta(
        account, InfoHash(b"h" * 20), b"p" * 20, 0, 0, 0, 0, 0, LastTotals(0, 0, 0, False, False), address
    )


def test_each_account_and_address_is_told_once_and_no_two_are_alike():
    keys, clock = Keys(), Clock(10.5 * DAY)
    hasher = AddressHasher(keys, clock)
    seen = hasher.seen(
        [delta(1, b"abcd"), delta(1, b"abcd"), delta(2, b"abcd"), delta(1, b"abcdefgh"), delta(1, b"")]
    )
    assert [(each.account, each.day, len(each.tag)) for each in seen] == [(1, 10, 8), (2, 10, 8), (1, 10, 8)]
    assert len({each.tag for each in seen}) == 3
    assert AddressHasher(keys, clock).seen([delta(1, b"abcd")]) == seen[:1]


def test_the_key_of_a_day_is_gone_with_it():
    keys, clock = Keys(), Clock(10.5 * DAY)
    hasher = AddressHasher(keys, clock)
    (before,) = hasher.seen([delta(1, b"abcd")])
    clock.now += DAY
    (after,) = hasher.seen([delta(1, b"abcd")])
    assert (after.day, after.tag != before.tag, list(keys.kept)) == (11, True, [11])
