import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import cast

import pytest

from bittorrent.infohash import InfoHash
from tests.support.swarm_stores import StoreFactory
from tracker.flusher import PIECE_BYTES, PIECE_ROWS, Flusher, FlushError, FlushObserver, ObserverError
from tracker.journal_row import JournalRow
from tracker.model import Announce, AnnounceTerms, Event
from tracker.store import SwarmStore
from tracker.sweeper import sweep_once

NOW = 1_800_000_000
HASHES = [InfoHash(bytes([number]) * 20) for number in range(5)]


class Paper:
    """A journal in a dictionary that can be told to fail."""

    def __init__(self) -> None:
        self.rows: dict[tuple[InfoHash, int], JournalRow] = {}
        self.broken = False
        self.batches: list[list[JournalRow]] = []
        self.reached, self.failed, self.written = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.held: asyncio.Event | None = None

    async def write(self, rows: Sequence[JournalRow]) -> None:
        self.reached.set()
        if self.held is not None:
            await self.held.wait()
        if self.broken:
            self.failed.set()
            raise OSError("disk on fire")
        self.batches.append(list(rows))
        self.rows.update({(row.infohash, row.part): row for row in rows})
        self.written.set()

    async def read(self, batch: int) -> AsyncIterator[list[JournalRow]]:
        rows = [self.rows[key] for key in sorted(self.rows)]
        for at in range(0, len(rows), batch):
            yield rows[at : at + batch]

    async def healthy(self) -> bool:
        return not self.broken

    async def close(self) -> None:
        return None


def setup(make_store: StoreFactory) -> tuple[SwarmStore, Paper, Flusher, list[Exception]]:
    store, journal, reports = make_store(AnnounceTerms(), 1), Paper(), []
    flusher = Flusher(store, journal, 0.001, lambda: 0.0, reports.append)
    return store, journal, flusher, reports


def say(store: SwarmStore, infohash: InfoHash, host: int = 1) -> None:
    store.announce(Announce(infohash, bytes([10, 0, 0, host, 26, 225]), Event.NONE, False, 0), NOW)


class Payload(bytes):
    """A row's bytes, counted while they are held."""

    alive = 0

    def __new__(cls, *given: bytes) -> "Payload":
        cls.alive += 1
        return super().__new__(cls, *given)

    def __del__(self) -> None:
        type(self).alive -= 1


class Many:
    """As much of a swarm store as a flush asks for: many changed rows, which come in steps."""

    def __init__(self, steps: int, rows: int, payload: bytes = b"") -> None:
        self.steps, self.rows, self.payload = iter(range(steps)), rows, payload
        self.back: list[JournalRow] = []

    def take_dirty(self) -> list[JournalRow]:
        for step in self.steps:
            infohash = InfoHash(step.to_bytes(20, "big"))
            return [JournalRow(infohash, part, Payload(self.payload)) for part in range(self.rows)]
        return []

    def put_back(self, rows: Sequence[JournalRow]) -> None:
        self.back += rows


class Tally(Paper):
    """A journal that keeps no rows, but how many there were in each write, and how many in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.written_rows: list[int] = []
        self.most_alive = 0

    async def write(self, rows: Sequence[JournalRow]) -> None:
        self.most_alive = max(self.most_alive, Payload.alive)
        if self.broken:
            raise OSError("disk on fire")
        self.written_rows.append(len(rows))


def flusher_of(store: Many, journal: Paper, *observers: FlushObserver) -> Flusher:
    return Flusher(cast("SwarmStore", store), journal, 1, lambda: 0.0, print, observers=observers)


@pytest.mark.parametrize(
    ("rows", "payload", "most"), [(1024, b"", PIECE_ROWS), (8, bytes(PIECE_BYTES // 32), 32)]
)
async def test_a_flush_holds_the_rows_of_one_piece(rows: int, payload: bytes, most: int) -> None:
    store, journal, told = Many(50, rows, payload), Tally(), []

    async def observe(given: Sequence[JournalRow], last: bool) -> None:
        told.append((len(given), last))

    await flusher_of(store, journal, observe).flush()

    assert sum(journal.written_rows) == 50 * rows
    assert max(journal.written_rows) == most
    assert journal.most_alive == most
    assert told == [(number, False) for number in journal.written_rows[:-1]] + [
        (journal.written_rows[-1], True)
    ]


async def test_a_piece_that_fails_is_put_back_alone() -> None:
    store, journal, told = Many(20, 1024), Tally(), []

    async def observe(given: Sequence[JournalRow], last: bool) -> None:
        told.append(last)
        journal.broken = len(told) == 2

    flusher = flusher_of(store, journal, observe)
    with pytest.raises(FlushError):
        await flusher.flush()

    assert (journal.written_rows, told) == ([PIECE_ROWS] * 2, [False] * 2)
    assert [int.from_bytes(row.infohash, "big") for row in store.back[::1024]] == [8, 9, 10, 11]
    assert (flusher.flushes.rows, flusher.flushes.done, flusher.flushes.failed) == (2 * PIECE_ROWS, 0, 1)


async def test_what_changed_is_written_once_in_one_transaction_and_sorted(make_store):
    store, journal, flusher, _ = setup(make_store)
    for infohash in reversed(HASHES):
        say(store, infohash)

    await flusher.flush()
    await flusher.flush()

    assert [[row.infohash for row in batch] for batch in journal.batches] == [HASHES]
    assert flusher.flushes.rows == 5


async def test_a_failed_flush_loses_nothing(make_store):
    store, journal, flusher, _ = setup(make_store)
    say(store, HASHES[0])
    journal.broken = True

    with pytest.raises(FlushError):
        await flusher.flush()
    say(store, HASHES[1])
    journal.broken = False
    await flusher.flush()

    assert [row.infohash for row in journal.batches[0]] == HASHES[:2]
    assert (flusher.flushes.done, flusher.flushes.failed) == (1, 1)


async def test_a_cancelled_flush_loses_nothing(make_store):
    store, journal, flusher, _ = setup(make_store)
    say(store, HASHES[0])

    journal.held = asyncio.Event()
    task = asyncio.create_task(flusher.flush())
    await journal.reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    journal.held.set()
    await flusher.flush()

    assert list(journal.rows) == [(HASHES[0], 0)]


async def test_the_loop_reports_a_failure_and_goes_on(make_store):
    store, journal, flusher, reports = setup(make_store)
    say(store, HASHES[0])
    journal.broken = True

    task = asyncio.create_task(flusher.run())
    await journal.failed.wait()
    journal.broken = False
    await journal.written.wait()
    task.cancel()

    assert isinstance(reports[0], FlushError)


async def test_observers_are_told_of_every_flush_after_its_rows_are_written(make_store):
    store, journal, told = make_store(AnnounceTerms(), 1), Paper(), []

    async def observe(rows: Sequence[JournalRow], last: bool) -> None:
        told.append((last, [(row.infohash, (row.infohash, row.part) in journal.rows) for row in rows]))

    flusher = Flusher(store, journal, 0.001, lambda: 0.0, print, observers=(observe, observe))
    say(store, HASHES[0])
    await flusher.flush()
    await flusher.flush()

    assert told == [(True, [(HASHES[0], True)])] * 2 + [(True, [])] * 2


async def test_a_failed_flush_is_told_to_nobody_and_a_failed_observer_fails_no_flush(make_store):
    store, journal, told, reports = make_store(AnnounceTerms(), 1), Paper(), [], []

    async def fail(rows: Sequence[JournalRow], last: bool) -> None:
        raise OSError("not my day")

    async def observe(rows: Sequence[JournalRow], last: bool) -> None:
        told.append(len(rows))

    flusher = Flusher(store, journal, 0.001, lambda: 0.0, reports.append, observers=(fail, observe))
    say(store, HASHES[0])
    journal.broken = True
    with pytest.raises(FlushError):
        await flusher.flush()
    journal.broken = False
    await flusher.flush()

    assert told == [1]
    assert [(type(error), str(error.__cause__)) for error in reports] == [(ObserverError, "not my day")]
    assert (flusher.flushes.done, flusher.flushes.failed) == (1, 1)


async def test_a_restart_has_everything_back(make_store):
    store, journal, flusher, _ = setup(make_store)
    for host, infohash in enumerate(HASHES):
        say(store, infohash, host)
    await flusher.flush()
    again = make_store(AnnounceTerms(), 2)

    rows = await Flusher(again, journal, 1, lambda: 0.0, print).restore()

    assert rows == 5
    assert again.totals() == store.totals()


def test_one_sweep_after_a_restart_drops_everyone_who_was_silent_too_long(make_store):
    store = setup(make_store)[0]
    for host in range(200):
        say(store, HASHES[host % 5], host)

    assert sweep_once(store, NOW + AnnounceTerms().timeout + 1) == 200
