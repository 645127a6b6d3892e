"""Tells the report of a test that a revision may have withstood before."""

from collections.abc import Callable

import pytest


@pytest.fixture(autouse=True)
def _note_what_held_before(
    request: pytest.FixtureRequest, record_property: Callable[[str, object], None]
) -> None:
    mark = request.node.get_closest_marker("held_before")
    if mark is not None:
        record_property("held_before", mark.args[0])
