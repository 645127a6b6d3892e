"""Readiness: whether both databases and the disk take a write, asked rarely however often it is requested."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import structlog

from cache.torrents import TorrentCache

OK = "ok"
_PATIENCE = 2.0
_KEPT = 3.0

log = structlog.get_logger()


class HealthCheckedStore(Protocol):
    """A store that can be asked whether it takes a write."""

    async def healthy(self) -> bool:
        """Tell whether it takes a write."""


@dataclass(frozen=True, slots=True)
class HealthReport:
    """Whether all parts are healthy, and of each part "ok", what is wrong, or what is under way, safe to publish."""

    ok: bool
    parts: Mapping[str, str]


class Health:
    """Writes to the journal, the records and the disk, each within `patience` seconds.

    A report is kept for `kept` seconds by `timer`, and a part that has not answered is not asked again until it has,
    so that requests cannot load the disk. `write` makes a durable write in the folders. OSError: they take none.
    """

    def __init__(
        self,
        cache: TorrentCache,
        journal: HealthCheckedStore,
        patience: float = _PATIENCE,
        *,
        write: Callable[[], Awaitable[None]] | None = None,
        kept: float = _KEPT,
        timer: Callable[[], float] = time.monotonic,
        files: Callable[[], str] | None = None,
    ) -> None:
        """`files` says how far the files are reconciled with their records: that is told, and no failure."""
        self._files = files
        self._cache = cache
        self._journal = journal
        self._patience = patience
        self._write = write
        self._kept = kept
        self._timer = timer
        self._last: tuple[float, HealthReport] | None = None
        self._turn = asyncio.Lock()
        self._asked: dict[str, asyncio.Task[str]] = {}

    async def report(self) -> HealthReport:
        """Return the state of each part, as of a few seconds ago; it never raises."""
        async with self._turn:
            if self._last is None or self._timer() - self._last[0] >= self._kept:
                report = await self._new_report()
                self._last = self._timer(), report
            return self._last[1]

    async def close(self) -> None:
        """Wait for what was asked; call it before the stores are closed."""
        for task in self._asked.values():
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await task

    async def _new_report(self) -> HealthReport:
        questions = {
            "journal": lambda: _answers(self._journal),
            "records": lambda: _answers(self._cache),
            "disk": self._disk,
        }
        answers = await asyncio.gather(*(self._ask(part, question) for part, question in questions.items()))
        parts = dict(zip(questions, answers, strict=True))
        told = {"files": self._files()} if self._files is not None else {}
        return HealthReport(all(answer == OK for answer in answers), MappingProxyType({**parts, **told}))

    async def _ask(self, part: str, question: Callable[[], Awaitable[str]]) -> str:
        task = self._asked.get(part)
        if task is None or task.done():
            task = self._asked[part] = asyncio.ensure_future(question())
        await asyncio.wait({task}, timeout=self._patience)
        if not task.done():
            return f"no answer in {self._patience:g} s"
        try:
            return task.result()
        except Exception:
            log.exception("health.failed", part=part)
            return "failed"

    async def _disk(self) -> str:
        free, floor = await self._cache.free(), self._cache.quota.min_free
        if free < floor:
            return f"{free} bytes free, below the floor of {floor}"
        if self._write is not None:
            try:
                await self._write()
            except OSError as error:
                log.warning("health.disk", error=str(error))
                return f"cannot be written: {error.strerror}"
        return OK


async def _answers(store: HealthCheckedStore) -> str:
    return OK if await store.healthy() else "takes no write"
