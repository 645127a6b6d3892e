"""Hides how a test gets a library that is closed again."""

import asyncio
from itertools import count

import pytest

from tests.library import opened


def tell(path, story):
    async def told():
        async with opened(path) as library:
            return await story(library)

    return asyncio.run(told())


@pytest.fixture
def in_library(tmp_path):
    """Run a story, a coroutine function, on a new library."""
    return lambda story: tell(tmp_path, story)


@pytest.fixture(scope="module")
def anew(tmp_path_factory):
    """Run each story on a library of its own, as the examples of a property need it."""
    numbers = count()
    return lambda story: tell(tmp_path_factory.mktemp(f"library{next(numbers)}"), story)
