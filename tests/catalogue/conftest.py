import asyncio

import pytest

from tests.library import opened


@pytest.fixture
def in_library(tmp_path):
    """Run a story, a coroutine function, on a new library."""

    def run(story):
        async def told():
            async with opened(tmp_path) as library:
                return await story(library)

        return asyncio.run(told())

    return run
