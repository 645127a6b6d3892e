"""What clients see of a restart: nobody is lost who comes back within an interval, and the counts do not dip."""

import random

import pytest

from bittorrent.infohash import InfoHash
from tests.support.clock import Clock
from tests.support.swarm_stores import STORES
from tracker.model import Announce, AnnounceTerms, Event
from tracker.sweeper import patient, sweep_once

HASH = InfoHash(b"r" * 20)
TERMS = AnnounceTerms()
PEERS = 400
HALF_AN_HOUR = 1800


class Clients:
    """Clients that announce when they are due, and when nobody answers again after a while."""

    def __init__(self, now):
        self.rng = random.Random(4)
        self.due = {at: now + self.rng.uniform(0, TERMS.interval) for at in range(PEERS)}

    def run(self, store, since, until, answers=True):
        for at, due in sorted(self.due.items(), key=lambda item: item[1]):
            if due >= until:
                break
            if not answers:
                self.due[at] = until + self.rng.uniform(0, 300)
                continue
            peer = (0x0B000000 + at).to_bytes(4, "big") + b"\x1a\xe1"
            reply = store.announce(Announce(HASH, peer, Event.NONE, at % 3 == 0, 0), int(max(due, since)))
            self.due[at] = due + reply.interval


@pytest.fixture(params=STORES)
def make(request):
    return lambda: STORES[request.param](TERMS, 1)


def lowest_after(make, outage, patience):
    """The fewest peers that are counted in the half hour after a restart; all there are is PEERS."""
    clock = Clock(1_800_000_000.0)
    clients, store = Clients(clock.now), make()
    for _ in range(3 * TERMS.interval // 30):
        clients.run(store, clock.now, clock.now + 30)
        clock.now += 30
    assert store.scrape(HASH).incomplete + store.scrape(HASH).complete == PEERS
    rows = [row for batch in iter(store.take_dirty, []) for row in batch]
    clients.run(store, clock.now, clock.now + outage, answers=False)
    clock.now += outage
    store = make()
    store.restore(rows)
    behind = patient(clock, patience)
    sweep_once(store, int(clock.now - patience))
    lowest = PEERS
    for _ in range(HALF_AN_HOUR // 30):
        clients.run(store, clock.now, clock.now + 30)
        clock.now += 30
        sweep_once(store, int(behind()))
        counts = store.scrape(HASH)
        lowest = min(lowest, counts.complete + counts.incomplete)
    return lowest


@pytest.mark.parametrize("outage", [5, 600, 2400])
def test_counts_do_not_dip_for_half_an_hour_after_a_restart(make, outage):
    assert lowest_after(make, outage, TERMS.interval) == PEERS


def test_without_patience_they_do_after_a_long_outage(make):
    assert lowest_after(make, 2400, 0) < PEERS


def test_who_is_gone_for_good_is_dropped_after_that():
    clock = Clock(100.0)
    behind = patient(clock, 1800)
    for now, told in ((100.0, -1700.0), (1899.0, 99.0), (1900.0, 1900.0), (9000.0, 9000.0), (50.0, 50.0)):
        clock.now = now
        assert behind() == told
