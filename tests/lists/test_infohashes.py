import pytest

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from lists.entry_text import AUTHOR_LIMIT, REASON_LIMIT
from lists.infohashes import ListEntry, ListKind, Lists
from storage.memory import MemoryListEntries

V1 = InfoHash(b"\x01" * 20)
V2 = InfoHash(b"\x02" * 32)


def entry(infohash: InfoHash, kind: ListKind = ListKind.DENY, reason: str = "", by: str = "me") -> ListEntry:
    return ListEntry(infohash, kind, reason, by, 1_800_000_000)


@pytest.mark.parametrize("asked", [V2, V2.truncated])
async def test_a_v2_hash_covers_its_truncated_form_and_the_other_way_round(asked):
    for given in (V2, V2.truncated):
        lists = Lists(MemoryListEntries())
        await lists.set(entry(given))
        assert (await lists.denied([V1, asked])).infohash == given
        assert await lists.allowed([asked]) is None


async def test_an_entry_covers_the_infohashes_it_was_given():
    lists = Lists(MemoryListEntries())
    kept = await lists.set(entry(V1).with_aliases([V2]))
    assert set(kept.infohashes) == {V1, V2, V2.truncated}
    assert await lists.denied([V2.truncated]) == kept
    assert await lists.unset(V2, ListKind.DENY) is True
    assert await lists.denied([V1]) is None
    assert await lists.unset(V2, ListKind.DENY) is False


async def test_entries_are_listed_by_list_and_walked_in_batches():
    lists = Lists(MemoryListEntries())
    kept = [await lists.set(entry(InfoHash(bytes([n]) * 20), ListKind.DENY)) for n in range(5)]
    allowed = await lists.set(entry(V1, ListKind.ALLOW))
    assert await lists.entries(ListKind.DENY) == kept
    assert await lists.entries(ListKind.ALLOW) == [allowed]
    assert len(await lists.entries()) == 6
    assert [len(batch) async for batch in lists.walk(None, 4)] == [4, 2]


@pytest.mark.parametrize(
    "reason", ["x" * (REASON_LIMIT + 1), "line\nbreak", "nul\0", "\x1b[2J", "\u2028", "\ud800"]
)
async def test_reasons_that_are_long_or_hold_controls_are_refused(reason):
    with pytest.raises(Refusal) as caught:
        await Lists(MemoryListEntries()).set(entry(V1, reason=reason))
    assert caught.value.code == "bad-reason"


async def test_reasons_in_any_script_are_taken_up_to_the_limit():
    longest = entry(V1, reason="é" * REASON_LIMIT, by="n" * AUTHOR_LIMIT)
    assert await Lists(MemoryListEntries()).set(longest) == longest


async def test_authors_are_bounded_too():
    with pytest.raises(Refusal):
        await Lists(MemoryListEntries()).set(entry(V1, by="n" * (AUTHOR_LIMIT + 1)))
