"""Contract of every list entry store."""

import asyncio
from dataclasses import replace

import pytest

from bittorrent.infohash import InfoHash
from lists.infohashes import Entry, Verdict
from tests.contracts.stores import ENTRIES

pytestmark = pytest.mark.parametrize("opener", ENTRIES.values(), ids=ENTRIES)

ONE = InfoHash(b"\x01" * 20)
TWO = InfoHash(b"\x02" * 20)
LONG = InfoHash(b"\x03" * 32)


def deny(infohash: InfoHash, *spellings: InfoHash) -> Entry:
    return Entry(infohash, Verdict.DENY, "a reason, é", "operator", 1_800_000_000, spellings)


def test_an_entry_is_found_by_every_name_it_covers(opener, tmp_path):
    entry = deny(LONG, ONE, LONG.cut)

    async def run():
        async with opener(tmp_path) as entries:
            await entries.set(entry)
            for name in (LONG, ONE, LONG.cut):
                assert await entries.find(name, Verdict.DENY) == [entry]
            assert await entries.find(TWO, Verdict.DENY) == []
            assert await entries.find(ONE, Verdict.ALLOW) == []

    asyncio.run(run())


def test_setting_again_replaces_the_reason_and_keeps_known_names(opener, tmp_path):
    async def run():
        async with opener(tmp_path) as entries:
            await entries.set(deny(ONE, TWO))
            later = replace(deny(ONE), reason="better", since=1_900_000_000)
            await entries.set(later)
            assert await entries.find(TWO, Verdict.DENY) == [replace(later, spellings=(TWO,))]

    asyncio.run(run())


def test_unsetting_by_any_name_drops_every_entry_that_covers_it(opener, tmp_path):
    async def run():
        async with opener(tmp_path) as entries:
            await entries.set(deny(ONE, TWO))
            await entries.set(deny(TWO))
            allowed = replace(deny(TWO), verdict=Verdict.ALLOW)
            await entries.set(allowed)
            assert await entries.unset(TWO, Verdict.DENY) is True
            assert await entries.unset(TWO, Verdict.DENY) is False
            assert await entries.find(ONE, Verdict.DENY) == []
            assert await entries.find(TWO, Verdict.ALLOW) == [allowed]

    asyncio.run(run())


def test_a_dropped_entry_leaves_no_names_behind(opener, tmp_path):
    async def run():
        async with opener(tmp_path) as entries:
            await entries.set(deny(ONE, TWO))
            await entries.unset(ONE, Verdict.DENY)
            await entries.set(deny(ONE))
            assert await entries.find(TWO, Verdict.DENY) == []

    asyncio.run(run())


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_pages_come_ordered_by_infohash_then_verdict(opener, tmp_path, limit):
    kept = [
        replace(deny(ONE), verdict=Verdict.ALLOW),
        deny(ONE),
        deny(TWO),
        replace(deny(LONG, LONG.cut), verdict=Verdict.ALLOW),
    ]

    async def walk(entries, verdict):
        after, found = None, []
        while page := await entries.page(verdict, after, limit):
            assert len(page) <= limit
            found += page
            after = (page[-1].infohash, page[-1].verdict)
        return found

    async def run():
        async with opener(tmp_path) as entries:
            for entry in reversed(kept):
                await entries.set(entry)
            assert await walk(entries, None) == kept
            assert await walk(entries, Verdict.DENY) == kept[1:3]
            assert await walk(entries, Verdict.ALLOW) == [kept[0], kept[3]]

    asyncio.run(run())
