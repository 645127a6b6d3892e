import pytest

from actions.engine_announcer import RETRY_AFTER, EngineAnnouncer
from bittorrent.infohash import InfoHash
from bittorrent.peers import pack, unpack
from downloads.model import ContentKey, RunningContent
from tests.support.swarm_stores import STORES
from tracker.model import Announce, AnnounceTerms, Counts, Event

HASH = InfoHash(b"h" * 20)
OWN, OWN6 = bytes([9, 9, 9, 9]), bytes.fromhex("2a01" + "00" * 13 + "09")
OTHER_PEER = pack(bytes([8, 8, 8, 8]), 1234)


class FakeEngine:
    def __init__(self, port=6881):
        self.port = port
        self.connected = []

    def connect(self, key, peers):
        self.connected.append((key, peers))


class Bench:
    def __init__(self, make, addresses=(OWN, OWN6), *, port=6881):
        self.store = make(AnnounceTerms(), 1)
        self.engine = FakeEngine(port)
        self.now = 1_800_000_000.0
        self.running = []
        self.announced = []
        self.engine_announcer = EngineAnnouncer(
            self.announce, self.engine, addresses, lambda: self.running, lambda: self.now
        )

    def announce(self, announce, now):
        self.announced.append((announce.event, announce.peer))
        return self.store.announce(announce, now)

    def run(self, *, complete=False, private=False, account=None):
        self.running = [RunningContent(ContentKey(HASH, account), complete, private)]
        self.engine_announcer.update()

    def counts(self):
        return self.store.scrape(HASH)


@pytest.fixture(params=STORES)
def bench(request):
    return Bench(STORES[request.param])


def test_the_engine_comes_completes_and_leaves_under_its_public_addresses(bench):
    bench.run()
    assert bench.counts() == Counts(0, 0, 2, 2)
    bench.run(complete=True)
    assert bench.counts() == Counts(2, 2, 0, 0)
    bench.running = []
    bench.engine_announcer.update()
    assert bench.counts() == Counts(0, 2, 0, 0)
    own = [pack(address, 6881) for address in (OWN, OWN6)]
    events = (Event.STARTED, Event.COMPLETED, Event.STOPPED)
    assert bench.announced == [(event, peer) for event in events for peer in own]


def test_what_was_complete_from_the_start_is_never_called_completed(bench):
    bench.run(complete=True)
    assert bench.counts() == Counts(2, 0, 0, 0)


def test_announces_follow_the_interval(bench):
    bench.run()
    for _ in range(3):
        bench.engine_announcer.update()
    assert len(bench.announced) == 2
    bench.now += 2000
    bench.engine_announcer.update()
    assert [event for event, _ in bench.announced[2:]] == [Event.NONE, Event.NONE]


def test_the_engine_connects_to_the_others(bench):
    bench.store.announce(Announce(HASH, OTHER_PEER, Event.STARTED, True, 0), int(bench.now))
    bench.run()
    assert bench.engine.connected == [(ContentKey(HASH), [unpack(OTHER_PEER)])]


@pytest.mark.parametrize("secret", [{"private": True}, {"account": 3}])
def test_private_content_is_not_announced(bench, secret):
    bench.run(**secret)
    assert bench.announced == []


def test_leaving_leaves_every_swarm(bench):
    bench.run(complete=True)
    bench.engine_announcer.leave()
    bench.engine_announcer.leave()
    assert bench.counts() == Counts(0, 0, 0, 0)
    assert [event for event, _ in bench.announced].count(Event.STOPPED) == 2


def test_a_refused_announce_is_tried_again_and_begins_anew(bench):
    bench.store.deny(HASH, True)
    bench.run()
    bench.store.deny(HASH, False)
    bench.engine_announcer.update()
    assert bench.counts() == Counts(0, 0, 0, 0)
    bench.now += RETRY_AFTER
    bench.engine_announcer.update()
    assert bench.counts() == Counts(0, 0, 2, 2)
    assert {event for event, _ in bench.announced} == {Event.STARTED}


@pytest.mark.parametrize("lacking", [{"addresses": ()}, {"port": None}])
def test_nothing_is_announced_without_an_address_or_a_port(lacking):
    bench = Bench(STORES["python"], **lacking)
    bench.run()
    bench.engine_announcer.leave()
    assert bench.announced == []
