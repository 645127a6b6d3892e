"""Fixtures of the tests of the TorBox API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.torbox import TorboxClient, open_torbox


@pytest.fixture
def api(tmp_path: Path) -> Iterator[TorboxClient]:
    """A client of the API with two accounts, without torrents."""
    with open_torbox(tmp_path) as api:
        yield api
