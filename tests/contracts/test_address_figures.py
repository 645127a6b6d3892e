"""Contract of the figures of addresses on disk: hashes of the open day, so many for an account, and counts of others."""

import pytest

from storage.ledger import SqlLedger
from storage.schema import PEERAGE
from storage.suspicions import SqlSuspicions
from tracker.address_figures import ADDRESS_DAYS, MOST_ADDRESSES, AddressCount, SeenAddress
from tracker.ledger import BatchNumber

TODAY = 20_000


class Figures:
    """A ledger that is told of addresses, and what is read of it."""

    def __init__(self, database):
        self.ledger, self.suspicions = SqlLedger(database), SqlSuspicions(database)
        self.sequence = 0

    async def see(self, account, count, day=TODAY, first=0):
        self.sequence += 1
        seen = [SeenAddress(account, day, at.to_bytes(8, "big")) for at in range(first, first + count)]
        assert await self.ledger.write(BatchNumber(0, 1, self.sequence), [], seen)

    async def told(self, day=TODAY, limit=9):
        return await self.suspicions.addresses(day, limit)

    async def of(self, account, day=TODAY):
        return await self.suspicions.addresses_of(account, day)


@pytest.fixture
async def figures(backend, tmp_path):
    opened = await backend.open(tmp_path, PEERAGE)
    try:
        yield Figures(opened)
    finally:
        await opened.close()


async def test_an_address_counts_once_a_day_and_the_account_with_most_comes_first(figures):
    await figures.see(1, 3)
    await figures.see(1, 3, first=1)
    await figures.see(2, 5)
    await figures.see(3, 1)
    assert await figures.told() == [AddressCount(2, 5, 5), AddressCount(1, 4, 4)]
    assert await figures.told(limit=1) == [AddressCount(2, 5, 5)]
    assert await figures.of(3) == AddressCount(3, 1, 1)
    assert await figures.of(4) == AddressCount(4, 0, 0)


async def test_an_account_has_no_more_hashes_than_the_most(figures):
    await figures.see(1, MOST_ADDRESSES + 9)
    await figures.see(1, 9, first=5000)
    assert await figures.of(1) == AddressCount(1, MOST_ADDRESSES, MOST_ADDRESSES)


async def test_of_a_day_that_is_over_counts_are_left_for_a_time(figures):
    await figures.see(1, 3)
    await figures.see(2, 1)
    await figures.ledger.close_addresses(TODAY)
    assert await figures.of(1) == AddressCount(1, 3, 3)
    await figures.ledger.close_addresses(TODAY + 1)
    await figures.see(1, 2, TODAY + 1)
    assert await figures.told(TODAY + 1) == [AddressCount(1, 2, 3)]
    assert await figures.of(2, TODAY + 1) == AddressCount(2, 0, 0)
    # A clock that was set back over midnight counts a day no second time.
    await figures.see(1, 9)
    await figures.ledger.close_addresses(TODAY + 2)
    assert await figures.of(1, TODAY + 2) == AddressCount(1, 0, 3)
    await figures.ledger.close_addresses(TODAY + 2 + ADDRESS_DAYS)
    assert await figures.told(TODAY + 2 + ADDRESS_DAYS) == []
