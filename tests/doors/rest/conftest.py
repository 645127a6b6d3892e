"""Fixtures of the tests of the REST API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors.rest.client import RestClient


@pytest.fixture
def api(tmp_path: Path) -> Iterator[RestClient]:
    """A client of the REST API over SQLite stores."""
    made = RestClient(tmp_path)
    yield made
    made.close()
