from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.doors.rest.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The REST door over real stores, and who asks at it."""
    made = Desk(tmp_path)
    yield made
    made.close()
