"""Faults of other trackers' ledgers, each shown not to be here, over every store of swarms and the ledger on disk."""

import pytest

from bittorrent.infohash import InfoHash
from storage.ledger import SqlLedger
from storage.schema import PEERAGE
from tests.support.databases import open_database
from tests.support.swarm_stores import STORES
from tracker.ledger import Ledger
from tracker.model import Announce, AnnounceTerms, Event

TERMS = AnnounceTerms()
HASH = InfoHash(b"h" * 20)
V4, V6 = bytes([10, 0, 0, 1, 26, 225]), bytes([0x20, *[0] * 14, 1, 26, 225])


@pytest.fixture(params=STORES)
async def site(request, tmp_path):
    database = await open_database(tmp_path / "peerage.db", PEERAGE)
    site = Site(STORES[request.param](TERMS, 1), SqlLedger(database))
    await site.ledger.restore()
    yield site
    await database.close()


class Site:
    """A ledger over a store of swarms, and one account that announces."""

    def __init__(self, swarms, disk):
        self.now = 1_800_000_000
        self.swarms = swarms
        self.ledger = Ledger(swarms, disk, TERMS, lambda: self.now, every=10, report=lambda _: None)

    def announce(self, up, down=0, *, event=Event.NONE, seeder=False, client=1, peer=V4):
        self.swarms.announce(
            Announce(
                HASH, peer, event, seeder, 0, account=7, peer_id=bytes([client]) * 20, uploaded=up, downloaded=down
            ),
            self.now,
        )  # fmt: skip

    async def moved(self):
        await self.ledger.flush()
        return await self.ledger.account(7)


async def test_deltas_before_a_flush_are_summed_and_not_overwritten(site):
    for total in (0, 10, 25, 27):
        site.announce(total, 2 * total)
    moved = await site.moved()
    assert (moved.uploaded, moved.downloaded) == (27, 54)


async def test_a_completion_is_not_erased_by_the_next_announce_before_the_flush(site):
    site.announce(0, 0, event=Event.STARTED)
    site.announce(0, 9, event=Event.COMPLETED, seeder=True)
    site.announce(1, 9, seeder=True)
    assert (await site.moved()).snatched == 1
    found, total = await site.ledger.store.snatches(7, 0, 9)
    assert (len(found), total) == (1, 1)


async def test_two_clients_of_an_account_do_not_double_its_seeding_time(site):
    for _ in range(5):
        for client in (1, 2):
            site.announce(0, seeder=True, client=client)
        site.now += 600
        await site.ledger.flush()
    assert (await site.moved()).seeded == 4 * 600


async def test_announces_over_both_address_families_do_not_double_what_was_moved(site):
    for total in (0, 100, 200):
        for peer in (V4, V6):
            site.announce(total, total // 2, peer=peer, seeder=True)
        site.now += 600
    moved = await site.moved()
    assert (moved.uploaded, moved.downloaded, moved.seeded) == (200, 100, 1200)
