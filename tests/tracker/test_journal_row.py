from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.journal_row import DamagedRow, pack, unpack
from tracker.pool import EPOCH
from tracker.swarm import Swarm

pools = st.tuples(
    *(st.lists(st.binary(min_size=n, max_size=n), unique=True, max_size=40) for n in (6, 6, 18, 18))
)


@given(pools, st.integers(0, 2**63), st.integers(EPOCH, EPOCH + 2**32 - 1))
def test_a_row_reads_back_as_what_was_written(peers, completed, touched):
    swarm = Swarm(touched)
    swarm.completed = completed
    for which, each in enumerate(peers):
        if each:
            swarm.load(which, b"".join(each), array("I", range(len(each))))

    piece = unpack(pack(swarm, 0))

    assert (piece.completed, piece.touched) == (completed, touched)
    assert [bytes(blob) for blob, _ in piece.pools] == [b"".join(each) for each in peers]
    assert [list(states) for _, states in piece.pools] == [list(range(len(each))) for each in peers]


@given(st.binary(max_size=200))
def test_what_was_never_written_is_called_damaged_or_read(payload):
    try:
        unpack(payload)
    except DamagedRow:
        return


def test_a_truncated_row_is_damaged():
    swarm = Swarm(EPOCH)
    swarm.load(0, bytes(60), array("I", range(10)))
    payload = pack(swarm, 0)

    for cut in range(len(payload)):
        with pytest.raises(DamagedRow):
            unpack(payload[:cut])
