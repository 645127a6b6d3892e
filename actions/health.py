"""The health check: whether the stores answer, and free disk space."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import structlog

from cache.torrents import TorrentCache

OK = "ok"
_PATIENCE = 5.0

log = structlog.get_logger()


class HealthCheckedStore(Protocol):
    """A store that can be asked whether it answers."""

    async def healthy(self) -> bool:
        """Tell whether it answers."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Whether all parts are healthy, and of each part "ok" or what is wrong, safe to publish."""

    ok: bool
    parts: Mapping[str, str]


class Health:
    """Checks the journal, the records and the disk, each within `patience` seconds."""

    def __init__(self, cache: TorrentCache, journal: HealthCheckedStore, patience: float = _PATIENCE) -> None:
        self._cache = cache
        self._journal = journal
        self._patience = patience

    async def report(self) -> HealthReport:
        """Return the state of each part; it never raises."""
        names = ("journal", "records", "disk")
        answers = await asyncio.gather(
            self._ask("journal", lambda: _answers(self._journal)),
            self._ask("records", lambda: _answers(self._cache)),
            self._ask("disk", self._disk),
        )
        parts = dict(zip(names, answers, strict=True))
        return HealthReport(all(answer == OK for answer in answers), MappingProxyType(parts))

    async def _ask(self, part: str, question: Callable[[], Awaitable[str]]) -> str:
        try:
            async with asyncio.timeout(self._patience):
                return await question()
        except TimeoutError:
            return f"no answer in {self._patience:g} s"
        except Exception:
            log.exception("health.failed", part=part)
            return "failed"

    async def _disk(self) -> str:
        free, floor = await self._cache.free(), self._cache.quota.min_free
        return OK if free >= floor else f"{free} bytes free, below the floor of {floor}"


async def _answers(store: HealthCheckedStore) -> str:
    return OK if await store.healthy() else "does not answer"
