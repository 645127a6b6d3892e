"""Hides what has to be done for the accounts from time to time, and that a failure of it ends nothing."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from accounts.accounts import Accounts
from peerage.welcome import Welcome

_SECONDS = 10.0
_ROUNDS_TO_PURGE = 360

log = structlog.get_logger()


async def keep_up(accounts: Accounts, welcome: Welcome, *, every: float = _SECONDS) -> None:
    """Write uses and tidy up, every so many seconds, and purge at first and about once an hour; never returns."""
    rounds = 0
    while True:
        if rounds % _ROUNDS_TO_PURGE == 0:
            await _attempt("purge", accounts.purge)
        await _attempt("flush", accounts.flush_uses)
        await _attempt("tidy", welcome.tidy)
        rounds += 1
        await asyncio.sleep(every)


async def _attempt(what: str, work: Callable[[], Awaitable[object]]) -> None:
    try:
        await work()
    except Exception as error:
        log.warning("accounts.upkeep_failed", what=what, error=str(error), kind=type(error).__name__)
