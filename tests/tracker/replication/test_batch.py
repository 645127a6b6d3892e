"""The batches that nodes send each other, byte for byte."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from tracker.changes import GONE, LEECHER, MAX_COMPLETED, MAX_NODE, CompletedCount, PeerChange, is_change
from tracker.pool import COMPLETED, EPOCH, PAUSED
from tracker.replication.batch import (
    LONGEST_NAME,
    MAX_BATCH,
    MOST_CHANGES,
    MOST_WANTED,
    BatchHead,
    DamagedBatch,
    LaterVersion,
    Wanted,
    changes_of,
    latest,
    pack_batch,
    read_batch,
)

NOW = 1_800_000_000
HEAD = BatchHead(
    7, 2**63, 12, NOW, "one", in_step=True, wants=(Wanted(9, 4), Wanted(8, 2**31 - 1, departures=True))
)
EMPTY = BatchHead(7, 1, 1, NOW)

flags = st.sampled_from([0, COMPLETED, PAUSED, PAUSED | COMPLETED, LEECHER, LEECHER | COMPLETED, GONE])
hashes = st.binary(min_size=20, max_size=20).map(InfoHash)
peers = st.binary(min_size=6, max_size=6) | st.binary(min_size=18, max_size=18)
changes = st.one_of(
    st.builds(PeerChange, hashes, peers, st.integers(EPOCH, NOW + 600), flags),
    st.builds(CompletedCount, hashes, st.integers(0, MAX_NODE), st.integers(1, MAX_COMPLETED)),
)


def swarm(number, size, stride, age):
    infohash = InfoHash(number.to_bytes(20, "big"))
    return [PeerChange(infohash, each.to_bytes(stride, "big"), NOW - age, LEECHER) for each in range(size)]


def per_peer(size, stride, age):
    said = [change for number in range(3600 // size) for change in swarm(number, size, stride, age)]
    return len(pack_batch(BatchHead(7, 2**63, 2**40, NOW, "x" * LONGEST_NAME), said)) / len(said)


@pytest.mark.parametrize(("stride", "most", "most_shared"), [(6, 40, 9), (18, 52, 21)])
@pytest.mark.parametrize("age", [0, 7, 3030])
def test_a_changed_peer_costs_few_bytes_and_fewer_where_it_shares_its_hash(stride, most, most_shared, age):
    assert per_peer(1, stride, age) <= most - 6
    assert per_peer(60, stride, age) <= most_shared + 1


def test_the_bytes_are_those_that_are_written_down():
    said = [
        PeerChange(InfoHash(b"h" * 20), b"\x0a\0\0\1\x1a\xe1", NOW - 10, LEECHER),
        PeerChange(InfoHash(b"h" * 20), b"\x0a\0\0\2\x1a\xe1", NOW, GONE),
        CompletedCount(InfoHash(b"h" * 20), 5, 300),
    ]
    assert pack_batch(BatchHead(3, 4, 5, NOW, "a"), said).hex() == (
        "01000300000004000000000000000500000000000000" + (NOW - EPOCH).to_bytes(4, "little").hex()
        + "016100" + "68" * 20 + "0200010a0000011ae10a0000021ae1a4010805000000ac02"
    )  # fmt: skip


@given(st.lists(changes, max_size=40))
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_read_again(said):
    head = BatchHead(1, 2, 3, latest(said, NOW), "name", last=True)
    batch = read_batch(pack_batch(head, said))

    assert batch.head == head
    assert sorted(changes_of(batch), key=repr) == sorted(said, key=repr)


def test_a_head_says_everything_again():
    assert read_batch(pack_batch(HEAD, [])).head == HEAD


@given(st.lists(changes, min_size=1, max_size=5), st.integers(min_value=0))
@settings(max_examples=200, deadline=None)
def test_a_cut_batch_is_damaged(said, at):
    data = pack_batch(BatchHead(7, 1, 1, NOW + 600, "name"), said)
    head = data[: -len(read_batch(data).body)]
    cut = data[: at % len(data)]
    if cut == head:
        assert changes_of(read_batch(cut)) == []
        return
    try:
        read = changes_of(read_batch(cut))
    except DamagedBatch:
        return
    assert len(read) < len(said), "it ends with a whole group"


@pytest.mark.parametrize(
    "body",
    [
        b"h" * 20,
        b"h" * 20 + b"\0\0\0",
        b"h" * 20 + b"\xff\xff\xff\xff\xff\xff\xff\xff\x7f\0\0",
        b"h" * 20 + b"\xff" * 20,
        b"h" * 20 + b"\1\0\0" + b"p" * 6,
        b"h" * 20 + b"\1\0\0" + b"p" * 6 + b"\x09",
        b"h" * 20 + b"\1\0\0" + b"p" * 6 + b"\x06",
        b"h" * 20 + b"\1\0\0" + b"p" * 6 + b"\x84\0",
        b"h" * 20 + b"\1\0\0" + b"p" * 6 + b"\xff\xff\xff\xff\xff\xff\x04",
        b"h" * 20 + b"\0\0\1" + b"\5\0\0\0" + b"\0",
        b"h" * 20 + b"\0\0\1" + b"\5\0\0\0" + b"\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"h" * 20 + b"\x81\x40\0\0" + bytes(8193 * 7),
    ],
)
def test_a_damaged_body_is_refused_whole(body):
    batch = read_batch(pack_batch(EMPTY, swarm(1, 1, 6, 0)) + body)
    with pytest.raises(DamagedBatch):
        changes_of(batch)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\1",
        b"\0" + bytes(40),
        pack_batch(EMPTY, [])[:-1],
        b"\1\x08" + pack_batch(EMPTY, [])[2:],
        pack_batch(EMPTY, [])[:26] + b"\1\xff\0",
        pack_batch(EMPTY, [])[:26] + b"\x41" + b"a" * 65 + b"\0",
        pack_batch(EMPTY, [])[:26] + b"\0\1" + bytes(7),
        pack_batch(EMPTY, [])[:26] + b"\0\x41" + bytes(8 * 65),
        pack_batch(EMPTY, []) + bytes(MAX_BATCH),
    ],
)
def test_a_damaged_head_is_refused(data):
    with pytest.raises(DamagedBatch):
        read_batch(data)


def test_a_later_version_is_told_from_damage():
    with pytest.raises(LaterVersion):
        read_batch(b"\2whatever")


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (EMPTY, swarm(1, MOST_CHANGES + 1, 6, 0)),
        (EMPTY, swarm(1, 1, 6, -1)),
        (BatchHead(7, 1, 1, NOW, "n" * (LONGEST_NAME + 1)), []),
        (BatchHead(7, 1, 1, NOW, wants=(Wanted(1, 1),) * (MOST_WANTED + 1)), []),
    ],
)
def test_nothing_beyond_the_bounds_is_written(head, said):
    with pytest.raises(ValueError):  # noqa: PT011
        pack_batch(head, said)


def test_the_largest_batch_is_within_the_bound():
    said = [
        PeerChange(InfoHash(number.to_bytes(20, "big")), bytes(18), EPOCH, GONE)
        for number in range(MOST_CHANGES)
    ]
    assert len(pack_batch(EMPTY, said)) <= MAX_BATCH


@given(st.integers(0, 15))
def test_what_is_read_has_flags_that_every_store_takes(flags):
    change = PeerChange(InfoHash(b"h" * 20), bytes(6), NOW, flags)
    batch = read_batch(pack_batch(EMPTY, [change]))
    if is_change(change):
        assert changes_of(batch) == [change]
    else:
        with pytest.raises(DamagedBatch):
            changes_of(batch)
