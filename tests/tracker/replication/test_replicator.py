"""Nodes over a stream in memory, a round at a time."""

import pytest

from bittorrent.infohash import InfoHash
from tests.support.change_streams import MemoryPositions, MemoryStream, StreamServer
from tests.support.swarm_stores import STORES
from tracker.changes import CHANGES_AT_ONCE, CLOCK_SKEW
from tracker.model import Announce, AnnounceTerms, Event
from tracker.replication.batch import BatchHead, pack_batch, read_batch
from tracker.replication.replicator import Replicator
from tracker.replication.stream import Entry
from tracker.replication.terms import ALONE, BEAT, PATIENCE, NodeTerms

NOW = 1_800_000_000
HASH = InfoHash(b"h" * 20)
KINDS = list(STORES)


class Time:
    def __init__(self):
        self.now = 0.0


class Node:
    def __init__(self, number, server, time, kind=KINDS[0], positions=None, max_changes=100_000, run=1):
        self.store = STORES[kind](AnnounceTerms(node=number, max_changes=max_changes), number)
        self.stream = MemoryStream(server)
        self.reports = []
        self.skew = 0
        self.replicator = Replicator(
            self.store,
            self.stream,
            positions or MemoryPositions(),
            NodeTerms(number, f"node-{number}", run, len(server.shards)),
            clock=lambda: NOW + time.now + self.skew,
            timer=lambda: time.now,
            report=self.reports.append,
        )
        self.figures = self.replicator.figures

    def announce(self, last, event=Event.STARTED, infohash=HASH, now=NOW, seeder=False):
        peer = bytes([10, 0]) + last.to_bytes(2, "big") + b"\x1a\xe1"
        self.store.announce(Announce(infohash, peer, event, seeder, 0), now)

    def count(self, infohash=HASH):
        counts = self.store.scrape(infohash)
        return counts.complete + counts.incomplete


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def server():
    return StreamServer()


async def started(*nodes):
    for node in nodes:
        await node.replicator.start()


async def rounds(time, *nodes, seconds=ALONE + BEAT, step=0.5):
    end = time.now + seconds
    while time.now < end:
        time.now += step
        for node in nodes:
            await node.replicator.attempt()


async def pair(server, time, **options):
    nodes = Node(1, server, time, KINDS[0], **options), Node(2, server, time, KINDS[-1], **options)
    await started(*nodes)
    await rounds(time, *nodes, seconds=15)
    assert all(node.figures.in_step for node in nodes)
    return nodes


async def test_what_is_announced_to_one_is_known_to_the_other_a_round_later(server, time):
    one, two = await pair(server, time)
    one.announce(1)
    two.announce(2, seeder=True, event=Event.COMPLETED)
    await rounds(time, one, two, seconds=1)

    assert one.count() == two.count() == 2
    assert one.store.scrape(HASH) == two.store.scrape(HASH)
    one.announce(2, Event.STOPPED, now=NOW + 20)
    await rounds(time, one, two, seconds=1)
    assert one.count() == two.count() == 1
    assert one.replicator.heard[2].name == "node-2"
    assert (one.replicator.behind, one.reports, one.figures.gaps) == (0, [], 0)


async def test_what_came_from_others_is_not_sent_again(server, time):
    one, two = await pair(server, time)
    for last in range(100):
        one.announce(last)
    await rounds(time, one, two, seconds=20)

    assert (one.figures.changes_sent, two.figures.changes_sent) == (100, 0)


async def test_changes_wait_while_the_stream_is_away_and_repeated_ones_are_sent_once(server, time):
    one, two = await pair(server, time)
    server.away = True
    for _ in range(5):
        one.announce(1)
        one.announce(2)
        await rounds(time, one, two, seconds=10)
    assert (one.figures.connected, one.figures.outages, len(one.reports)) == (False, 1, 1)
    server.away = False
    sent = one.figures.changes_sent
    await rounds(time, one, two, seconds=1)

    assert two.count() == 2
    assert one.figures.changes_sent == sent + 2
    assert one.figures.connected
    assert not two.figures.gaps


async def test_a_batch_whose_answer_got_lost_is_no_gap(server, time):
    one, two = await pair(server, time)
    one.stream.deaf = True
    one.announce(1)
    await rounds(time, one, two, seconds=2)
    one.stream.deaf = False
    await rounds(time, one, two, seconds=2)

    assert two.count() == 1
    assert two.figures.gaps == 0


async def test_a_log_that_was_full_shows_as_a_gap_and_a_snapshot_fills_it(server, time):
    one, two = await pair(server, time, max_changes=50)
    server.away = True
    for last in range(200):
        one.announce(last)
    await rounds(time, one, two, seconds=2)
    server.away = False
    await rounds(time, one, two, seconds=5)

    assert two.count() == 200
    assert (two.figures.gaps, two.figures.snapshots_taken) == (1, 2)
    assert two.figures.in_step


async def test_a_new_node_takes_a_snapshot_larger_than_its_queue_and_then_the_tail(server, time):
    one, two = await pair(server, time)
    for last in range(CHANGES_AT_ONCE * 7):
        one.announce(last)
    await rounds(time, one, two, seconds=5)
    server.trim(1)
    late = Node(3, server, time)
    await started(late)
    await rounds(time, one, two, late, seconds=20)
    one.announce(60_000)
    await rounds(time, one, two, late, seconds=1)

    assert late.count() == two.count() == CHANGES_AT_ONCE * 7 + 1
    assert late.figures.snapshots_taken == 1
    assert late.figures.in_step


async def test_a_snapshot_is_asked_of_another_when_its_writer_dies(server, time):
    one, two = await pair(server, time)
    for last in range(10):
        one.announce(last)
    await rounds(time, one, two, seconds=2)
    server.trim(0)
    late = Node(3, server, time)
    await started(late)
    await rounds(time, late, two, one, seconds=BEAT)
    await rounds(time, late, two, seconds=PATIENCE * 2 + 20)

    assert late.count() == 10
    assert late.figures.in_step


async def test_an_emptied_stream_is_filled_by_the_nodes(server, time):
    one, two = await pair(server, time)
    one.announce(1)
    await one.replicator.attempt()
    server.restart(emptied=True, clock_back=True)
    await rounds(time, one, two, seconds=15)

    assert two.count() == 1
    assert two.figures.in_step
    one.announce(2)
    await rounds(time, one, two, seconds=1)
    assert two.count() == 2


async def test_a_node_goes_on_where_its_journal_says_that_it_was(server, time):
    positions = MemoryPositions()
    one, two = Node(1, server, time), Node(2, server, time, positions=positions)
    await started(one, two)
    await rounds(time, one, two)
    for _ in range(2):
        await two.replicator.observe([])
    read = two.figures.batches_read
    one.announce(1)
    await rounds(time, one, seconds=1)
    again = Node(2, server, time, positions=positions, run=2)
    await started(again)
    await rounds(time, again, one, seconds=10)

    assert again.count() == 1
    assert again.figures.batches_read < read + 30
    assert again.figures.in_step
    assert not again.figures.same_number


async def test_a_position_is_kept_only_while_nothing_is_missing_and_not_before_its_swarms(server, time):
    positions = MemoryPositions()
    one = Node(1, server, time, positions=positions)
    await started(one)
    await one.replicator.observe([])
    await one.replicator.observe([])
    assert positions.kept is None
    await rounds(time, one)
    await one.replicator.observe([])
    assert positions.kept is None
    before = server.last
    await rounds(time, one, seconds=20)
    await one.replicator.observe([])
    assert positions.kept is not None
    assert positions.kept.shards[0].entry == f"{before}-{server.epoch}"


async def test_a_copied_data_folder_is_noticed(server, time):
    one, two = await pair(server, time)
    copy = Node(1, server, time, run=77)
    await started(copy)
    await rounds(time, one, two, copy, seconds=10)

    assert one.figures.same_number
    assert copy.figures.same_number
    assert not two.figures.same_number


async def test_a_clock_too_far_ahead_is_told_and_hides_nobody_for_good(server, time):
    one, two = await pair(server, time)
    one.skew = CLOCK_SKEW + 100
    one.announce(1, now=NOW + int(time.now) + one.skew)
    await rounds(time, one, two, seconds=3)
    assert two.count() == 0
    assert two.figures.dropped["clock"] > 0
    assert two.replicator.heard[1].ahead > CLOCK_SKEW
    two.announce(1)
    assert two.count() == 1


@pytest.mark.parametrize(
    ("junk", "reason"),
    [(b"", "damaged"), (b"\x02", "version"), (b"\x01" * 500, "damaged"), (bytes(2**20 + 1), "damaged")],
)
async def test_hostile_entries_are_passed_over(server, time, junk, reason):
    one, two = await pair(server, time)
    server.last += 1
    server.shards[0].append(Entry(f"{server.last}-0", junk))
    one.announce(1)
    await rounds(time, one, two, seconds=2)

    assert two.count() == 1
    assert two.figures.dropped[reason] == 1
    assert (two.figures.failures, two.figures.in_step) == (0, True)


async def test_hostile_senders_take_bounded_memory(server, time):
    (one, _) = await pair(server, time)
    for number in range(3000):
        server.last += 1
        head = BatchHead(100 + number, number, 2**63, NOW, "n")
        server.shards[0].append(Entry(f"{server.last}-0", pack_batch(head, [])))
    await rounds(time, one, seconds=PATIENCE * 3)

    assert len(one.replicator.heard) <= 64
    assert len(read_batch(server.shards[0][-1].batch).head.wants) <= 64
    assert one.figures.failures == 0


async def test_a_failure_that_is_none_of_the_stream_is_reported_and_ends_nothing(server, time):
    one, two = await pair(server, time)

    async def broken(*_):
        raise RuntimeError("broken")

    two.stream.read = broken
    assert not await two.replicator.attempt()
    assert two.figures.failures == 1
    del two.stream.read
    one.announce(1)
    await rounds(time, one, two, seconds=1)
    assert two.count() == 1


async def test_shards_divide_the_hashes(time):
    server = StreamServer(4)
    one, two = await pair(server, time)
    for first in range(0, 256, 8):
        one.announce(1, infohash=InfoHash(bytes([first]) * 20))
    await rounds(time, one, two, seconds=1)

    assert two.store.totals().torrents == 32
    assert all(len(shard) > 1 for shard in server.shards)


async def test_a_store_logs_nothing_once_its_replicator_has_ended(server, time):
    one, _ = await pair(server, time)
    one.replicator.close()
    consumer = one.store.open_changes()
    assert consumer == 0


async def test_a_node_that_was_alone_brings_its_swarms_with_it(server, time):
    one, two = await pair(server, time)
    one.announce(1)
    alone = Node(3, server, time)
    alone.announce(2)
    alone.announce(3, Event.COMPLETED, seeder=True)
    await started(alone)
    await rounds(time, one, two, alone, seconds=20)

    assert [node.count() for node in (one, two, alone)] == [3, 3, 3]
    assert [node.store.scrape(HASH).downloaded for node in (one, two, alone)] == [1, 1, 1]
    assert all(node.figures.in_step for node in (one, two, alone))
    assert alone.figures.snapshots_given == 2


async def test_a_node_whose_changes_went_with_the_stream_brings_them_again(server, time):
    positions = MemoryPositions()
    one = Node(1, server, time, positions=positions)
    await started(one)
    one.announce(1)
    await rounds(time, one, seconds=20)
    for _ in range(2):
        await one.replicator.observe([])
    rows = one.store.take_dirty()
    server.restart(emptied=True)
    two, again = Node(2, server, time), Node(1, server, time, positions=positions, run=2)
    await started(two)
    await rounds(time, two, seconds=20)
    assert two.figures.in_step
    again.store.restore(rows)
    await started(again)
    await rounds(time, two, again, seconds=20)

    assert (two.count(), again.count()) == (1, 1)


async def test_what_was_not_sent_before_an_end_is_sent_after_it(server, time):
    positions = MemoryPositions()
    one, two = Node(1, server, time, positions=positions), Node(2, server, time)
    await started(one, two)
    await rounds(time, one, two, seconds=20)
    one.announce(1, now=NOW + 1)
    await rounds(time, one, two, seconds=20)
    for _ in range(2):
        await one.replicator.observe([])
    one.announce(2, Event.COMPLETED, now=NOW + int(time.now), seeder=True)
    rows = one.store.take_dirty()
    again = Node(1, server, time, positions=positions, run=2)
    again.store.restore(rows)
    await started(again)
    await rounds(time, two, again, seconds=20)

    assert two.count() == 2
    assert two.store.scrape(HASH).downloaded == 1
    assert again.figures.changes_sent == 2, "the peer and the count, and not what was sent before"
