"""Makes the ledger over the swarm store and the database of records."""

from typing import TYPE_CHECKING

import structlog

from storage.ledger import SqlLedger
from tracker.ledger import Ledger

if TYPE_CHECKING:
    from peerage.wiring.application import Application

log = structlog.get_logger()


def make_ledger(application: "Application") -> Ledger:
    """Return the ledger of an application; its end is a flush."""
    tracker, settings = application.tracker.tracker, application.settings.tracker
    ledger = Ledger(
        tracker.store,
        SqlLedger(application.stores.records),
        tracker.terms,
        application.environment.clock,
        every=settings.flush_every,
        report=_flush_failed,
    )
    application.stack.push_async_callback(ledger.flush)
    return ledger


def _flush_failed(error: Exception) -> None:
    log.error("ledger.flush_failed", error=str(error), cause=str(error.__cause__))
