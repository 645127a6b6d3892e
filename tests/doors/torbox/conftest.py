"""Fixtures of the tests of the TorBox API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.torbox import Desk, desk_in


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Desk]:
    """A client of the API with two accounts, without torrents."""
    with desk_in(tmp_path) as api:
        yield api
