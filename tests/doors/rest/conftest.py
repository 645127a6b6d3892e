"""Fixtures of the tests of the REST API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors.rest.desk import Desk


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Desk]:
    """A client of the REST API over SQLite stores."""
    made = Desk(tmp_path)
    yield made
    made.close()
