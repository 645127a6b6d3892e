"""Passkeys and authkeys: secrets in links, derived, so that they can be shown again without being stored.

Both are derived under the service's key, so neither can be read from the database.
"""

import asyncio
import hmac
import re
from collections.abc import Callable

from accounts.model import Key, Principal, Scope
from accounts.secrets import Secrets
from accounts.store import AccountStore, NewKey

_LABEL = "links "
_DERIVED_LABEL = re.compile(rf"{_LABEL}[A-Za-z0-9_-]{{43}}")
# Revoked ones that are kept for the list of keys.
_DEAD_KEPT = 100


class Passkeys:
    """Derives passkeys and authkeys, 32 lower-case hex digits each."""

    def __init__(self, store: AccountStore, secrets: Secrets, clock: Callable[[], float]) -> None:
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._lock = asyncio.Lock()

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
            return await self.existing(user) or await self._create(user)

    async def existing(self, user: int) -> str | None:
        """Return an account's passkey for links, None where it has none."""
        for key in await self._store.live_keys(user, int(self._clock())):
            if (secret := await self._secret_of(key)) is not None:
                return secret
        return None

    async def _secret_of(self, key: Key) -> str | None:
        """Return the secret of a derived passkey, None for other keys; a user's own key may have a similar label."""
        if key.scope is not Scope.PASSKEY or not _DERIVED_LABEL.fullmatch(key.label):
            return None
        secret = self._secrets.derived("passkey", key.label)
        digest = self._secrets.of_key(secret, Scope.PASSKEY)
        found = await self._store.key_by_digest(digest) if digest else None
        is_key = found is not None and found.principal.key is not None and found.principal.key.id == key.id
        return secret if is_key else None

    async def _create(self, user: int) -> str:
        # The secret is derived from the label with the service's key; the label alone does not give it.
        label = _LABEL + self._secrets.link()
        secret = self._secrets.derived("passkey", label)
        digest = self._secrets.of_key(secret, Scope.PASSKEY)
        if digest is None:
            raise ValueError("a generated secret is malformed")
        new = NewKey(user, Scope.PASSKEY, label, None, int(self._clock()), None)
        await self._store.add_key(new, digest, _DEAD_KEPT)
        return secret
