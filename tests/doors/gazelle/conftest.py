"""Fixtures of the tests of Gazelle's API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors.gazelle.desk import Desk, desk_in


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Desk]:
    """A client of the API, without accounts or torrents."""
    with desk_in(tmp_path) as api:
        yield api
