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
    """That an account has a second factor: since when, how many recovery codes are left, and which it has.

    An authenticator app, WebAuthn credentials, or both; either of them, or a recovery code, is asked for.
    """

    since: int
    recovery_codes: int
    has_app: bool = True
    has_credentials: bool = False


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

    async def first_credential(self, user: int) -> int | None:
        """Return when the oldest WebAuthn credential of an account was added; None where it has none."""

    async def put_recovery(self, user: int, recovery: Sequence[bytes]) -> None:
        """Store digests of recovery codes in place of earlier ones."""

    async def delete(self, user: int) -> bool:
        """Delete secret, WebAuthn credentials and recovery codes; False where there are none."""


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
        found, credential = await self._store.find(user), await self._store.first_credential(user)
        app = found.confirmed if found is not None else None
        since = [each for each in (app, credential) if each is not None]
        if not since:
            return None
        return FactorState(
            min(since),
            await self._store.count_recovery(user),
            has_app=app is not None,
            has_credentials=credential is not None,
        )

    async def begin(self, user: int) -> bytes:
        """Return a new secret for an app; it counts once it is confirmed. Refusal: `taken`."""
        known = await self._store.find(user)
        if known is not None and known.confirmed is not None:
            raise Refusal("taken", "there is an app already")
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
        codes, digests = self._recovery_codes(user.id)
        if not await self._store.confirm(user.id, int(self._clock()), step, digests):
            raise Refusal("not-found")
        self._throttle.succeeded(user.name, _key(user.id))
        return codes

    async def renew_recovery(self, user: int) -> list[str]:
        """Make new recovery codes in place of earlier ones, and return them; they are shown this once."""
        codes, digests = self._recovery_codes(user)
        await self._store.put_recovery(user, digests)
        return codes

    async def check(self, user: User, code: str) -> None:
        """Use a code of the app or a recovery code up. Refusal: `bad-code`, `login-slowed`."""
        found = await self._store.find(user.id)
        if found is None or found.confirmed is None:
            if await self._store.first_credential(user.id) is None:
                return
            found = None
        tidy = "".join(code[:_LONGEST_CODE].lower().split()).replace("-", "")
        async with self._lock:
            self._throttle.begin(user.name, _key(user.id))
            step = self._matching(found, tidy) if found is not None else None
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

    def _recovery_codes(self, user: int) -> tuple[list[str], list[bytes]]:
        codes = [self._random(5).hex() for _ in range(RECOVERY_CODES)]
        return codes, [self._secrets.of_recovery(user, each) for each in codes]

    def _matching(self, found: FactorRecord, code: str) -> int | None:
        return one_time_codes.matching_step(self._opened(found), code, self._clock(), found.step)

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
