"""The ledger over stores of swarms: what is credited is what was moved, whatever fails and however often it restarts."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from storage.ledger import SqlLedger
from storage.schema import PEERAGE
from tests.support.databases import open_database
from tests.support.swarm_stores import STORES
from tests.support.tasks import begun_for
from tracker.ledger import Ledger, LedgerError
from tracker.model import Announce, AnnounceTerms, Event

NOW = 1_800_000_000
TERMS = AnnounceTerms()
PEER = bytes([10, 0, 0, 1, 26, 225])
HASHES = [InfoHash(bytes([at]) * 20) for at in (1, 2)]


class Flaky:
    """A ledger on disk whose writes fail as they are told to: before or after they are on disk."""

    def __init__(self, store):
        self._store = store
        self.fails = ""

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def write(self, number, deltas, seen=()):
        if self.fails == "before":
            raise OSError("it failed")
        done = await self._store.write(number, deltas, seen)
        if self.fails == "after":
            raise OSError("nobody knows whether it failed")
        return done


class Service:
    """A tracker and its ledger, that can be killed and started again on what is on disk."""

    def __init__(self, make_store, database):
        self.make_store = make_store
        self.disk = Flaky(SqlLedger(database))
        self.now = NOW

    async def start(self):
        self.swarms = self.make_store(TERMS, 1)
        self.ledger = Ledger(self.swarms, self.disk, TERMS, lambda: self.now, every=10, report=lambda _: None)
        return await self.ledger.restore()

    def announce(self, account, infohash, totals, event=Event.NONE, *, seeder=False, client=1):
        self.swarms.announce(
            Announce(
                infohash, PEER, event, seeder, 0, account=account, peer_id=bytes([client]) * 20,
                uploaded=totals[0], downloaded=totals[1],
            ),
            self.now,
        )  # fmt: skip

    async def flush(self, fails=""):
        self.disk.fails = fails
        try:
            await self.ledger.flush()
        except LedgerError:
            assert fails
        finally:
            self.disk.fails = ""

    async def credit(self, account):
        sums = await self.ledger.account(account)
        return sums.uploaded, sums.downloaded


@pytest.fixture(params=STORES)
def make_store(request):
    return STORES[request.param]


@pytest.fixture
async def service(make_store, tmp_path):
    database = await open_database(tmp_path / "peerage.db", PEERAGE)
    service = Service(make_store, database)
    await service.start()
    yield service
    await database.close()


async def test_traffic_is_credited_once_it_is_flushed(service):
    service.announce(7, HASHES[0], (100, 0))
    service.announce(7, HASHES[0], (150, 20), Event.COMPLETED, seeder=True)
    assert await service.credit(7) == (0, 0)

    await service.flush()

    assert await service.credit(7) == (50, 20)
    found, _ = await service.ledger.store.snatches(7, 0, 9)
    assert [(each.infohash, each.time) for each in found] == [(HASHES[0], NOW)]
    await service.flush()
    assert await service.credit(7) == (50, 20)


@pytest.mark.parametrize("fails", ["before", "after"])
async def test_a_batch_of_which_nobody_knows_whether_it_is_on_disk_counts_once(service, fails):
    service.announce(7, HASHES[0], (0, 0))
    service.announce(7, HASHES[0], (50, 0), Event.COMPLETED, seeder=True)
    await service.flush(fails)
    service.announce(7, HASHES[0], (80, 0), seeder=True)
    await service.flush(fails)

    await service.flush()

    assert await service.credit(7) == (80, 0)
    assert (await service.ledger.store.snatches(7, 0, 9))[1] == 1


async def test_a_flush_that_is_cancelled_anywhere_counts_once(service):
    for turns in range(40):
        service.announce(7, HASHES[0], (turns, 0))
        task = await begun_for(service.ledger.flush(), turns)
        task.cancel()
        await asyncio.wait([task])
    await service.flush()

    assert await service.credit(7) == (39, 0)


async def test_without_the_swarms_traffic_since_the_last_flush_is_neither_lost_nor_doubled(service):
    service.announce(7, HASHES[0], (100, 100))
    service.announce(7, HASHES[0], (200, 100))
    await service.flush()
    service.announce(7, HASHES[0], (300, 150))

    assert await service.start() == 1
    service.announce(7, HASHES[0], (310, 150))
    await service.flush()

    assert await service.credit(7) == (210, 50)


async def test_sessions_that_were_silent_too_long_are_not_restored_and_then_forgotten(service):
    service.announce(7, HASHES[0], (0, 0))
    await service.flush()
    service.now += TERMS.session_timeout + 1
    assert await service.start() == 0
    await service.flush()

    assert await service.ledger.store.sessions(None, 0, 9) == []


async def test_nothing_is_taken_before_the_sessions_were_restored(make_store, tmp_path):
    swarms = make_store(TERMS, 1)
    ledger = Ledger(swarms, None, TERMS, lambda: NOW, every=10, report=lambda _: None)
    swarms.announce(Announce(HASHES[0], PEER, Event.NONE, False, 0, account=7), NOW)
    await ledger.flush()
    assert swarms.session_totals().deltas == 1


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("announce"), st.integers(1, 2), st.sampled_from(HASHES), st.integers(1, 2),
            st.integers(0, 1000), st.integers(0, 1000),
        ),
        st.tuples(st.just("flush"), st.sampled_from(["", "", "before", "after"])),
        st.tuples(st.just("kill")),
    ),
    max_size=40,
)  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
async def test_the_credit_is_what_was_moved_since_the_first_flushed_announce(
    make_store, tmp_path_factory, steps
):
    database = await open_database(tmp_path_factory.mktemp("ledger") / "peerage.db", PEERAGE)
    service = Service(make_store, database)
    await service.start()
    totals: dict[tuple[object, ...], list[int]] = {}
    bases: dict[tuple[object, ...], tuple[int, int]] = {}
    for name, *how in steps:
        if name == "announce":
            account, infohash, client, up, down = how
            key = account, infohash, client
            now = totals.setdefault(key, [5, 5])
            now[0] += up
            now[1] += down
            bases.setdefault(key, (now[0], now[1]))
            service.announce(account, infohash, now, client=client)
        elif name == "flush":
            await service.flush(*how)
        else:
            await service.start()
            after = await service.disk.sessions(None, 0, 1000)
            on_disk = {(each.account, each.infohash, each.peer_id[0]) for each in after}
            bases = {key: base for key, base in bases.items() if key in on_disk}
    for (account, infohash, client), now in totals.items():
        if (account, infohash, client) in bases:
            service.announce(account, infohash, now, client=client)
    await service.flush()

    for account in (1, 2):
        expected = [0, 0]
        for key, base in bases.items():
            if key[0] == account:
                expected[0] += totals[key][0] - base[0]
                expected[1] += totals[key][1] - base[1]
        assert list(await service.credit(account)) == expected
    await database.close()
