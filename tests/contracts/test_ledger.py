"""Contract of every ledger on disk: batches count once, sums are exact, seeding by two clients counts once."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from storage.database import ConstraintViolated
from storage.ledger import SqlLedger
from storage.schema import PEERAGE
from tracker.ledger import AccountTraffic, BatchNumber, Snatch, TorrentTraffic
from tracker.sessions import LARGEST, KnownSession, LastTotals, SessionDelta

NOW = 1_800_000_000
HASH, OTHER = InfoHash(b"h" * 20), InfoHash(b"o" * 20)
CLIENT, SECOND = b"-XX0001-abcdefghijkl", b"-YY0001-abcdefghijkl"


@pytest.fixture
async def ledger(backend, tmp_path):
    opened = await backend.open(tmp_path, PEERAGE)
    try:
        yield SqlLedger(opened)
    finally:
        await opened.close()


def delta(
    up=0,
    down=0,
    *,
    account=7,
    infohash=HASH,
    client=CLIENT,
    seeded=0,
    completed=0,
    capped=0,
    seen=NOW,
    seeding=True,
):
    last = LastTotals(up, down, seen, seeding, bool(completed))
    return SessionDelta(account, infohash, client, up, down, seeded, completed, capped, last)


async def test_deltas_are_summed_by_account_and_torrent(ledger):
    number = BatchNumber(0, await ledger.begin_epoch(0), 1)
    assert await ledger.write(
        number,
        [
            delta(10, 1, capped=5), delta(20, 2, client=SECOND, completed=1), delta(5, infohash=OTHER),
            delta(99, account=8),
        ],
    )  # fmt: skip
    assert await ledger.write(number._replace(sequence=2), [delta(100, 3, seen=NOW + 60)])

    assert await ledger.account(7, NOW) == AccountTraffic(135, 6, 0, 1, 5, 2, 2, 135, 6)
    assert await ledger.account(9, NOW) == AccountTraffic()
    assert await ledger.torrents(7, 0, 9) == [
        TorrentTraffic(HASH, 130, 6, 0, 1, 5, NOW, NOW + 60, 130, 6),
        TorrentTraffic(OTHER, 5, 0, 0, 0, 0, NOW, NOW, 5),
    ]
    assert await ledger.torrents(7, 1, 1) == [TorrentTraffic(OTHER, 5, 0, 0, 0, 0, NOW, NOW, 5)]


async def test_a_batch_that_comes_again_is_not_added_again(ledger):
    epoch = await ledger.begin_epoch(0)
    for expected in (True, False, False):
        assert await ledger.write(BatchNumber(0, epoch, 1), [delta(10, completed=1)]) is expected
    assert await ledger.write(BatchNumber(1, await ledger.begin_epoch(1), 1), [delta(1)])

    assert (await ledger.account(7, NOW)).uploaded == 11
    assert (await ledger.snatches(7, 0, 9))[1] == 1


async def test_a_process_of_an_earlier_epoch_adds_nothing_more(ledger):
    first = await ledger.begin_epoch(0)
    second = await ledger.begin_epoch(0)
    assert second > first
    assert not await ledger.write(BatchNumber(0, first, 5), [delta(10)])
    assert await ledger.write(BatchNumber(0, second, 1), [delta(10)])


async def test_what_cannot_be_added_leaves_no_part_of_a_batch(ledger):
    number = BatchNumber(0, await ledger.begin_epoch(0), 1)
    broken = delta(5)._replace(peer_id=b"short")
    with pytest.raises(ConstraintViolated):
        await ledger.write(number, [delta(10), broken])

    assert await ledger.account(7, NOW) == AccountTraffic()
    assert await ledger.sessions(None, 0, 9) == []
    assert await ledger.write(number, [delta(10)])


async def test_sessions_are_kept_with_their_batch_and_found_oldest_first(ledger):
    number = BatchNumber(0, await ledger.begin_epoch(0), 1)
    deltas = [
        delta(at, at, account=at % 3 + 1, client=bytes([at]) * 20, seen=NOW - at // 2) for at in range(9)
    ]
    await ledger.write(number, deltas)
    await ledger.write(number._replace(sequence=2), [delta(50, account=1, client=bytes(20), seen=NOW + 1)])

    found, after = [], None
    while page := await ledger.sessions(after, NOW - 3, 2):
        found += page
        after = page[-1]

    expected = [KnownSession(*each[:3], each.last) for each in deltas[1:8]]
    assert sorted(found[:-1]) == sorted(expected)
    assert found[-1].last == LastTotals(50, 0, NOW + 1, True, False)
    assert [each.last.seen for each in found] == sorted(each.last.seen for each in found)
    await ledger.forget_sessions(NOW)
    assert {each.last.seen for each in await ledger.sessions(None, 0, 99)} == {NOW, NOW + 1}


async def test_snatches_have_their_time_and_come_newest_first(ledger):
    number = BatchNumber(0, await ledger.begin_epoch(0), 1)
    for at in range(3):
        infohash = InfoHash(bytes([at]) * 20)
        done = delta(infohash=infohash, completed=1, seen=NOW + at)
        await ledger.write(number._replace(sequence=at + 1), [done, done._replace(account=8)])

    found, total = await ledger.snatches(7, 0, 2)

    assert total == 3
    assert [(each.infohash[0], each.time, each.account) for each in found] == [
        (2, NOW + 2, 7),
        (1, NOW + 1, 7),
    ]
    assert isinstance(found[0], Snatch)


async def test_seeding_now_is_what_announced_as_a_seeder_of_late(ledger):
    number = BatchNumber(0, await ledger.begin_epoch(0), 1)
    await ledger.write(
        number, [delta(), delta(client=SECOND), delta(infohash=OTHER, seen=NOW - 100), delta(account=8)]
    )
    assert (await ledger.account(7, NOW)).seeding == 1
    assert (await ledger.account(7, NOW - 100)).seeding == 2


async def test_the_largest_sums_of_many_torrents_overflow_nothing(ledger):
    number = BatchNumber(0, await ledger.begin_epoch(0), 1)
    torrents = [InfoHash(bytes([at]) * 20) for at in range(10)]
    for sequence in (1, 2):
        deltas = [delta(LARGEST, LARGEST, infohash=each) for each in torrents]
        await ledger.write(number._replace(sequence=sequence), deltas)

    assert (await ledger.account(7, NOW)).uploaded == 10 * 2**62


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(gaps=st.lists(st.tuples(st.integers(1, 30), st.integers(0, 2)), min_size=2, max_size=20))
async def test_time_that_several_clients_seed_never_counts_twice(ledger, gaps):
    """Three clients announce in turn, each as a seeder since its last announce."""
    number, now, last, covered = BatchNumber(0, await ledger.begin_epoch(0), 1), NOW, {}, set()
    before = (await ledger.account(7, 0)).seeded
    infohash = InfoHash(len(await ledger.torrents(7, 0, 10_000)).to_bytes(20, "big"))
    deltas = []
    for gap, client in gaps:
        now += gap
        if client in last:
            deltas.append(
                delta(
                    infohash=infohash,
                    client=bytes([client]) * 20,
                    seeded=now - last[client],
                    seen=now,
                )
            )
            covered |= set(range(last[client], now))
        last[client] = now
    for each in deltas:
        await ledger.write(number, [each])
        number = number._replace(sequence=number.sequence + 1)

    counted = (await ledger.account(7, 0)).seeded - before
    assert counted <= len(covered)
    if len({client for _, client in gaps}) < 3:
        assert counted == len(covered), "two clients count to the second"


@pytest.mark.parametrize(
    ("seeded", "expected"),
    [
        ([(0, 100), (100, 200)], 200),
        ([(0, 100), (50, 150)], 150),
        ([(0, 100), (20, 60)], 100),
        ([(70, 80), (0, 100)], 100),
        ([(0, 10), (50, 60), (5, 100)], 100),
        ([(0, 100), (200, 300), (50, 60)], 200),
    ],
)
async def test_runs_of_seeding_are_joined(ledger, seeded, expected):
    number = BatchNumber(0, await ledger.begin_epoch(0), 1)
    for sequence, (since, until) in enumerate(seeded, 1):
        given = delta(client=bytes([sequence]) * 20, seeded=until - since, seen=NOW + until)
        await ledger.write(number._replace(sequence=sequence), [given])

    assert (await ledger.account(7, NOW)).seeded == expected
