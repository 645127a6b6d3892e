import pytest

from bittorrent.infohash import InfoHash
from storage.database import ConstraintViolated
from storage.journal import SqlJournal
from storage.schema import SWARMS
from tests.support.databases import open_database
from tracker.flusher import JournalRow


def row(number, payload=b"peers"):
    return JournalRow(InfoHash(number.to_bytes(20, "big")), 0, payload)


async def open_journal(folder):
    return SqlJournal(await open_database(folder / "swarms.db", SWARMS, "NORMAL"))


async def everything(journal):
    return [found async for page in journal.read(100) for found in page]


async def test_rows_are_there_after_a_restart(tmp_path):
    journal = await open_journal(tmp_path)
    await journal.write([row(1), row(2)])
    await journal.close()
    journal = await open_journal(tmp_path)
    assert await everything(journal) == [row(1), row(2)]
    await journal.close()


async def test_a_flush_that_fails_in_its_last_batch_changes_nothing(tmp_path):
    journal = await open_journal(tmp_path)
    await journal.write([row(1, b"before")])
    broken = [row(1, b"after"), *(row(number) for number in range(2, 1200))]
    broken.append(JournalRow(InfoHash(b"\xff" * 20), None, b"no part"))
    with pytest.raises(ConstraintViolated):
        await journal.write(broken)
    assert await everything(journal) == [row(1, b"before")]
    await journal.write([row(3)])
    assert await everything(journal) == [row(1, b"before"), row(3)]
    await journal.close()


async def test_a_reader_between_pages_does_not_hold_up_a_flush(tmp_path):
    journal = await open_journal(tmp_path)
    await journal.write([row(number) for number in range(10)])
    pages = journal.read(3)
    await anext(pages)
    await journal.write([row(number, None) for number in range(10)])
    assert [page async for page in pages] == []
    await journal.close()
