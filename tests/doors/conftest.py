"""The event loops of the tests of doors."""

from tests.support.event_loops import pytest_asyncio_loop_factories  # noqa: F401 - a hook
