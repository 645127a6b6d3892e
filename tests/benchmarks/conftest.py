"""The load programs as the benchmarks build them, and once more with every check that the compiler has."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.generators import OPTIMISED, build
from tests.support.event_loops import pytest_asyncio_loop_factories  # noqa: F401 - a hook

CHECKED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.fixture(scope="session", params=[OPTIMISED, CHECKED], ids=["optimised", "checked"])
def program(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("build")
    return lambda name: build(name, request.param, folder)
