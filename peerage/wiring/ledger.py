"""Makes the ledger over the swarm store and the database of records, and what changes the rules of credit.

A command makes one of them, so each is imported where it is made.
"""

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from actions.crediting import Crediting
    from actions.invitations import Invitations
    from actions.membership import Membership
    from peerage.wiring.application import Application
    from tracker.bonus import Bonus
    from tracker.ledger import Ledger
    from tracker.standing import Standings

log = structlog.get_logger()


def make_ledger(application: "Application") -> "Ledger":
    """Return the ledger of an application; its end is a flush."""
    from storage.census import ADDRESS_KEYS, FolderDayKeys
    from storage.ledger import SqlLedger
    from tracker.address_figures import AddressHasher
    from tracker.ledger import Ledger

    tracker, settings = application.tracker.tracker, application.settings.tracker
    keys = FolderDayKeys(application.stores.folder, application.environment.random, ADDRESS_KEYS)
    ledger = Ledger(
        tracker.store,
        SqlLedger(application.stores.records),
        tracker.terms,
        application.environment.clock,
        every=settings.flush_every,
        report=_flush_failed,
        addresses=AddressHasher(keys, application.environment.clock),
    )
    application.stack.push_async_callback(ledger.flush)
    return ledger


def make_crediting(application: "Application") -> "Crediting":
    """Return what changes the rules of credit."""
    from actions.crediting import Crediting
    from storage.credit import SqlCredit

    return Crediting(
        SqlCredit(application.stores.records),
        application.accounts.accounts,
        application.moderation,
        application.rights,
        application.environment.clock,
        token_lifetime=application.settings.ledger.token_lifetime,
    )


def make_membership(application: "Application") -> "Membership":
    """Return what shows accounts what they owe, and sells for points."""
    from actions.membership import Membership
    from storage.bonus import SqlBonus
    from storage.obligations import SqlObligations
    from storage.suspicions import SqlSuspicions

    settings, records = application.settings.ledger, application.stores.records
    return Membership(
        SqlObligations(records),
        SqlBonus(records),
        application.rights,
        application.environment.clock,
        suspicions=SqlSuspicions(records),
        timeout=application.tracker.tracker.terms.timeout,
        rules=settings.obligations,
        prices=settings.prices,
    )


def make_bonus(application: "Application") -> "Bonus":
    """Return what gives points for seeding."""
    from storage.bonus import SqlBonus
    from tracker.bonus import Bonus

    settings, store = application.settings.ledger, SqlBonus(application.stores.records)
    return Bonus(store, settings.bonus, application.environment.clock, _bonus_failed)


def make_standings(application: "Application") -> "Standings":
    """Return what judges accounts."""
    from storage.standing import SqlStandings
    from tracker.standing import Standings

    settings, store = application.settings.ledger, SqlStandings(application.stores.records)
    clock = application.environment.clock
    return Standings(store, settings.classes, settings.watch, clock, _judging_failed)


def make_invitations(application: "Application") -> "Invitations":
    """Return what lets others in by invitations."""
    from actions.invitations import Invitations
    from storage.invitations import SqlInvitations

    invitations = Invitations(
        SqlInvitations(application.stores.records),
        application.accounts.accounts,
        application.accounts.secrets,
        application.moderation,
        rights=application.rights,
        clock=application.environment.clock,
        lifetime=application.settings.accounts.invite_lifetime,
    )
    application.stack.push_async_callback(invitations.drain)
    return invitations


def _judging_failed(error: Exception) -> None:
    log.error("ledger.judging_failed", error=str(error))


def _bonus_failed(error: Exception) -> None:
    log.error("ledger.bonus_failed", error=str(error))


def _flush_failed(error: Exception) -> None:
    log.error("ledger.flush_failed", error=str(error), cause=str(error.__cause__))
