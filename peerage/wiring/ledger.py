"""Makes the ledger over the swarm store and the database of records, and what changes the rules of credit."""

from typing import TYPE_CHECKING

import structlog

from actions.crediting import Crediting
from storage.credit import SqlCredit
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


def make_crediting(application: "Application") -> Crediting:
    """Return what changes the rules of credit."""
    return Crediting(
        SqlCredit(application.stores.records),
        application.accounts.accounts,
        application.catalogue_records.moderation,
        application.rights,
        application.environment.clock,
        token_lifetime=application.settings.ledger.token_lifetime,
    )


def _flush_failed(error: Exception) -> None:
    log.error("ledger.flush_failed", error=str(error), cause=str(error.__cause__))
