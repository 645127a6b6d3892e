"""Contract of every cache record store."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from cache.record import CacheRecord
from tests.contracts.stores import RECORDS, openers

pytestmark = pytest.mark.parametrize("opener", openers(RECORDS))


def record(number: int, *, v2: bytes | None = None, v1: bool = True) -> CacheRecord:
    full = InfoHash(v2) if v2 is not None else None
    infohash = InfoHash(number.to_bytes(20, "big")) if v1 else full.truncated
    return CacheRecord(
        infohash=infohash,
        v1=infohash if v1 else None,
        v2=full,
        name=f"name {number} é \0 'quoted'",
        size=2**63 - 1,
        stored=number,
        digest=b"\xff" * 20,
        added=1_800_000_000,
    )


async def test_a_record_comes_back_equal(opener, tmp_path):
    async with opener(tmp_path) as records:
        kept = record(1)
        await records.add(kept)
        assert await records.get(kept.infohash) == kept
        assert await records.get(InfoHash(b"\x09" * 20)) is None
        assert await records.healthy()


async def test_a_hybrid_is_found_and_removed_by_either_short_hash(opener, tmp_path):
    hybrid = record(1, v2=b"\xaa" * 32)

    async with opener(tmp_path) as records:
        await records.add(hybrid)
        assert await records.get(InfoHash(b"\xaa" * 20)) == hybrid
        assert await records.remove(InfoHash(b"\xaa" * 20)) == hybrid
        assert await records.get(hybrid.infohash) is None
        assert await records.remove(hybrid.infohash) is None


async def test_infohashes_come_in_pages_hybrids_by_their_alias_and_both_are_known(opener, tmp_path):
    hybrid, only = record(3, v2=b"\xaa" * 32), record(0, v2=b"\xbb" * 32, v1=False)
    short = InfoHash(b"\xaa" * 20)

    async with opener(tmp_path) as records:
        for each in (only, hybrid, record(1)):
            await records.add(each)
        names = [record(1).infohash, hybrid.infohash, only.infohash]
        for after, limit, expected in ((b"", 9, names), (b"", 2, names[:2]), (names[0], 2, names[1:])):
            page = await records.hashes(after, limit)
            assert (sorted(page.infohashes()), page.last) == (expected, expected[-1])
        assert await records.hashes(names[2], 2) == (b"", b"")
        assert await records.public_hashes(b"", 9) == (b"", b"")  # the catalogue says nothing of them
        assert await records.hybrids(b"", 9) == [(hybrid.infohash, short)]
        assert await records.hybrids(short, 9) == []
        assert await records.known([]) == set()
        assert await records.known([short, InfoHash(b"\x07" * 20)]) == {hybrid.infohash, short}
        assert await records.known([hybrid.infohash, only.infohash]) == {
            hybrid.infohash,
            short,
            only.infohash,
        }


async def test_days_on_which_files_were_asked_for_change_nothing_of_their_records(opener, tmp_path):
    hybrid, other = record(1, v2=b"\xaa" * 32), record(2)

    async with opener(tmp_path) as records:
        await records.add(hybrid)
        await records.add(other)
        await records.note_asked([hybrid.infohash, InfoHash(b"\x09" * 20)], 30_000)
        await records.note_asked([], 30_000)
        await records.note_asked([hybrid.infohash, other.infohash], 20_000)
        await records.add(hybrid)
        assert await records.walk(None, 9) == [hybrid, other]


async def test_a_v2_only_torrent_is_found_by_its_truncated_hash(opener, tmp_path):
    only = record(0, v2=b"\xbb" * 32, v1=False)

    async with opener(tmp_path) as records:
        await records.add(only)
        assert await records.get(InfoHash(b"\xbb" * 20)) == only


async def test_adding_again_replaces_and_totals_follow(opener, tmp_path):
    async with opener(tmp_path) as records:
        assert await records.totals() == (0, 0)
        await records.add(record(1))
        await records.add(record(2))
        await records.add(replace(record(2), stored=40))
        assert await records.totals() == (2, 41)
        await records.remove(record(1).infohash)
        assert await records.totals() == (1, 40)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.sets(st.integers(0, 2**160 - 1), max_size=12), limit=st.integers(1, 5))
async def test_pages_yield_every_record_once_ascending(opener, tmp_path_factory, numbers, limit):
    async with opener(tmp_path_factory.mktemp("pages")) as records:
        for number in numbers:
            await records.add(replace(record(number % 1000), infohash=InfoHash(number.to_bytes(20, "big"))))
        after, walked = None, []
        while page := await records.walk(after, limit):
            assert len(page) <= limit
            walked += [row.infohash for row in page]
            after = page[-1].infohash
        assert walked == [number.to_bytes(20, "big") for number in sorted(numbers)]


async def test_many_records_are_found_at_once_and_none_by_an_alias(opener, tmp_path):
    hybrid = record(1, v2=b"\xaa" * 32)
    async with opener(tmp_path) as records:
        await records.add(hybrid)
        await records.add(record(2))
        await records.add(record(3))
        asked = [record(number).infohash for number in (1, 3, 4)]
        assert await records.get_all([*asked, InfoHash(b"\xaa" * 20)]) == {
            hybrid.infohash: hybrid,
            record(3).infohash: record(3),
        }
        assert await records.get_all([]) == {}
        assert list(await records.get_all([record(2).infohash] * 3)) == [record(2).infohash]
