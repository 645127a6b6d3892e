"""Hides what Gazelle's tests start from: an empty desk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors.gazelle.desk import Desk, desk_in


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk without accounts or torrents."""
    with desk_in(tmp_path) as desk:
        yield desk
