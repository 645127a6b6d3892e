"""The position in the stream, as it is kept beside the swarms."""

from storage.replication import SqlPositions
from storage.schema import SWARMS
from tests.support.databases import open_database
from tracker.replication.position import MOST_SENDERS, KeptPosition, ShardPosition


async def test_a_position_is_there_after_a_restart_in_place_of_the_last(tmp_path):
    database = await open_database(tmp_path / "swarms.db", SWARMS, "NORMAL")
    positions = SqlPositions(database)
    assert await positions.load() is None
    await positions.save(KeptPosition([ShardPosition("1-0", {(1, 2): 3})], 5))
    saved = [ShardPosition("7-1", {(9, 2**62): 2**40, (3, 1): 1}), ShardPosition("0-0", {})]
    await positions.save(KeptPosition(saved, 1_800_000_000))
    await database.close()

    database = await open_database(tmp_path / "swarms.db", SWARMS, "NORMAL")
    kept = await SqlPositions(database).load()
    assert kept is not None
    assert kept.sent == 1_800_000_000
    assert [(each.entry, each.sequences, each.fresh, each.appended) for each in kept.shards] == [
        (each.entry, each.sequences, False, "") for each in saved
    ]
    await SqlPositions(database).forget()
    assert await SqlPositions(database).load() is None
    await database.close()


def test_only_so_many_senders_are_remembered_and_the_quiet_ones_go():
    position = ShardPosition(fresh=False)
    for run in range(MOST_SENDERS):
        assert not position.note((1, run), 1)
    assert not position.note((1, 0), 2)
    assert not position.note((2, 1), 1)
    assert len(position.sequences) == MOST_SENDERS
    assert position.sequences[1, 0] == 2
    assert (1, 1) not in position.sequences


def test_what_is_missing_shows_in_the_numbers():
    position = ShardPosition()
    assert not position.note((1, 1), 7), "nothing was read before"
    assert not position.note((1, 1), 8)
    assert not position.note((1, 1), 8), "it was sent twice"
    assert not position.note((1, 1), 5)
    assert position.note((1, 1), 10)
    assert not position.note((1, 1), 11)
    position.fresh = False
    assert position.note((2, 1), 2), "the first of its run is missing"
    assert not position.note((3, 1), 1)
