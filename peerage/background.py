"""What runs beside the requests: the end of what was interrupted, the swarms' return, then tasks until the end."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from actions.mirroring import Mirroring
from actions.retention import Retention, RetentionTerms
from doors.kept_files import KeptFileRenewal
from peerage.account_maintenance import maintain_accounts
from peerage.allocator import freeze_objects
from peerage.descriptors import report_pauses
from peerage.listeners import Listeners
from peerage.memory_bounds import MemoryWatch, memory_allowed
from peerage.wiring.application import Application
from peerage.wiring.mirror import make_configured_mirroring
from storage.retention import SqlRetention
from storage.unavailable import until_available
from tracker.sweeper import patient, sweep

log = structlog.get_logger()


def _renewal(application: Application, listeners: Listeners) -> KeptFileRenewal | None:
    kept, torrents = listeners.kept_files, application.torrents
    return KeptFileRenewal(kept, torrents.cache, torrents.files) if kept is not None else None


async def _reconcile(application: Application) -> None:
    """Reconcile files with records, then the catalogue with both."""
    await application.reconciliation.run()
    await application.catalogue.sync.run()


def _retention(application: Application) -> Retention:
    wanted = application.settings.retention
    return Retention(
        SqlRetention(application.stores.records),
        application.accounts.accounts.log,
        RetentionTerms(wanted.addresses, wanted.logins, wanted.log, wanted.reports, wanted.deliveries),
        application.environment.clock,
        note=application.note_maintenance,
    )


def _mirror(application: Application) -> "RunningMirror | None":
    mirroring = make_configured_mirroring(application)
    return None if mirroring is None else RunningMirror(mirroring, application.settings.mirror.interval)


@dataclass(frozen=True, slots=True)
class RunningMirror:
    """What follows another service as long as this one runs."""

    mirroring: Mirroring
    interval: float

    async def run(self) -> None:
        """Catch up again and again; never returns."""
        await self.mirroring.run(self.interval)


class BackgroundTask(Protocol):
    """What runs beside the requests until the end."""

    async def run(self) -> None:
        """Do its work again and again."""


def _optional_tasks(application: Application, listeners: Listeners) -> Sequence[BackgroundTask | None]:
    """Return what runs where the settings ask for it, None for what they do not."""
    private = application.private
    return (
        application.ledger if private else None,
        application.bonus if private else None,
        application.standings if private else None,
        application.replicator,
        application.downloads.auto_fetch,
        application.downloads.engine_announcer,
        application.torrents.scrubber,
        _renewal(application, listeners),
        listeners.websocket,
        listeners.udp_keys,
        application.lost_passwords,
        application.list_files if application.settings.lists.paths else None,
        _mirror(application),
    )


@asynccontextmanager
async def timers(
    application: Application, listeners: Listeners, finished: asyncio.Event, stop: Callable[[], None]
) -> AsyncIterator[None]:
    """Finish what was interrupted, restore the swarms, then flush and sweep them; a failure stops the service."""
    settings = application.settings.tracker

    async def run_timers() -> None:
        try:
            await until_available(application.takedowns.finish)
            await application.downloads.downloads.begin()
            finished.set()
            await until_available(application.take_up)
            await until_available(application.tracker.restore)
            freeze_objects()
            await asyncio.gather(
                until_available(application.takedowns.explain_denied),
                application.tracker.flusher.run(),
                sweep(application.tracker.tracker.store, patient(time.time, settings.interval)),
                listeners.loop_stalls.run(),
                MemoryWatch(listeners.memory, memory_allowed(Path("/"), own=True)).run(),
                listeners.sampler.run(),
                report_pauses(lambda: listeners.connections().accepting_paused),
                maintain_accounts(
                    application.accounts.accounts, application.accounts.one_time_links, application.erasure
                ),
                _reconcile(application),
                application.cache_room.run(),
                application.history.run(),
                application.bulk_uploads.run(),
                application.catalogue.changes.run(),
                application.webhooks.run(),
                _retention(application).run(),
                *(each.run() for each in _optional_tasks(application, listeners) if each is not None),
            )
        except Exception as error:
            log.critical("service.failed", error=str(error), kind=type(error).__name__)
            stop()
            raise

    task = asyncio.create_task(run_timers())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
