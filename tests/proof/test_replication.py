"""Three simulated nodes that share a stream, for a few seeds; `python -m tests.proof.replication` runs as many as asked."""

import pytest

from tests.proof.replication import simulate


@pytest.mark.parametrize("seed", [9, 12, 1040, 5019, 7001])
def test_at_rest_all_nodes_know_the_same(seed):
    simulate(seed)
