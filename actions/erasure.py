"""Erasure of accounts: by their owners or by admins, in force at once, and finished after an interruption."""

from collections.abc import Awaitable, Callable

import structlog

from accounts.accounts import Accounts
from accounts.erasure import ErasureLine, ErasureStore, Writings
from accounts.model import Principal
from accounts.rights import Right, Rights
from actions.account_management import require_own_password, require_rest
from bittorrent.refusal import Refusal
from tasks.run_to_completion import RunToCompletion

log = structlog.get_logger()


class AccountErasure:
    """Erases accounts over a store; `clock` gives unix seconds.

    `write_counts` writes what of traffic is in memory, `end_work` ends an account's downloads and unsent uploads.
    """

    def __init__(
        self,
        accounts: Accounts,
        rights: Rights,
        store: ErasureStore,
        clock: Callable[[], float],
        *,
        write_counts: Callable[[], Awaitable[None]],
        end_work: Callable[[int], Awaitable[None]],
    ) -> None:
        self._accounts = accounts
        self._rights = rights
        self._store = store
        self._clock = clock
        self._write_counts = write_counts
        self._end_work = end_work
        self._running = RunToCompletion("accounts.erasure_failed", expected=(Refusal,))

    async def erase(
        self,
        principal: Principal,
        user: int,
        writings: Writings = Writings.KEEP,
        *,
        password: str = "",
        code: str = "",
        address: bytes = b"",
    ) -> None:
        """Erase one's own account by its password and, where it has a second factor, a code; or another's (ACCOUNTS).

        The moderators' log tells that an account was erased, and by whom, never which.
        Refusal: `bad-credentials`, `bad-code`, `login-slowed`, `busy`, `last-admin`, `not-found`, `forbidden`.
        """
        require_rest(principal)
        if principal.user is not None and principal.id == user:
            await require_own_password(self._accounts, principal, password, address)
            await self._accounts.second_factors.check(principal.user, code)
            line = ErasureLine(None, "by its owner", int(self._clock()))
        else:
            self._rights.require(principal, Right.ACCOUNTS)
            line = ErasureLine(principal.id, principal.signed(""), int(self._clock()))
        await self._running.run(self._erase(user, writings, line))

    async def _erase(self, user: int, writings: Writings, line: ErasureLine) -> None:
        await self._accounts.end(user, lambda: self._store.begin(user, writings, line))
        await self._attempt(user)

    async def finish(self) -> None:
        """Finish what was interrupted or failed."""
        for user in await self._store.waiting():
            await self._attempt(user)

    async def drain(self) -> None:
        """Wait for what is under way."""
        await self._running.drain()

    async def _attempt(self, user: int) -> None:
        """Erase what is left of an account; a failure is logged, and tried again later."""
        try:
            # What announces counted until then would be written after it.
            await self._write_counts()
            await self._end_work(user)
            await self._store.finish(user, int(self._clock()))
        except Exception:
            log.exception("accounts.erasure_delayed", account=user)
