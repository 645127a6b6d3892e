import pytest

from tests.support.feeds import open_feeds


@pytest.fixture
def reader(tmp_path):
    with open_feeds(tmp_path) as opened:
        yield opened
