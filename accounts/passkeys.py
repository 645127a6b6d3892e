"""Passkeys and authkeys: secrets in links, derived, so that they can be shown again without being stored.

Both are derived under the service's key, so neither can be read from the database.
"""

import asyncio
import hmac
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from enum import Enum
from typing import NamedTuple

from accounts.model import Key, Principal, Scope
from accounts.secrets import Secrets
from accounts.store import AccountStore, NewKey, PasskeyRecord
from bittorrent.refusal import Refusal
from tasks.run_to_completion import RunToCompletion

_LABEL = "links "
_DERIVED_LABEL = re.compile(rf"{_LABEL}[A-Za-z0-9_-]{{43}}")
_FOREIGN_LABEL = "moved "
_SEALED_LABEL = re.compile(rf"{_FOREIGN_LABEL}[A-Za-z0-9_-]{{64}}")
# Revoked ones that are kept for the list of keys.
_DEAD_KEPT = 100


_BATCH = 5000


class PasskeyState(Enum):
    """Whether a passkey is taken, and why it is not."""

    LIVE = "live"
    DISABLED = "disabled"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


class KnownPasskey(NamedTuple):
    """An account's own passkey and its state."""

    passkey: str
    account: int
    state: PasskeyState


class Passkeys:
    """Derives passkeys and authkeys, 32 lower-case hex digits each.

    `observer` is told each passkey whose state may have changed, before the change returns.
    """

    observer: Callable[[KnownPasskey], None] | None = None

    def __init__(self, store: AccountStore, secrets: Secrets, clock: Callable[[], float]) -> None:
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._lock = asyncio.Lock()
        self._running = RunToCompletion("accounts.passkey_failed", expected=(Refusal,))

    def authkey(self, principal: Principal) -> str:
        """Return the CSRF secret in links of a session, or of a key's owner."""
        key = principal.key.id if principal.key else None
        return self._secrets.derived("authkey", f"{principal.id}:{key}:{principal.session}")

    def is_authkey(self, principal: Principal, sent: str) -> bool:
        """Return whether what was sent is the authkey of who sent it."""
        return hmac.compare_digest(self.authkey(principal).encode(), sent.encode("utf-8", "replace"))

    async def passkey(self, user: int) -> str:
        """Return an account's passkey for links, the same until it is revoked; then a new one is created.

        It is a key like any other: listed, its use noted, revocable.
        """
        async with self._lock:
            found = await self.existing(user)
        if found is not None:
            return found
        return await self._running.run(self._replace(user, keep=True))

    async def reset(self, user: int) -> str:
        """Revoke an account's passkey for links, and return another."""
        return await self._running.run(self._replace(user, keep=False))

    async def _replace(self, user: int, *, keep: bool) -> str:
        """Return a new passkey in the place of the one that there is, or with `keep` that one.

        Who takes the place of a suspended one, revoked or not, is suspended too.
        """
        async with self._lock:
            suspended = False
            for key in await self._store.keys(user):
                secret = await self._secret_of(key)
                if secret is None:
                    continue
                suspended = key.suspended
                if keep and not key.revoked:
                    return secret
                if not key.revoked:
                    await self._store.revoke(key.id, int(self._clock()))
                    self._tell(KnownPasskey(secret, user, PasskeyState.REVOKED))
            secret = await self._create(user, suspended=suspended)
            await self._tell_all(user)
            return secret

    async def end(self, user: int, erase: Callable[[], Awaitable[None]]) -> None:
        """Have an account erased from the store, and its passkeys with it; then tell the observer."""
        async with self._lock:
            known = [await self._secret_of(key) for key in await self._store.keys(user)]
            await erase()
            for secret in known:
                if secret is not None:
                    self._tell(KnownPasskey(secret, user, PasskeyState.REVOKED))

    async def existing(self, user: int) -> str | None:
        """Return an account's passkey for links, None where it has none."""
        for key in await self._store.live_keys(user, int(self._clock())):
            if (secret := await self._secret_of(key)) is not None:
                return secret
        return None

    async def walk(self) -> AsyncIterator[Sequence[KnownPasskey]]:
        """Yield every account's own passkey that is not revoked, in batches."""
        after = 0
        while records := await self._store.passkeys(after, _BATCH):
            after = records[-1].key
            yield await asyncio.to_thread(self._known, records)

    def _known(self, records: Sequence[PasskeyRecord]) -> list[KnownPasskey]:
        known = []
        for record in records:
            secret = self._derived(record.label)
            if secret is not None and self._secrets.of_key(secret, Scope.PASSKEY) == record.digest:
                state = _state(enabled=record.enabled, suspended=record.suspended)
                known.append(KnownPasskey(secret, record.user_id, state))
        return known

    async def refresh(self, user: int) -> None:
        """Tell the observer an account's passkeys anew, because the account or one of its keys changed."""
        if self.observer is not None:
            async with self._lock:
                await self._tell_all(user)

    async def drain(self) -> None:
        """Wait for what is under way."""
        await self._running.drain()

    async def _tell_all(self, user: int) -> None:
        owner = await self._store.user(user)
        if self.observer is None or owner is None:
            return
        for key in await self._store.keys(user):
            secret = await self._secret_of(key)
            if secret is not None:
                state = _state(enabled=owner.enabled, suspended=key.suspended, revoked=key.revoked)
                self._tell(KnownPasskey(secret, user, state))

    def _tell(self, known: KnownPasskey) -> None:
        if self.observer is not None:
            self.observer(known)

    def foreign_digest(self, passkey: str) -> bytes | None:
        """Return the digest of a passkey of another site; None unless it is 32 letters and digits."""
        return self._secrets.of_key(passkey, Scope.PASSKEY)

    def foreign_label(self, passkey: str) -> str:
        """Return the label of a key that gives a passkey of another site again, with the service's key."""
        return _FOREIGN_LABEL + self._secrets.seal(passkey)

    def tell_new(self, passkey: str, account: int, *, enabled: bool) -> None:
        """Tell the observer a passkey that was stored just now."""
        self._tell(KnownPasskey(passkey, account, _state(enabled=enabled, suspended=False)))

    def _derived(self, label: str) -> str | None:
        if _DERIVED_LABEL.fullmatch(label):
            return self._secrets.derived("passkey", label)
        if _SEALED_LABEL.fullmatch(label):
            return self._secrets.unseal(label.removeprefix(_FOREIGN_LABEL))
        return None

    async def _secret_of(self, key: Key) -> str | None:
        """Return the secret of a derived passkey, None for other keys; a user's own key may have a similar label."""
        secret = self._derived(key.label) if key.scope is Scope.PASSKEY else None
        if secret is None:
            return None
        digest = self._secrets.of_key(secret, Scope.PASSKEY)
        found = await self._store.key_by_digest(digest) if digest else None
        is_key = found is not None and found.principal.key is not None and found.principal.key.id == key.id
        return secret if is_key else None

    async def _create(self, user: int, *, suspended: bool) -> str:
        # The secret is derived from the label with the service's key; the label alone does not give it.
        label = _LABEL + self._secrets.link()
        secret = self._secrets.derived("passkey", label)
        digest = self._secrets.of_key(secret, Scope.PASSKEY)
        if digest is None:
            raise ValueError("a generated secret is malformed")
        new = NewKey(user, Scope.PASSKEY, label, None, int(self._clock()), None)
        key = await self._store.add_key(new, digest, _DEAD_KEPT)
        if suspended:
            await self._store.suspend(key.id, suspended=True)
        return secret


def _state(*, enabled: bool, suspended: bool, revoked: bool = False) -> PasskeyState:
    if revoked:
        return PasskeyState.REVOKED
    if not enabled:
        return PasskeyState.DISABLED
    return PasskeyState.SUSPENDED if suspended else PasskeyState.LIVE
