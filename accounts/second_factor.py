"""The second factor of accounts: codes of an authenticator app, and recovery codes that work once each."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from accounts import one_time_codes
from accounts.login_throttle import LoginThrottle
from accounts.model import User
from accounts.secrets import Secrets
from bittorrent.refusal import Refusal

RECOVERY_CODES = 10
TICKET_LIFETIME = 600
"""Seconds between a right password and the code that has to follow it."""

_LONGEST_CODE = 64


@dataclass(frozen=True, slots=True)
class FactorRecord:
    """A stored second factor: its sealed secret, when it was confirmed (None: not yet), and the last step used."""

    sealed: str
    confirmed: int | None
    step: int


@dataclass(frozen=True, slots=True)
class FactorState:
    """Whether an account has a second factor, since when, and how many recovery codes are left."""

    since: int
    recovery_codes: int


class SecondFactorStore(Protocol):
    """Second factors by account; every change is on disk when it returns."""

    async def begin(self, user: int, sealed: str) -> None:
        """Store a secret that is not confirmed, in place of an earlier one that is not."""

    async def find(self, user: int) -> FactorRecord | None:
        """Find the second factor of an account, confirmed or not."""

    async def confirm(self, user: int, now: int, step: int, recovery: Sequence[bytes]) -> bool:
        """Confirm the secret and store digests of recovery codes; False where none waits for it."""

    async def use_step(self, user: int, step: int) -> bool:
        """Note the step of a code that was used; False where that one or a later one was."""

    async def use_recovery(self, user: int, digest: bytes) -> bool:
        """Delete a recovery code; False where the account has none with that digest."""

    async def count_recovery(self, user: int) -> int:
        """Count the recovery codes that are left."""

    async def delete(self, user: int) -> bool:
        """Delete secret and recovery codes; False where there are none."""


class SecondFactors:
    """The second factor over a store: begun, confirmed by a code, asked for at a log-in, and ended.

    Wrong codes are counted by account, so that they can be guessed no faster from many addresses; to guess them at all
    takes the password.
    """

    def __init__(
        self,
        store: SecondFactorStore,
        secrets: Secrets,
        throttle: LoginThrottle,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._throttle = throttle
        self._clock = clock
        self._random = random
        self._lock = asyncio.Lock()

    async def state(self, user: int) -> FactorState | None:
        """Return the state of an account's second factor; None where it has none."""
        found = await self._store.find(user)
        if found is None or found.confirmed is None:
            return None
        return FactorState(found.confirmed, await self._store.count_recovery(user))

    async def begin(self, user: int) -> bytes:
        """Return a new secret for an app; it counts once it is confirmed. Refusal: `taken`."""
        if await self.state(user) is not None:
            raise Refusal("taken", "there is a second factor already")
        secret = self._random(one_time_codes.SECRET_BYTES)
        await self._store.begin(user, self._secrets.seal(one_time_codes.written(secret)))
        return secret

    async def waiting(self, user: int) -> bytes | None:
        """Return the secret that waits to be confirmed."""
        found = await self._store.find(user)
        return self._opened(found) if found is not None and found.confirmed is None else None

    async def confirm(self, user: User, code: str) -> list[str]:
        """Confirm a secret by a code of the app; return the recovery codes, which are shown this once.

        Refusal: `not-found` where none waits, `bad-code`, `login-slowed`.
        """
        secret = await self.waiting(user.id)
        if secret is None:
            raise Refusal("not-found")
        step = self._step(user, secret, code, -1)
        if step is None:
            raise Refusal("bad-code")
        codes = [self._random(5).hex() for _ in range(RECOVERY_CODES)]
        digests = [self._secrets.of_recovery(user.id, each) for each in codes]
        if not await self._store.confirm(user.id, int(self._clock()), step, digests):
            raise Refusal("not-found")
        self._throttle.succeeded(user.name, _key(user.id))
        return codes

    async def check(self, user: User, code: str) -> None:
        """Use a code of the app or a recovery code up. Refusal: `bad-code`, `login-slowed`."""
        found = await self._store.find(user.id)
        if found is None or found.confirmed is None:
            return
        tidy = "".join(code[:_LONGEST_CODE].lower().split()).replace("-", "")
        async with self._lock:
            step = self._step(user, self._opened(found), tidy, found.step)
            if step is None:
                taken = tidy.isascii() and await self._store.use_recovery(
                    user.id, self._secrets.of_recovery(user.id, tidy)
                )
            else:
                taken = await self._store.use_step(user.id, step)
        if not taken:
            raise Refusal("bad-code")
        self._throttle.succeeded(user.name, _key(user.id))

    async def end(self, user: int) -> bool:
        """End an account's second factor; False where it has none."""
        return await self._store.delete(user)

    def ticket(self, user: int, *, keep: bool) -> str:
        """Return what says for some minutes that this account's password was right."""
        ends = int(self._clock()) + TICKET_LIFETIME
        return self._secrets.sign_ticket(f"{user}.{int(keep)}.{ends}")

    def read_ticket(self, text: str) -> tuple[int, bool]:
        """Return the account of a ticket, and whether it is to be kept logged in. Refusal: `bad-link`."""
        opened = self._secrets.read_ticket(text)
        user, keep, ends = opened.split(".") if opened is not None else ("0", "0", "0")
        if int(ends) <= self._clock():
            raise Refusal("bad-link")
        return int(user), keep == "1"

    def _step(self, user: User, secret: bytes, code: str, after: int) -> int | None:
        self._throttle.begin(user.name, _key(user.id))
        return one_time_codes.matching_step(secret, code, self._clock(), after)

    def _opened(self, found: FactorRecord) -> bytes:
        opened = self._secrets.unseal(found.sealed)
        if opened is None:  # sealed under another key: no code can be right
            raise Refusal("bad-code")
        return one_time_codes.read(opened)


def _key(user: int) -> bytes:
    """Return what stands for an account where the throttle counts addresses, apart from its passwords."""
    return b"2nd" + user.to_bytes(8, "big")
