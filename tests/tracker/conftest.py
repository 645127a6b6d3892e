import pytest

from tests.support.swarm_stores import STORES


@pytest.fixture(params=STORES)
def make_store(request):
    """Makes an empty store from terms and a seed."""
    return STORES[request.param]
