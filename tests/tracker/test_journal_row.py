import contextlib
import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bittorrent.infohash import InfoHash
from tests.support.swarm_stores import STORES
from tracker.changes import MAX_COMPLETED, MAX_NODES
from tracker.journal_row import DamagedRow, JournalRow, pack, unpack
from tracker.model import AnnounceTerms, SwarmTotals
from tracker.pool import EPOCH, PAUSED
from tracker.swarm import Swarm

pools = st.tuples(
    *(st.lists(st.binary(min_size=n, max_size=n), unique=True, max_size=40) for n in (6, 6, 18, 18))
)


nodes = st.dictionaries(st.integers(0, 2**32 - 1), st.integers(0, MAX_COMPLETED), max_size=MAX_NODES)


@given(pools, st.integers(0, MAX_COMPLETED), st.integers(EPOCH, EPOCH + 2**32 - 1), nodes)
def test_a_row_reads_back_as_what_was_written(peers, completed, touched, others):
    swarm = Swarm(touched)
    swarm.completed = completed
    for which, each in enumerate(peers):
        if each:
            swarm.load(which, b"".join(each), array("I", range(0, 4 * len(each), 4)))

    piece = unpack(pack(swarm, 0, others))

    assert (piece.completed, piece.touched, piece.others) == (completed, touched, others)
    assert [bytes(blob) for blob, _ in piece.pools] == [b"".join(each) for each in peers]
    assert [list(states) for _, states in piece.pools] == [list(range(0, 4 * len(each), 4)) for each in peers]


def test_other_nodes_cost_nothing_where_there_are_none_and_are_in_the_first_row_only():
    swarm = Swarm(EPOCH)

    assert len(pack(swarm, 0)) == len(pack(swarm, 1, {5: 6})) == 1 + 8 + 4 + 4 * 2
    assert len(pack(swarm, 0, {5: 6})) == len(pack(swarm, 0)) + 12


@pytest.mark.parametrize(
    "tail",
    [
        bytes(11),
        struct.pack("<IQIQ", 2, 1, 1, 1),
        struct.pack("<IQIQ", 2, 1, 2, 1),
        struct.pack("<IQ", 1, MAX_COMPLETED + 1),
        b"".join(struct.pack("<IQ", node, 1) for node in range(MAX_NODES + 1)),
    ],
)
def test_counts_out_of_order_too_large_or_too_many_are_damage(tail):
    with pytest.raises(DamagedRow):
        unpack(pack(Swarm(EPOCH), 0) + tail)


def test_the_version_before_is_read_too():
    assert unpack(b"\x01" + pack(Swarm(EPOCH), 0)[1:]) == unpack(pack(Swarm(EPOCH), 0))


@pytest.mark.parametrize("version", [0, 3, 255])
def test_another_version_is_damage(version):
    with pytest.raises(DamagedRow, match=f"version {version}"):
        unpack(bytes([version]) + pack(Swarm(EPOCH), 0)[1:])


@given(st.binary(max_size=200))
def test_what_was_never_written_is_called_damaged_or_read(payload):
    with contextlib.suppress(DamagedRow):
        assert unpack(payload)


@pytest.mark.parametrize("store", STORES)
def test_a_row_of_a_paused_leecher_is_damaged(store):
    # Paused peers lie with the seeders and are counted off there, so this one would be counted off twice.
    peer, state = bytes((10, 0, 0, 1, 0, 80)), (1 << 2 | PAUSED).to_bytes(4, "little")
    payload = pack(Swarm(EPOCH), 0)[:13] + bytes(2) + (1).to_bytes(2, "little") + peer + state + bytes(4)
    with pytest.raises(DamagedRow, match="paused"):
        unpack(payload)
    swarms = STORES[store](AnnounceTerms(), 1)
    swarms.restore([JournalRow(InfoHash(bytes(20)), 0, payload)])
    assert swarms.totals() == SwarmTotals(0, 0, 0, 0)


def test_a_truncated_row_is_damaged():
    swarm = Swarm(EPOCH)
    swarm.load(0, bytes(60), array("I", range(10)))
    payload = pack(swarm, 0)

    for cut in range(len(payload)):
        with pytest.raises(DamagedRow):
            unpack(payload[:cut])
