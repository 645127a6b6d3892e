"""Three simulated nodes that share a stream, for a few seeds; `python -m tests.proof.replication` runs as many as asked."""

import pytest

from tests.proof.replication import simulate


@pytest.mark.parametrize("seed", [1, 12, 40, 1040])
def test_at_rest_all_nodes_know_the_same(seed):
    simulate(seed)
