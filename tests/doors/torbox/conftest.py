"""Hides what the tests of the TorBox dialect start from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.torbox import Desk, desk_in


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk with two accounts that hold nothing."""
    with desk_in(tmp_path) as desk:
        yield desk
