"""Retention: addresses, logs and ended business are deleted when their time is over."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import structlog

from accounts.authentication_log import AuthenticationLog
from actions.maintenance import NoteMaintenance, note_nowhere

_DAY = 86_400
_SECONDS = 3600.0

log = structlog.get_logger()


class RetentionStore(Protocol):
    """Deletes what is older than a time, in unix seconds; each returns how many rows that concerned."""

    async def forget_addresses(self, before: int) -> int:
        """Forget the addresses of sessions that began before a time; the sessions stay."""
        ...

    async def delete_log(self, before: int) -> int:
        """Delete entries of the moderators' log from before a time."""
        ...

    async def delete_reports(self, before: int) -> int:
        """Delete reports that were resolved before a time."""
        ...

    async def delete_deliveries(self, before: int) -> int:
        """Delete deliveries to webhooks that ended, of events from before a time."""
        ...


@dataclass(frozen=True, slots=True)
class RetentionTerms:
    """Days for which things are kept, 0 for ever."""

    addresses: int = 7
    logins: int = 30
    log: int = 0
    reports: int = 0
    deliveries: int = 30


class Retention:
    """Deletes by the terms, every hour. `clock` gives unix seconds."""

    def __init__(
        self,
        store: RetentionStore,
        logins: AuthenticationLog,
        terms: RetentionTerms,
        clock: Callable[[], float],
        *,
        note: NoteMaintenance = note_nowhere,
    ) -> None:
        self._note = note
        self._store = store
        self._logins = logins
        self._terms = terms
        self._clock = clock

    async def apply(self) -> dict[str, int]:
        """Delete what is over, and note that; return how many there were of each kind."""
        began = self._clock()
        now, terms, store = int(began), self._terms, self._store
        work = (
            ("addresses", terms.addresses, store.forget_addresses),
            ("log", terms.log, store.delete_log),
            ("reports", terms.reports, store.delete_reports),
            ("deliveries", terms.deliveries, store.delete_deliveries),
        )
        done = {name: await delete(now - days * _DAY) for name, days, delete in work if days}
        if terms.logins:
            done["logins"] = self._logins.forget(now - terms.logins * _DAY)
        done = {name: count for name, count in done.items() if count}
        if done:
            await self._note("retention", began, done)
        return done

    async def run(self) -> None:
        """Apply the terms every hour; never returns."""
        while True:
            try:
                if done := await self.apply():
                    log.info("retention.applied", **done)
            except Exception:
                log.exception("retention.failed")
            await asyncio.sleep(_SECONDS)
