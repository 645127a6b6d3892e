"""Makes the tracker over its swarm store, with journal, flusher and census."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import structlog

from peerage.config import Settings
from peerage.wiring.environment import Environment
from peerage.wiring.swarm_store import announce_terms, make_swarm_store
from storage.census import FolderDayKeys
from storage.database import Database, DatabaseDamaged
from storage.journal import SqlJournal
from tracker.census import Census, CensusTerms
from tracker.flusher import Flusher, FlushObserver, Journal
from tracker.geo import countries
from tracker.native_swarms import NativeSwarms
from tracker.policy import Policy
from tracker.sweeper import sweep_once
from tracker.tracker import Tracker

if TYPE_CHECKING:
    from peerage.wiring.application import Application
    from tracker._native import Store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TrackerServices:
    """The tracker, and what keeps its swarms over a restart and counts their peers."""

    tracker: Tracker
    journal: Journal
    flusher: Flusher
    census: Census
    swarms: Database

    @property
    def native_store(self) -> "Store | None":
        """The C swarm store, where it is in use."""
        store = self.tracker.store
        return store.handle if isinstance(store, NativeSwarms) else None

    async def restore(self) -> None:
        """Bring the swarms back from the journal; until that is done the tracker answers with a warning."""
        began = time.monotonic()
        self.tracker.restoring = True
        try:
            rows = await self.flusher.restore()
        except DatabaseDamaged as error:
            await self._start_over(error)
            rows = 0
        self.tracker.policy.remove_denied()
        expired = sweep_once(self.tracker.store, int(time.time()) - self.tracker.terms.interval)
        self.tracker.restoring = False
        totals = self.tracker.store.totals()
        seconds = round(time.monotonic() - began, 3)
        log.info("swarms.restored", rows=rows, peers=totals.peers, expired=expired, seconds=seconds)

    async def start_census(self) -> None:
        """Open the census' day."""
        try:
            await self.census.start()
        except DatabaseDamaged as error:
            await self._start_over(error)

    async def _start_over(self, error: DatabaseDamaged) -> None:
        """Go on without the journal, which is disposable: clients announce again."""
        aside = await self.swarms.start_over(time.time())
        log.warning("swarms.damaged_set_aside", aside=str(aside), error=str(error))
        await self.census.start()


def make_tracker(settings: Settings, environment: Environment, node: int = 0) -> Tracker:
    """Return the tracker of the node of a number, over an empty swarm store. Raises NoNativeStore."""
    store = make_swarm_store(settings.tracker, settings.fairness.terms, node=node)
    policy = Policy(store, settings.tracker.mode)
    terms = announce_terms(settings.tracker, settings.fairness.terms, node)
    return Tracker(store, policy, terms, environment.clock)


def make_census(application: "Application") -> Census:
    """Return the census. GeoError: the operator's database of countries cannot be used."""
    wanted, stores, environment = application.settings.census, application.stores, application.environment

    async def closed(day: date, counts: int, began: float) -> None:
        await application.note_maintenance("census", began, {"day": str(day), "counts": counts})

    return Census(
        application.census_store,
        FolderDayKeys(stores.folder, environment.random),
        countries(wanted.database),
        environment.clock,
        CensusTerms(wanted.enabled, wanted.alive_days, wanted.keep_days),
        closed=closed,
    )


def make_tracker_services(application: "Application", observers: Sequence[FlushObserver]) -> TrackerServices:
    """Return the tracker of an application; its end is a flush. DatabaseError: `cluster.url` lacks its client.

    After each flush the census and `observers` are told.
    """
    settings, environment = application.settings, application.environment
    node = 0
    if settings.cluster.url is not None:
        from peerage.wiring.cluster import node_number, require_client  # noqa: PLC0415 - on a node of several alone

        require_client()
        node = node_number(application.stores.folder, environment)
    tracker, census = make_tracker(settings, environment, node), make_census(application)
    journal = SqlJournal(application.stores.swarms)
    flusher = Flusher(
        tracker.store,
        journal,
        settings.tracker.flush_every,
        environment.timer,
        _flush_failed,
        observers=[census.observe, *observers],
    )

    async def flush_last() -> None:
        # A command has no swarms but those that it only counts, nor has an application that was not started, and their
        # census knows nothing of the open day.
        if application.started and application.serves:
            await flusher.flush()

    application.stack.push_async_callback(flush_last)
    return TrackerServices(tracker, journal, flusher, census, application.stores.swarms)


def _flush_failed(error: Exception) -> None:
    log.error("swarms.flush_failed", error=str(error), cause=str(error.__cause__))


def figures_not_kept(error: Exception) -> None:
    """Log that no sample of the figures was kept."""
    log.error("figures.not_kept", error=str(error))
