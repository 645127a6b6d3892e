"""Periodic maintenance of the accounts; an error is logged and ends nothing."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from accounts.accounts import Accounts
from actions.erasure import AccountErasure
from peerage.one_time_links import OneTimeLinks

_SECONDS = 10.0
_ROUNDS_PER_PURGE = 360

log = structlog.get_logger()


async def maintain_accounts(
    accounts: Accounts, one_time_links: OneTimeLinks, erasure: AccountErasure, *, every: float = _SECONDS
) -> None:
    """Write last uses and remove redeemed links each `every` seconds; never returns.

    About once an hour, and at first, what expired is purged, and erasures that were interrupted are finished.
    """
    rounds = 0
    while True:
        if rounds % _ROUNDS_PER_PURGE == 0:
            await _attempt("purge", accounts.purge)
            await _attempt("erase", erasure.finish)
        await _attempt("flush", accounts.flush_last_used)
        await _attempt("tidy", one_time_links.tidy)
        rounds += 1
        await asyncio.sleep(every)


async def _attempt(what: str, work: Callable[[], Awaitable[object]]) -> None:
    try:
        await work()
    except Exception as error:
        log.warning("accounts.upkeep_failed", what=what, error=str(error), kind=type(error).__name__)
