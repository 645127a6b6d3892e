"""Contract of every list entry store."""

from dataclasses import replace

import pytest

from bittorrent.infohash import InfoHash, hashes_in
from lists.infohashes import ListEntry, ListKind
from tests.contracts.stores import ENTRIES, openers

pytestmark = pytest.mark.parametrize("opener", openers(ENTRIES))

ONE = InfoHash(b"\x01" * 20)
TWO = InfoHash(b"\x02" * 20)
LONG = InfoHash(b"\x03" * 32)


def deny(infohash: InfoHash, *spellings: InfoHash) -> ListEntry:
    return ListEntry(infohash, ListKind.DENY, "a reason, é", "operator", 1_800_000_000, spellings)


async def test_an_entry_is_found_by_every_name_it_covers(opener, tmp_path):
    entry = deny(LONG, ONE, LONG.truncated)

    async with opener(tmp_path) as entries:
        await entries.set(entry)
        for name in (LONG, ONE, LONG.truncated):
            assert await entries.find(name, ListKind.DENY) == [entry]
        assert await entries.find(TWO, ListKind.DENY) == []
        assert await entries.find(ONE, ListKind.ALLOW) == []


async def test_setting_again_replaces_the_reason_and_keeps_known_names(opener, tmp_path):
    async with opener(tmp_path) as entries:
        await entries.set(deny(ONE, TWO))
        later = replace(deny(ONE), reason="better", since=1_900_000_000)
        await entries.set(later)
        assert await entries.find(TWO, ListKind.DENY) == [replace(later, aliases=(TWO,))]


async def test_unsetting_by_any_name_drops_every_entry_that_covers_it(opener, tmp_path):
    async with opener(tmp_path) as entries:
        await entries.set(deny(ONE, TWO))
        await entries.set(deny(TWO))
        allowed = replace(deny(TWO), kind=ListKind.ALLOW)
        await entries.set(allowed)
        assert await entries.unset(TWO, ListKind.DENY) is True
        assert await entries.unset(TWO, ListKind.DENY) is False
        assert await entries.find(ONE, ListKind.DENY) == []
        assert await entries.find(TWO, ListKind.ALLOW) == [allowed]


async def test_a_dropped_entry_leaves_no_names_behind(opener, tmp_path):
    async with opener(tmp_path) as entries:
        await entries.set(deny(ONE, TWO))
        await entries.unset(ONE, ListKind.DENY)
        await entries.set(deny(ONE))
        assert await entries.find(TWO, ListKind.DENY) == []


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_pages_come_ordered_by_infohash_then_verdict(opener, tmp_path, limit):
    kept = [
        replace(deny(ONE), kind=ListKind.ALLOW),
        deny(ONE),
        deny(TWO),
        replace(deny(LONG, LONG.truncated), kind=ListKind.ALLOW),
    ]

    async def walk(entries, kind):
        after, found = None, []
        while page := await entries.page(kind, after, limit):
            assert len(page) <= limit
            found += page
            after = (page[-1].infohash, page[-1].kind)
        return found

    async with opener(tmp_path) as entries:
        for entry in reversed(kept):
            await entries.set(entry)
        assert await walk(entries, None) == kept
        assert await walk(entries, ListKind.DENY) == kept[1:3]
        assert await walk(entries, ListKind.ALLOW) == [kept[0], kept[3]]


async def test_a_page_begins_after_what_is_skipped_and_a_count_stops_where_it_may(opener, tmp_path):
    kept = [deny(InfoHash(bytes([n]) * 20)) for n in range(9)]
    allowed = replace(deny(InfoHash(bytes(19) + b"\x01")), kind=ListKind.ALLOW)

    async with opener(tmp_path) as entries:
        for entry in (*kept, allowed):
            await entries.set(entry)
        assert await entries.page(ListKind.DENY, None, 3, 4) == kept[4:7]
        assert await entries.page(ListKind.DENY, None, 3, 8) == kept[8:]
        assert await entries.page(ListKind.DENY, None, 3, 9) == []
        assert [await entries.count(ListKind.DENY, most) for most in (4, 9, 10)] == [4, 9, 9]
        assert await entries.count(ListKind.ALLOW, 5) == 1


async def test_hashes_of_a_list_come_in_pages_without_those_of_32_bytes(opener, tmp_path):
    async with opener(tmp_path) as entries:
        assert await entries.hashes(ListKind.DENY, b"", 9) == (b"", b"")
        await entries.set(deny(TWO))
        await entries.set(deny(LONG, LONG.truncated, ONE))
        await entries.set(replace(deny(InfoHash(b"\x09" * 20)), kind=ListKind.ALLOW))
        named = [ONE, TWO, LONG.truncated]
        for after, limit, expected in ((b"", 9, named), (b"", 2, named[:2]), (ONE, 2, named[1:])):
            page = await entries.hashes(ListKind.DENY, after, limit)
            assert (sorted(page.infohashes()), page.last) == (expected, expected[-1])
        assert await entries.hashes(ListKind.DENY, LONG.truncated, 2) == (b"", b"")


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_all_hashes_of_a_list_come_packed_in_bounded_pieces(opener, tmp_path, limit):
    async with opener(tmp_path) as entries:
        assert [each async for each in entries.packed(ListKind.DENY, limit)] == []
        await entries.set(deny(ONE))
        await entries.set(deny(TWO, ONE))
        await entries.set(deny(LONG, LONG.truncated, ONE))
        await entries.set(replace(deny(InfoHash(b"\x09" * 20)), kind=ListKind.ALLOW))
        found = [each async for each in entries.packed(ListKind.DENY, limit)]
        assert max(map(len, found)) <= 20 * limit
        assert set(hashes_in(b"".join(found))) == {ONE, TWO, LONG.truncated}


async def test_hashes_of_a_list_come_in_pages_by_their_reasons(opener, tmp_path):
    async with opener(tmp_path) as entries:
        assert await entries.reasons(ListKind.DENY, b"", 9) == []
        await entries.set(deny(TWO))
        await entries.set(replace(deny(LONG, LONG.truncated, ONE), reason=""))
        await entries.set(replace(deny(InfoHash(b"\x09" * 20)), kind=ListKind.ALLOW))
        for after, limit, expected in (
            (b"", 9, {"": [ONE, LONG.truncated], deny(TWO).reason: [TWO]}),
            (b"", 2, {"": [ONE], deny(TWO).reason: [TWO]}),
            (ONE, 1, {deny(TWO).reason: [TWO]}),
            (TWO, 9, {"": [LONG.truncated]}),
        ):
            pages = await entries.reasons(ListKind.DENY, after, limit)
            assert {reason: sorted(page.infohashes()) for reason, page in pages} == expected
            assert [page.last for _, page in pages] == [max(page.infohashes()) for _, page in pages]


async def test_entries_of_a_source_come_and_go_beside_those_that_somebody_set(opener, tmp_path):
    async with opener(tmp_path) as entries:
        await entries.set(deny(ONE))
        given = [replace(deny(each), reason="", source="deny_torrents") for each in (ONE, TWO)]
        await entries.add_all(given)
        assert await entries.of_source(ListKind.DENY, "deny_torrents", b"", 10) == [(TWO, "")]
        assert await entries.find(ONE, ListKind.DENY) == [deny(ONE)]
        await entries.add_all([replace(each, reason="why") for each in given])
        assert await entries.of_source(ListKind.DENY, "deny_torrents", b"", 10) == [(TWO, "why")]
        assert await entries.of_source(ListKind.DENY, "deny_torrents", TWO, 10) == []
        await entries.remove_all([ONE, TWO], ListKind.DENY, "deny_torrents")
        assert await entries.find(TWO, ListKind.DENY) == []
        assert await entries.find(ONE, ListKind.DENY) == [deny(ONE)]
