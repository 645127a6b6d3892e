"""Accounts: users, passwords, one-time links, sessions and keys, over a store."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from accounts.authentication_log import AuthenticationLog, LogInWay
from accounts.credential_cache import CredentialCache
from accounts.fields import fold, is_name, require_account, require_key, require_password
from accounts.last_used import LastUsed
from accounts.login_throttle import LoginThrottle
from accounts.model import Key, LoginSession, Principal, Role, Scope, User
from accounts.passkeys import Passkeys
from accounts.passwords import Passwords
from accounts.second_factor import SecondFactors
from accounts.secrets import Secrets
from accounts.store import AccountStore, AdminAccess, NewKey
from accounts.webauthn import WebAuthn
from bittorrent.refusal import Refusal
from tasks.run_to_completion import RunToCompletion

LONG_SESSION = 30 * 86_400
LINK_LIFETIME = 7 * 86_400
_SESSIONS_PER_USER = 100
_DEAD_KEY_LIFETIME = 30 * 86_400
_DAY = 86_400
_ID_MOST = 2**63 - 1

Clock = Callable[[], float]
UserOrKey = TypeVar("UserOrKey", User, Key)
_BY_DEVICE = "/device"
"""What stands where attempts are counted by name: no account is called so."""


class Accounts:
    """Accounts over a store; changes are on disk when they return. Authorization is checked in `actions`.

    Secrets are shown once and stored as keyed hashes; passwords as argon2id. `session_lifetime` is in seconds.
    """

    def __init__(
        self,
        store: AccountStore,
        secrets: Secrets,
        passwords: Passwords,
        throttle: LoginThrottle,
        clock: Clock,
        *,
        second_factors: SecondFactors,
        devices: WebAuthn,
        session_lifetime: int,
        keys_per_user: int,
    ) -> None:
        self.log = AuthenticationLog(clock)
        self.passkeys = Passkeys(store, secrets, clock)
        self.second_factors = second_factors
        self.devices = devices
        self._store = store
        self._secrets = secrets
        self._passwords = passwords
        self._throttle = throttle
        self._clock = clock
        self._session_lifetime = session_lifetime
        self._keys_per_user = keys_per_user
        self._credentials = CredentialCache(clock)
        self._last_used = LastUsed()
        # Counting and the change that depends on the count must not interleave with another change.
        self._lock = asyncio.Lock()
        self._running = RunToCompletion("accounts.change_failed", expected=(Refusal,))

    async def add(self, name: str, password: str | None, role: Role = Role.USER) -> User:
        """Create an account; without a password it can only be opened by a one-time link.

        Refusal: `invalid` (fields name, password), `taken`, `busy`.
        """
        require_account(name, password)
        if await self._store.user(fold(name)) is not None:
            raise Refusal("taken")
        password_hash = None if password is None else await self._passwords.hash(password)
        user = await self._store.add(name, fold(name), password_hash, role, self._now())
        if user is None:
            raise Refusal("taken")
        return user

    async def user(self, key: int | str) -> User | None:
        """Find an account by id, or by name without regard to case."""
        if isinstance(key, str):
            return await self._store.user(fold(key)) if is_name(key) else None
        found = await self._store.user(key) if _is_id(key) else None
        return found if found is not None and is_name(found.name) else None  # what was erased is nobody's

    async def users(self, search: str, offset: int, limit: int) -> tuple[list[User], int]:
        """Return accounts whose name contains a text, by name, and how many there are."""
        if not search.isascii() or "\0" in search:
            return [], 0
        return await self._store.users(fold(search), min(offset, _ID_MOST), min(limit, _ID_MOST))

    async def users_by_id(self, ids: Sequence[int]) -> dict[int, User]:
        """Return accounts by their ids."""
        valid = [number for number in dict.fromkeys(ids) if _is_id(number)]
        return {user.id: user for user in await self._store.users_by_id(valid)} if valid else {}

    async def admins(self) -> list[AdminAccess]:
        """Return every enabled admin, oldest first, and how they can log in."""
        return await self._store.admins(self._now())

    async def totals(self, now: int) -> dict[str, int]:
        """Count accounts: `users`, `enabled`, `day`, `week`, `month` (those seen since, as of the last flush)."""
        return await self._store.totals(now - _DAY, now - 7 * _DAY, now - 30 * _DAY)

    async def set_password(self, user: int, password: str) -> None:
        """Change a password, and end the account's sessions, logins of programs and links.

        Keys that were made as keys stay. Refusal: `invalid`, `not-found`, `busy`.
        """
        require_password(password, (await self._existing(user)).name)
        password_hash = await self._passwords.hash(password)
        try:
            if not await self._store.set_password(user, password_hash):
                raise Refusal("not-found")
        finally:
            self._forget_user(user)

    async def set_role(self, user: int, role: Role) -> User:
        """Change an account's role. Refusal: `not-found`, `last-admin`."""
        async with self._lock:
            await self._existing(user)
            if role is not Role.ADMIN:
                await self._require_another_admin(user)
            try:
                return _require(await self._store.set_role(user, role))
            finally:
                self._forget_user(user)

    async def set_enabled(self, user: int, *, enabled: bool) -> User:
        """Enable or disable an account; disabling ends its sessions and logins. Refusal: `not-found`, `last-admin`."""
        return await self._running.run(self._set_enabled(user, enabled=enabled))

    async def _set_enabled(self, user: int, *, enabled: bool) -> User:
        async with self._lock:
            await self._existing(user)
            if not enabled:
                await self._require_another_admin(user)
            try:
                return _require(await self._store.set_enabled(user, enabled=enabled))
            finally:
                self._forget_user(user)
                await self.passkeys.refresh(user)

    async def end(self, user: int, erase: Callable[[], Awaitable[None]]) -> None:
        """End an account for good by `erase`, after which the store has no name and no credential of it.

        Its passkeys, keys and sessions open nothing when this returns. Refusal: `not-found`, `last-admin`.
        """
        async with self._lock:
            found = await self._existing(user)
            await self._require_another_admin(user)
            try:
                await self.passkeys.end(user, erase)
            finally:
                self._forget_user(user)
            self.log.forget_account(found.name)

    async def log_in(self, name: str, password: str, address: bytes, way: LogInWay = LogInWay.PAGE) -> User:
        """Check a password; attempts from an address slow down, never those of another address. It is logged.

        Where the account has a second factor, pages ask for that next; a program cannot, and takes a key.
        Refusal: `bad-credentials`, `user-disabled`, `login-slowed` (detail: seconds to wait), `busy`, `second-factor`.
        """
        try:
            user = await self._log_in(name, password, address)
            if way is not LogInWay.PAGE and await self.second_factors.state(user.id) is not None:
                raise Refusal("second-factor")
        except Refusal as refusal:
            self.log.refused(way, address, name, refusal.code)
            raise
        self.log.accepted(way, address, user.name)
        return user

    async def _log_in(self, name: str, password: str, address: bytes) -> User:
        folded = fold(name) if is_name(name) else ""
        self._throttle.begin(folded, address)
        user, password_hash = await self._store.user_and_password_hash(folded) or (None, None)
        try:
            matches = await self._passwords.check(password_hash, password)
        except Refusal:
            self._throttle.cancelled(folded, address)
            raise
        if user is None or not matches:
            raise Refusal("bad-credentials")
        self._throttle.succeeded(folded, address)
        return _require_enabled(user)

    async def check_code(self, user: int, code: str, address: bytes) -> User:
        """Check the second factor of an account whose password was right. It is logged.

        Refusal: `bad-code`, `login-slowed`, `user-disabled`.
        """
        found = _require_enabled(await self._existing(user))
        try:
            await self.second_factors.check(found, code)
        except Refusal as refusal:
            self.log.refused(LogInWay.SECOND_FACTOR, address, found.name, refusal.code)
            raise
        self.log.accepted(LogInWay.SECOND_FACTOR, address, found.name)
        return found

    async def log_in_by_device(self, ticket: str, answer: str, address: bytes) -> User:
        """Check what a device answered that takes the place of name, password and second factor. It is logged.

        Refusal: `bad-device`, `bad-link`, `login-slowed`, `user-disabled`.
        """
        name = ""
        try:
            self._throttle.begin(_BY_DEVICE, address)
            found = await self._existing(await self.devices.verify(ticket, answer))
            name = found.name
            _require_enabled(found)
        except Refusal as refusal:
            self.log.refused(LogInWay.DEVICE, address, name, refusal.code)
            raise
        self._throttle.succeeded(_BY_DEVICE, address)
        self.log.accepted(LogInWay.DEVICE, address, name)
        return found

    async def check_device(self, user: int, ticket: str, answer: str, address: bytes) -> User:
        """Check a device of an account whose password was right. It is logged. Refusal: as `log_in_by_device`."""
        found = _require_enabled(await self._existing(user))
        try:
            self._throttle.begin(_BY_DEVICE, address)
            await self.devices.verify(ticket, answer, user)
        except Refusal as refusal:
            self.log.refused(LogInWay.SECOND_FACTOR, address, found.name, refusal.code)
            raise
        self._throttle.succeeded(_BY_DEVICE, address)
        self.log.accepted(LogInWay.SECOND_FACTOR, address, found.name)
        return found

    async def check_password(self, user: int, password: str, address: bytes = b"") -> bool:
        """Return whether a password is that of an account that is logged in. Refusal: as `log_in`.

        These attempts are counted apart from logins, so that neither slows the other.
        """
        found = await self._existing(user)
        try:
            await self._log_in(found.name, password, user.to_bytes(8, "big"))
        except Refusal as refusal:
            self.log.refused(LogInWay.PASSWORD_CHANGE, address, found.name, refusal.code)
            if refusal.code == "bad-credentials":
                return False
            raise
        return True

    # One-time links

    async def issue_link(
        self, user: int, lifetime: int = LINK_LIFETIME, deliver: Callable[[str], None] | None = None
    ) -> str:
        """Return the secret of a link by which an account sets its password once; `lifetime` in seconds.

        An earlier link of the account becomes invalid. `deliver` is given the secret before it becomes
        valid. Refusal: `not-found`, `user-disabled`.
        """
        _require_enabled(await self._existing(user))
        secret = self._secrets.link()
        if deliver is not None:
            deliver(secret)
        await self._store.set_link(
            user, _required_digest(self._secrets.of_link(secret)), self._now() + lifetime
        )
        return secret

    async def add_link(self, user: int, lifetime: int) -> str:
        """Return the secret of a one-time link beside those that there are, so that who asks for one ends no other's.

        Refusal: `not-found`, `user-disabled`.
        """
        _require_enabled(await self._existing(user))
        secret = self._secrets.link()
        digest = _required_digest(self._secrets.of_link(secret))
        await self._store.add_link(user, digest, self._now() + lifetime)
        return secret

    async def link_owner(self, secret: str) -> User:
        """Return whose one-time link that is, without using it. Refusal: `bad-link`."""
        digest = self._secrets.of_link(secret)
        user = None if digest is None else await self._store.link_owner(digest, self._now())
        if user is None:
            raise Refusal("bad-link")
        return user

    async def redeem_link(self, secret: str, password: str, address: bytes = b"") -> User:
        """Set the password by a one-time link, which becomes invalid; sessions and logins end, as by a new password.

        Refusal: `bad-link`, `invalid`, `busy`; the link stays valid then.
        """
        try:
            user = await self._redeem_link(secret, password)
        except Refusal as refusal:
            self.log.refused(LogInWay.LINK, address, "", refusal.code)
            raise
        self.log.accepted(LogInWay.LINK, address, user.name)
        return user

    async def _redeem_link(self, secret: str, password: str) -> User:
        owner = await self.link_owner(secret)
        require_password(password, owner.name)
        password_hash = await self._passwords.hash(password)
        try:
            user = await self._store.redeem(
                _required_digest(self._secrets.of_link(secret)), password_hash, self._now()
            )
        finally:
            self._forget_user(owner.id)
        if user is None:
            raise Refusal("bad-link")
        return user

    # Sessions of the web pages

    async def open_session(
        self, user: int, *, keep: bool = False, address: bytes | None = None
    ) -> tuple[str, int]:
        """Open a session; return the signed cookie's value and its lifetime in seconds. Refusal: `not-found`."""
        await self._existing(user)
        secret, now = self._secrets.session(), self._now()
        lifetime = LONG_SESSION if keep else self._session_lifetime
        digest = self._secrets.of_session(secret)
        await self._store.add_session(user, digest, now, now + lifetime, _SESSIONS_PER_USER, address=address)
        return self._secrets.sign(secret), lifetime

    async def session(self, cookie: str) -> Principal | None:
        """Return a session cookie's principal, None when it is forged, expired or its account disabled."""
        secret = self._secrets.unsign(cookie)
        if secret is None:
            return None
        credential = await self._credentials.get(self._secrets.of_session(secret), self._store.session)
        if credential is None or self._expired(credential.expires):
            return None
        principal = credential.principal
        if principal.user is None or not principal.user.enabled:
            return None
        self._last_used.note(principal, self._now())
        return principal

    async def close_session(self, session: int) -> None:
        """End a session; ending one that does not exist does nothing."""
        if not _is_id(session):
            return
        try:
            await self._store.end_session(session)
        finally:
            self._credentials.forget(lambda principal: principal.session == session)

    async def sessions(self, user: int) -> list[LoginSession]:
        """Return an account's sessions, oldest first."""
        return await self._store.sessions(user, self._now()) if _is_id(user) else []

    async def close_sessions(self, user: int, but: Principal) -> None:
        """End an account's sessions and logins of programs, all but the one by which `but` makes its request."""
        key = but.key.id if but.key is not None else 0
        try:
            await self._store.end_sessions(user, session=but.session or 0, key=key)
        finally:
            self._forget_user(user)

    def csrf_token(self, session: int) -> str:
        """Return the CSRF token for forms of a session."""
        return self._secrets.csrf(session)

    def is_csrf_token(self, session: int, token: str) -> bool:
        """Return whether a token is that session's CSRF token, compared in constant time."""
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
        login: bool = False,
    ) -> tuple[Key, str]:
        """Create a key; return it and its secret, which is never shown again. Refusal: `invalid`, `not-found`, `full`.

        A `login` of a program ends with the password; at the limit it revokes the oldest key of that scope and label.
        """
        require_key(label, methods, lifetime)
        now = self._now()
        expires = None if lifetime is None else now + lifetime
        secret = self._secrets.key(scope)
        async with self._lock:
            await self._existing(user)
            await self._check_limit(user, scope, label, displace=login)
            new = NewKey(user, scope, label, methods, now, expires, login)
            digest = _required_digest(self._secrets.of_key(secret, scope))
            return await self._store.add_key(new, digest, self._keys_per_user), secret

    async def authenticate(self, secret: str, scope: Scope) -> Principal:
        """Return a key's principal, and record its use.

        Refusal: `bad-token` (unknown, malformed, or of another scope), `token-revoked`, `token-expired`,
        `key-suspended`, `user-disabled`.
        """
        digest = self._secrets.of_key(secret, scope)
        credential = (
            None if digest is None else await self._credentials.get(digest, self._store.key_by_digest)
        )
        if (
            credential is None
            or credential.principal.key is None
            or credential.principal.key.scope is not scope
        ):
            raise Refusal("bad-token")
        principal, key = credential.principal, credential.principal.key
        if key.revoked:
            raise Refusal("token-revoked")
        if self._expired(key.expires):
            raise Refusal("token-expired")
        if key.suspended:
            raise Refusal("key-suspended")
        _require_enabled(_require(principal.user))
        self._last_used.note(principal, self._now())
        return principal

    async def key(self, key: int) -> Key | None:
        """Find a key."""
        return await self._store.key(key) if _is_id(key) else None

    async def keys(self, user: int | None = None) -> list[Key]:
        """Return an account's keys, or all, oldest first; revoked ones included for a month."""
        return await self._store.keys(user) if user is None or _is_id(user) else []

    async def revoke(self, key: int) -> Key:
        """Revoke a key for good. Refusal: `not-found`."""
        _require_id(key)
        return await self._running.run(self._changed_key(key, self._store.revoke(key, self._now())))

    async def suspend(self, key: int, *, suspended: bool) -> Key:
        """Suspend a key, or end its suspension. Refusal: `not-found`."""
        _require_id(key)
        return await self._running.run(self._changed_key(key, self._store.suspend(key, suspended=suspended)))

    async def _changed_key(self, key: int, change: Coroutine[Any, Any, Key | None]) -> Key:
        try:
            changed = _require(await change)
        finally:
            self._forget_key(key)
        if changed.scope is Scope.PASSKEY:
            await self.passkeys.refresh(changed.user_id)
        return changed

    # Maintenance

    async def flush_last_used(self) -> None:
        """Write when all were last used; what cannot be written is retried with the next flush."""
        taken = self._last_used.take()
        if not any(taken):
            return
        try:
            await self._store.write_last_used(*taken)
        except BaseException:
            self._last_used.put_back(*taken)
            raise

    async def purge(self) -> int:
        """Delete expired sessions and links, and keys revoked or expired for a month; count them."""
        now = self._now()
        return await self._store.purge(now, now - _DEAD_KEY_LIFETIME)

    async def close(self) -> None:
        """Finish what is under way, flush last-used times, and end the hashing threads."""
        try:
            await self._running.drain()
            await self.passkeys.drain()
            await self.flush_last_used()
        finally:
            await asyncio.to_thread(self._passwords.close)

    def _now(self) -> int:
        return int(self._clock())

    def _expired(self, expires: int | None) -> bool:
        return expires is not None and expires <= self._clock()

    async def _existing(self, user: int) -> User:
        return _require(await self.user(user))

    async def _require_another_admin(self, user: int) -> None:
        admins = [each.user.id for each in await self.admins()]
        if admins == [user]:
            raise Refusal("last-admin")

    async def _check_limit(self, user: int, scope: Scope, label: str, *, displace: bool) -> None:
        live = await self._store.live_keys(user, self._now())
        if len(live) < self._keys_per_user:
            return
        same_label = [key for key in live if key.scope is scope and key.label == label]
        if not displace or not same_label:
            raise Refusal("full", f"{self._keys_per_user} keys")
        await self.revoke(same_label[0].id)

    def _forget_user(self, user: int) -> None:
        self._credentials.forget(lambda principal: principal.id == user)

    def _forget_key(self, key: int) -> None:
        self._credentials.forget(lambda principal: principal.key is not None and principal.key.id == key)


def _require_id(number: int) -> None:
    if not _is_id(number):
        raise Refusal("not-found")


def _is_id(number: int) -> bool:
    return 0 < number <= _ID_MOST


def _require(record: UserOrKey | None) -> UserOrKey:
    if record is None:
        raise Refusal("not-found")
    return record


def _require_enabled(user: User) -> User:
    if not user.enabled:
        raise Refusal("user-disabled")
    return user


def _required_digest(digest: bytes | None) -> bytes:
    if digest is None:
        raise ValueError("a generated secret is malformed")
    return digest
