"""Hides what an account, a session and a key are worth: how they are made, proved and taken back."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from accounts.acquaintances import Acquaintances
from accounts.attempts import Attempts
from accounts.fields import fold, is_name, require_account, require_key, require_password
from accounts.model import Key, Principal, Role, Scope, User
from accounts.passes import Passes
from accounts.passwords import Passwords
from accounts.secrets import Secrets
from accounts.store import AccountStore, NewKey, Standing
from accounts.uses import Uses
from bittorrent.refusal import Refusal

KEPT_SESSION = 30 * 86_400
LINK_LIFETIME = 7 * 86_400
_SESSIONS_PER_USER = 100
_DEAD_KEPT = 30 * 86_400
_DAY = 86_400
_ID_MOST = 2**63 - 1

Clock = Callable[[], float]
Thing = TypeVar("Thing", User, Key)


class Accounts:
    """Accounts over a store; changes are on disk when they return. Nothing here asks who may: that is `actions`.

    Secrets are shown once and kept as keyed hashes; passwords as argon2id. `session_lifetime` is in seconds.
    """

    def __init__(
        self,
        store: AccountStore,
        secrets: Secrets,
        passwords: Passwords,
        attempts: Attempts,
        clock: Clock,
        *,
        session_lifetime: int,
        keys_per_user: int,
    ) -> None:
        self.passes = Passes(store, secrets, clock)
        self._store = store
        self._secrets = secrets
        self._passwords = passwords
        self._attempts = attempts
        self._clock = clock
        self._session_lifetime = session_lifetime
        self._keys_per_user = keys_per_user
        self._known = Acquaintances(clock)
        self._uses = Uses()
        # Who counts before a change must not be overtaken by another change.
        self._turn = asyncio.Lock()

    async def add(self, name: str, password: str | None, role: Role = Role.USER) -> User:
        """Make an account; without a password it can be entered by a one-time link alone.

        Refusal: `invalid` (fields name, password), `taken`, `busy`.
        """
        require_account(name, password)
        if await self._store.user(fold(name)) is not None:
            raise Refusal("taken")
        kept = None if password is None else await self._passwords.hash(password)
        user = await self._store.add(name, fold(name), kept, role, self._now())
        if user is None:
            raise Refusal("taken")
        return user

    async def user(self, key: int | str) -> User | None:
        """Find an account by id, or by name without regard to case."""
        if isinstance(key, str):
            return await self._store.user(fold(key)) if is_name(key) else None
        return await self._store.user(key) if _is_id(key) else None

    async def users(self, search: str, offset: int, limit: int) -> tuple[list[User], int]:
        """Return accounts whose name holds a text, by name, and how many there are."""
        if not search.isascii() or "\0" in search:
            return [], 0
        return await self._store.users(fold(search), min(offset, _ID_MOST), min(limit, _ID_MOST))

    async def named(self, ids: Sequence[int]) -> dict[int, User]:
        """Return accounts by their ids."""
        asked = [number for number in dict.fromkeys(ids) if _is_id(number)]
        return {user.id: user for user in await self._store.named(asked)} if asked else {}

    async def admins(self) -> list[Standing]:
        """Return every enabled admin, oldest first, and how they can come in."""
        return await self._store.admins(self._now())

    async def totals(self, now: int) -> dict[str, int]:
        """Count accounts: `users`, `enabled`, `day`, `week`, `month` (those seen lately, as of the last flush)."""
        return await self._store.totals(now - _DAY, now - 7 * _DAY, now - 30 * _DAY)

    async def set_password(self, user: int, password: str) -> None:
        """Change a password, and end the account's sessions and links. Refusal: `invalid`, `not-found`, `busy`."""
        require_password(password, (await self._required(user)).name)
        kept = await self._passwords.hash(password)
        try:
            if not await self._store.set_password(user, kept):
                raise Refusal("not-found")
        finally:
            self._forget_user(user)

    async def set_role(self, user: int, role: Role) -> User:
        """Change what an account is. Refusal: `not-found`, `last-admin`."""
        async with self._turn:
            await self._required(user)
            if role is not Role.ADMIN:
                await self._require_another_admin(user)
            try:
                return _found(await self._store.set_role(user, role))
            finally:
                self._forget_user(user)

    async def set_enabled(self, user: int, *, enabled: bool) -> User:
        """Let an account in, or no longer; its sessions end. Refusal: `not-found`, `last-admin`."""
        async with self._turn:
            await self._required(user)
            if not enabled:
                await self._require_another_admin(user)
            try:
                return _found(await self._store.set_enabled(user, enabled=enabled))
            finally:
                self._forget_user(user)

    async def log_in(self, name: str, password: str, address: bytes) -> User:
        """Check a password; attempts from an address slow down, never those of another address.

        Refusal: `bad-credentials`, `user-disabled`, `login-slowed` (detail: seconds to wait), `busy`.
        """
        folded = fold(name) if is_name(name) else ""
        self._attempts.begin(folded, address)
        user, kept = await self._store.proof(folded) or (None, None)
        try:
            right = await self._passwords.check(kept, password)
        except Refusal:
            self._attempts.withdrawn(folded, address)
            raise
        if user is None or not right:
            raise Refusal("bad-credentials")
        self._attempts.succeeded(folded, address)
        return _let_in(user)

    async def is_password(self, user: int, password: str) -> bool:
        """Tell whether a password is that account's, who has come in already. Refusal: as `log_in`.

        These attempts are counted apart from those to log in, so that neither slows the other.
        """
        found = await self._required(user)
        try:
            await self.log_in(found.name, password, user.to_bytes(8, "big"))
        except Refusal as refusal:
            if refusal.code == "bad-credentials":
                return False
            raise
        return True

    # One-time links

    async def issue_link(
        self, user: int, lifetime: int = LINK_LIFETIME, deliver: Callable[[str], None] | None = None
    ) -> str:
        """Return the secret of a link by which an account sets its password once; `lifetime` in seconds.

        An earlier link of the account is worth nothing from then on. `deliver` is given the secret before it is
        worth anything. Refusal: `not-found`, `user-disabled`.
        """
        _let_in(await self._required(user))
        secret = self._secrets.link()
        if deliver is not None:
            deliver(secret)
        await self._store.set_link(user, _kept(self._secrets.of_link(secret)), self._now() + lifetime)
        return secret

    async def link_owner(self, secret: str) -> User:
        """Return whose one-time link that is, without using it. Refusal: `bad-link`."""
        digest = self._secrets.of_link(secret)
        user = None if digest is None else await self._store.link_owner(digest, self._now())
        if user is None:
            raise Refusal("bad-link")
        return user

    async def redeem_link(self, secret: str, password: str) -> User:
        """Set the password by a one-time link, which is worth nothing afterwards.

        Refusal: `bad-link`, `invalid`, `busy`; the link holds then.
        """
        owner = await self.link_owner(secret)
        require_password(password, owner.name)
        kept = await self._passwords.hash(password)
        try:
            user = await self._store.redeem(_kept(self._secrets.of_link(secret)), kept, self._now())
        finally:
            self._forget_user(owner.id)
        if user is None:
            raise Refusal("bad-link")
        return user

    # Sessions of the pages

    async def open_session(self, user: int, *, keep: bool = False) -> tuple[str, int]:
        """Begin a session; return the signed cookie's value and its lifetime in seconds. Refusal: `not-found`."""
        await self._required(user)
        secret, now = self._secrets.session(), self._now()
        lifetime = KEPT_SESSION if keep else self._session_lifetime
        digest = self._secrets.of_session(secret)
        await self._store.add_session(user, digest, now, now + lifetime, _SESSIONS_PER_USER)
        return self._secrets.sign(secret), lifetime

    async def session(self, cookie: str) -> Principal | None:
        """Return who a cookie stands for, None when it is forged, ended or its account disabled."""
        secret = self._secrets.unsign(cookie)
        if secret is None:
            return None
        proof = await self._known.of(self._secrets.of_session(secret), self._store.session)
        if proof is None or self._expired(proof.expires):
            return None
        principal = proof.principal
        if principal.user is None or not principal.user.enabled:
            return None
        self._uses.note(principal, self._now())
        return principal

    async def close_session(self, session: int) -> None:
        """End a session; ending one that is gone does nothing."""
        if not _is_id(session):
            return
        try:
            await self._store.end_session(session)
        finally:
            self._known.forget(lambda principal: principal.session == session)

    def csrf_token(self, session: int) -> str:
        """Return what a form of that session must carry."""
        return self._secrets.csrf(session)

    def is_csrf_token(self, session: int, token: str) -> bool:
        """Tell in constant time whether a form's token is that session's."""
        return self._secrets.is_csrf(session, token)

    # Keys

    async def mint(
        self,
        user: int,
        scope: Scope,
        label: str = "",
        *,
        methods: frozenset[str] | None = None,
        lifetime: int | None = None,
        displace: bool = False,
    ) -> tuple[Key, str]:
        """Make a key; return it and its secret, which is never shown again. Refusal: `invalid`, `not-found`, `full`.

        Where there is no room, `displace` revokes the oldest of that scope and label, as for logins of programs.
        """
        require_key(label, methods, lifetime)
        now = self._now()
        expires = None if lifetime is None else now + lifetime
        secret = self._secrets.key(scope)
        async with self._turn:
            await self._required(user)
            await self._make_room(user, scope, label, displace=displace)
            new = NewKey(user, scope, label, methods, now, expires)
            digest = _kept(self._secrets.of_key(secret, scope))
            return await self._store.add_key(new, digest, self._keys_per_user), secret

    async def authenticate(self, secret: str, scope: Scope) -> Principal:
        """Return who a key stands for, and note its use.

        Refusal: `bad-token` (unknown, malformed, or of another scope), `token-revoked`, `token-expired`,
        `key-suspended`, `user-disabled`.
        """
        digest = self._secrets.of_key(secret, scope)
        proof = None if digest is None else await self._known.of(digest, self._store.key_by_digest)
        if proof is None or proof.principal.key is None or proof.principal.key.scope is not scope:
            raise Refusal("bad-token")
        principal, key = proof.principal, proof.principal.key
        if key.revoked:
            raise Refusal("token-revoked")
        if self._expired(key.expires):
            raise Refusal("token-expired")
        if key.suspended:
            raise Refusal("key-suspended")
        _let_in(_found(principal.user))
        self._uses.note(principal, self._now())
        return principal

    async def key(self, key: int) -> Key | None:
        """Find a key."""
        return await self._store.key(key) if _is_id(key) else None

    async def keys(self, user: int | None = None) -> list[Key]:
        """Return an account's keys, or all, oldest first; revoked ones included for a month."""
        return await self._store.keys(user) if user is None or _is_id(user) else []

    async def revoke(self, key: int) -> Key:
        """Make a key worthless for good. Refusal: `not-found`."""
        try:
            return _found(await self._store.revoke(key, self._now()) if _is_id(key) else None)
        finally:
            self._forget_key(key)

    async def suspend(self, key: int, *, suspended: bool) -> Key:
        """Put a key out of use, or back into it. Refusal: `not-found`."""
        try:
            return _found(await self._store.suspend(key, suspended=suspended) if _is_id(key) else None)
        finally:
            self._forget_key(key)

    # Upkeep

    async def flush_uses(self) -> None:
        """Write when accounts and keys were last used; what cannot be written is kept for the next time."""
        users, keys = self._uses.take()
        if not users and not keys:
            return
        try:
            await self._store.note_uses(users, keys)
        except BaseException:
            self._uses.give_back(users, keys)
            raise

    async def purge(self) -> int:
        """Drop expired sessions and links, and keys that were worthless for a month; count them."""
        now = self._now()
        return await self._store.purge(now, now - _DEAD_KEPT)

    async def close(self) -> None:
        """Write the last uses, and end the hashing threads."""
        try:
            await self.flush_uses()
        finally:
            await asyncio.to_thread(self._passwords.close)

    def _now(self) -> int:
        return int(self._clock())

    def _expired(self, expires: int | None) -> bool:
        return expires is not None and expires <= self._clock()

    async def _required(self, user: int) -> User:
        return _found(await self.user(user))

    async def _require_another_admin(self, user: int) -> None:
        admins = [each.user.id for each in await self.admins()]
        if admins == [user]:
            raise Refusal("last-admin")

    async def _make_room(self, user: int, scope: Scope, label: str, *, displace: bool) -> None:
        live = await self._store.live_keys(user, self._now())
        if len(live) < self._keys_per_user:
            return
        alike = [key for key in live if key.scope is scope and key.label == label]
        if not displace or not alike:
            raise Refusal("full", f"{self._keys_per_user} keys")
        await self.revoke(alike[0].id)

    def _forget_user(self, user: int) -> None:
        self._known.forget(lambda principal: principal.id == user)

    def _forget_key(self, key: int) -> None:
        self._known.forget(lambda principal: principal.key is not None and principal.key.id == key)


def _is_id(number: int) -> bool:
    return 0 < number <= _ID_MOST


def _found(thing: Thing | None) -> Thing:
    if thing is None:
        raise Refusal("not-found")
    return thing


def _let_in(user: User) -> User:
    if not user.enabled:
        raise Refusal("user-disabled")
    return user


def _kept(digest: bytes | None) -> bytes:
    if digest is None:
        raise ValueError("a secret made here has the form of one")
    return digest
