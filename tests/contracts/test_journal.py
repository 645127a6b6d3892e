"""Contract of every swarm journal."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from tests.contracts.stores import JOURNALS, openers
from tracker.flusher import JournalRow

pytestmark = pytest.mark.parametrize("opener", openers(JOURNALS))


def row(number: int, part: int = 0, payload: bytes | None = b"peers") -> JournalRow:
    return JournalRow(InfoHash(number.to_bytes(20, "big")), part, payload)


async def everything(journal, batch: int = 100) -> list[JournalRow]:
    return [found async for page in journal.read(batch) for found in page]


async def test_rows_are_written_replaced_and_deleted(opener, tmp_path):
    async with opener(tmp_path) as journal:
        await journal.write([row(1), row(1, 1), row(2)])
        await journal.write([row(1, 0, b"later"), row(1, 1, None), row(3, 0, None)])
        assert await everything(journal) == [row(1, 0, b"later"), row(2)]
        assert await journal.healthy()


async def test_writing_nothing_is_no_failure(opener, tmp_path):
    async with opener(tmp_path) as journal:
        await journal.write([])
        assert await everything(journal) == []


async def test_pages_are_bounded_and_in_key_order(opener, tmp_path):
    async with opener(tmp_path) as journal:
        rows = [row(number, part) for number in range(9) for part in range(3)]
        await journal.write(rows)
        pages = [page async for page in journal.read(4)]
        assert max(map(len, pages)) == 4
        assert [found for page in pages for found in page] == rows


async def test_a_write_of_many_batches_arrives_whole(opener, tmp_path):
    async with opener(tmp_path) as journal:
        rows = [row(number, 0, number.to_bytes(4, "big")) for number in range(1777)]
        await journal.write(rows)
        assert await everything(journal, 500) == rows


ROWS = st.dictionaries(
    st.tuples(st.integers(0, 5), st.integers(0, 3)), st.none() | st.binary(max_size=8), max_size=12
)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flushes=st.lists(ROWS, max_size=4))
async def test_the_journal_is_the_sum_of_its_flushes(opener, tmp_path_factory, flushes):
    async with opener(tmp_path_factory.mktemp("journal")) as journal:
        expected: dict[tuple[int, int], bytes | None] = {}
        for flush in flushes:
            await journal.write([row(*key, flush[key]) for key in sorted(flush)])
            expected.update(flush)
        left = [row(*key, expected[key]) for key in sorted(expected) if expected[key] is not None]
        assert await everything(journal, 3) == left
