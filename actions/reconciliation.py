"""Reconciliation of files and records beside a running service, past the blocklist as uploads come."""

import asyncio
from contextlib import AbstractAsyncContextManager

import structlog

from actions.takedowns import Takedowns
from bittorrent.metainfo import Metainfo
from cache.reconciliation import ReconcileProgress
from cache.torrents import TorrentCache

_RETRY = 60.0

log = structlog.get_logger()


class Reconciliation:
    """Makes files and records consistent once; a failure is logged, and tried again after `retry` seconds."""

    def __init__(self, cache: TorrentCache, takedowns: Takedowns, *, retry: float = _RETRY) -> None:
        self._cache = cache
        self._takedowns = takedowns
        self._retry = retry
        self._failed = False
        self.done = False
        self.progress = ReconcileProgress()

    @property
    def state(self) -> str:
        """How far it is, in words that may be published."""
        if self.done:
            return "ok"
        if self._failed:
            return "reconciling failed, and is tried again"
        return f"reconciling, {int(100 * self.progress.reached)} % done"

    async def run(self) -> None:
        """Reconcile, until it is done."""
        while not self.done:
            try:
                await self.run_once()
            except Exception:
                log.exception("cache.reconcile_failed")
                self._failed = True
                await asyncio.sleep(self._retry)

    async def run_once(self) -> ReconcileProgress:
        """Reconcile, and return what was done."""
        self._failed, self.progress.reached = False, 0.0
        await self._cache.reconcile(self._enter, self.progress)
        self.done = True
        made = self.progress
        log.info("cache.reconciled", recorded=made.recorded, dropped=made.dropped, damaged=made.damaged)
        return made

    def _enter(self, metainfo: Metainfo) -> AbstractAsyncContextManager[None]:
        return self._takedowns.entering(metainfo)
