"""Fixtures of the tests of Gazelle's API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts.model import User
from tests.doors.gazelle.client import GazelleClient, open_gazelle


@pytest.fixture
def api(tmp_path: Path) -> Iterator[GazelleClient]:
    """A client of the API, without accounts or torrents."""
    with open_gazelle(tmp_path) as api:
        yield api


@pytest.fixture
def ann(api: GazelleClient) -> User:
    """An account."""
    return api.user("ann")


@pytest.fixture
def token(api: GazelleClient, ann: User) -> str:
    """A key of hers for this API."""
    return api.token(ann)
