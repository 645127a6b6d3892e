"""The application of a service in this process: production's own assembly, over a folder and fast databases."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from msgspec.structs import replace

from peerage.config import Settings
from peerage.wiring.application import Application
from peerage.wiring.environment import Environment
from peerage.wiring.stores import open_stores
from storage.schema import PEERAGE
from tests.support.databases import open_database
from tests.support.postgresql import shared_server

DATABASE = "TEST_DATABASE"
"""The variable that `--database` sets."""
_DATABASES: dict[Path, str] = {}
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Password hashing that takes microseconds."""


def repeatable_random() -> Callable[[int], bytes]:
    """Return a source of bytes that are different each time and the same in every run."""
    numbers = count()
    return lambda size: hashlib.shake_128(str(next(numbers)).encode()).digest(size)


def settings_in(folder: Path, **tables: Mapping[str, Any]) -> Settings:
    """Return settings for a data folder in `folder`: no engine, no limit that a test could meet by accident."""
    usual: dict[str, dict[str, Any]] = {
        "cache": {"min_free_disk": 0, "max_files": 1000},
        "downloads": {"enabled": False, "min_free_disk": 0},
        "limits": {"login": "1000/minute"},
        "accounts": {"hashing": 2},
    }
    given = {name: {**usual.get(name, {}), **tables.get(name, {})} for name in usual.keys() | tables.keys()}
    return Settings.of(data=folder / "data", **given)


async def on_the_chosen_engine(settings: Settings) -> Settings:
    """Return settings whose records are on the engine of `--database`; for each data folder it is one database."""
    if os.environ.get(DATABASE) != "postgresql" or settings.database is not None:
        return settings
    if settings.data not in _DATABASES:
        _DATABASES[settings.data] = await (await asyncio.to_thread(shared_server)).migrated(PEERAGE)
    return replace(settings, database=_DATABASES[settings.data])


@asynccontextmanager
async def open_test_application(
    settings: Settings, clock: Callable[[], float], *, settled: bool = True, **environment: Any
) -> AsyncIterator[Application]:
    """Open an application at a clock's time; `environment` replaces more of its surroundings.

    Unless it is to be `settled`, its files and records are not reconciled yet, as when a service answers first.
    """
    settings = await on_the_chosen_engine(settings)
    surroundings = {"clock": clock, "random": repeatable_random(), "password_hasher": QUICK} | environment
    async with AsyncExitStack() as stack:
        stores = await open_stores(settings, stack, open_database)
        application = Application(settings, stores, stack, Environment(**surroundings))
        if settled:
            await application.start()
        else:
            await application.prepare()
            await application.takedowns.finish()
            await application.take_up()
        yield application
