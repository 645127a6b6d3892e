"""Fixtures that run a test on a new catalogue."""

import asyncio
from itertools import count

import pytest

from tests.support.catalogue import open_catalogue


def run_on(path, scenario):
    async def run():
        async with open_catalogue(path) as library:
            return await scenario(library)

    return asyncio.run(run())


@pytest.fixture
async def library(tmp_path):
    """A new catalogue."""
    async with open_catalogue(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def in_fresh_library(tmp_path_factory):
    """Run each scenario on a catalogue of its own, as the examples of a property need it."""
    numbers = count()
    return lambda scenario: run_on(tmp_path_factory.mktemp(f"library{next(numbers)}"), scenario)
