"""Account management: changes to accounts and keys by users, with rights checked and changes to others logged."""

from collections.abc import AsyncIterator, Awaitable, Callable

from accounts.accounts import LINK_LIFETIME, Accounts
from accounts.data_export import AccountDataStore, AccountRecord
from accounts.fields import require_device_name
from accounts.model import NOBODY, Key, LoginSession, Principal, Role, Scope, User
from accounts.registration import Registration
from accounts.rights import Right, Rights
from accounts.webauthn import WebAuthnRequest
from bittorrent.refusal import Refusal
from catalogue.model import Subject
from catalogue.moderation import Moderation


class AccountManagement:
    """Account changes on behalf of a principal; each may raise Refusal `unauthenticated`, `forbidden`, `not-found`.

    An account manages its own keys and password; those of others need ACCOUNTS, and are logged.
    A request by a key cannot create or change keys of another scope, a password or another's account, unless it
    is a REST key. A key limited to methods creates no keys.
    """

    def __init__(
        self,
        accounts: Accounts,
        moderation: Moderation,
        rights: Rights,
        data: AccountDataStore,
        *,
        registration: Registration,
    ) -> None:
        self._data = data
        self.accounts = accounts
        self.rights = rights
        self._moderation = moderation
        self.registration = registration
        """Whether anyone may make an account for themselves, and what they are asked."""

    async def register(
        self,
        principal: Principal,
        name: str,
        password: str | None,
        role: Role = Role.USER,
        *,
        answer: str = "",
    ) -> User:
        """Create an account: by anyone where registration is open, else ACCOUNTS, as for a role above user.

        Only with ACCOUNTS may the password be left to a one-time link. Who registers answers the question, where
        there is one. Refusal: `invalid`, `taken`, `busy`.
        """
        self_registering = principal.is_nobody and password is not None
        is_own = self_registering and self.registration.open and role is Role.USER
        if is_own:
            self.registration.require_answer(answer)
        else:
            self._require_accounts(principal)
        user = await self.accounts.add(name, password, role)
        if not is_own:
            await self._log(principal, "add", user, f"{user.name} as {role}")
        return user

    async def set_password(
        self, principal: Principal, user: int, password: str, current: str | None = None, address: bytes = b""
    ) -> None:
        """Change one's own password with the current one, or another's (ACCOUNTS); `address` is for the log.

        It ends every session and every login of a program of that account, the one that asks among them.

        Refusal: `bad-credentials`, `login-slowed`, `invalid`, `busy`.
        """
        require_rest(principal)
        if principal.id != user:
            target = await self._require_user(principal, user)
            await self.accounts.set_password(user, password)
            await self._log(principal, "set-password", target)
            return
        if current is None or not await self.accounts.check_password(user, current, address):
            raise Refusal("bad-credentials")
        await self.accounts.set_password(user, password)

    async def issue_link(self, principal: Principal, user: int, lifetime: int = LINK_LIFETIME) -> str:
        """Return the secret of a one-time link to an account (ACCOUNTS). Refusal: `user-disabled`."""
        target = await self._require_user(principal, user)
        secret = await self.accounts.issue_link(user, lifetime)
        await self._log(principal, "issue-link", target)
        return secret

    async def set_role(self, principal: Principal, user: int, role: Role) -> User:
        """Change an account's role (ACCOUNTS). Refusal: `last-admin`."""
        before = await self._require_user(principal, user)
        after = await self.accounts.set_role(user, role)
        await self._log(principal, "set-role", after, f"{after.name}: {before.role} to {role}")
        return after

    async def set_enabled(self, principal: Principal, user: int, *, enabled: bool) -> User:
        """Enable or disable an account (ACCOUNTS). Refusal: `last-admin`."""
        await self._require_user(principal, user)
        after = await self.accounts.set_enabled(user, enabled=enabled)
        await self._log(principal, "enable" if enabled else "disable", after)
        return after

    async def export(self, principal: Principal, user: int) -> AsyncIterator[list[AccountRecord]]:
        """Return what is kept of one's own account, or another's (ACCOUNTS), in bounded batches, without secrets."""
        require_rest(principal)
        if principal.id != user:
            target = await self._require_user(principal, user)
            await self._log(principal, "export", target)
        return self._data.records(user)

    async def sessions(self, principal: Principal, user: int) -> list[LoginSession]:
        """Return one's own sessions, or another's (ACCOUNTS), oldest first."""
        if principal.id != user:
            await self._require_user(principal, user)
        return await self.accounts.sessions(user)

    async def end_session(self, principal: Principal, session: int) -> None:
        """End one of one's own sessions. Refusal: `not-found` for any other."""
        require_rest(principal)
        own = await self.accounts.sessions(_require_account(principal))
        if session not in {each.id for each in own}:
            raise Refusal("not-found")
        await self.accounts.close_session(session)

    async def end_sessions(self, principal: Principal, user: int) -> None:
        """End one's own sessions and logins of programs but the one that asks, or all of another (ACCOUNTS)."""
        require_rest(principal)
        if principal.id == user:
            await self.accounts.close_sessions(user, principal)
            return
        target = await self._require_user(principal, user)
        await self.accounts.close_sessions(user, NOBODY)
        await self._log(principal, "end-sessions", target)

    async def begin_second_factor(self, principal: Principal) -> None:
        """Make the secret of one's own second factor, which counts once it is confirmed. Refusal: `taken`."""
        require_rest(principal)
        await self.accounts.second_factors.begin(_require_account(principal))

    async def confirm_second_factor(self, principal: Principal, code: str) -> list[str]:
        """Confirm it by a code, and return the recovery codes. Refusal: `not-found`, `bad-code`, `login-slowed`."""
        require_rest(principal)
        _require_account(principal)
        assert principal.user is not None
        return await self.accounts.second_factors.confirm(principal.user, code)

    async def begin_device(self, principal: Principal) -> WebAuthnRequest:
        """Return what asks a device of one's own for a credential (WebAuthn). Refusal: `not-found`."""
        require_rest(principal)
        _require_account(principal)
        assert principal.user is not None
        return await self.accounts.devices.registration(principal.user)

    async def add_device(
        self,
        principal: Principal,
        ticket: str,
        answer: str,
        *,
        name: str,
        password: str,
        address: bytes = b"",
    ) -> list[str]:
        """Add the credential of a device of one's own; return recovery codes, if it is the first second factor.

        Refusal: `invalid` (field `name`), `bad-credentials`, `login-slowed`, `bad-device`, `bad-link`, `taken`.
        """
        user = await require_own_password(self.accounts, principal, password, address)
        require_device_name(name)
        first = await self.accounts.second_factors.state(user.id) is None
        await self.accounts.devices.register(user, ticket, answer, name)
        return await self.accounts.second_factors.renew_recovery(user.id) if first else []

    async def remove_device(
        self, principal: Principal, credential: bytes, password: str, address: bytes = b""
    ) -> None:
        """Delete a device's credential of one's own. Refusal: `bad-device`, `bad-credentials`, `login-slowed`."""
        user = await require_own_password(self.accounts, principal, password, address)
        if not await self.accounts.devices.remove(user.id, credential):
            raise Refusal("bad-device")

    async def end_second_factor(self, principal: Principal, user: int, code: str = "") -> None:
        """End one's own second factor by one of its codes, or another's (ACCOUNTS), as of somebody who lost theirs.

        Refusal: `bad-code`, `login-slowed`.
        """
        require_rest(principal)
        if principal.id == user:
            assert principal.user is not None
            await self.accounts.second_factors.check(principal.user, code)
            await self.accounts.second_factors.end(user)
            return
        target = await self._require_user(principal, user)
        await self.accounts.second_factors.end(user)
        await self._log(principal, "end-second-factor", target)

    async def keys(self, principal: Principal, user: int) -> list[Key]:
        """Return one's own keys, or another's (ACCOUNTS)."""
        if principal.id != user:
            await self._require_user(principal, user)
        return await self.accounts.keys(user)

    async def mint(
        self,
        principal: Principal,
        user: int,
        scope: Scope,
        label: str = "",
        *,
        methods: frozenset[str] | None = None,
        lifetime: int | None = None,
    ) -> tuple[Key, str]:
        """Create a key of one's own, or another's (ACCOUNTS). Refusal: `invalid`, `full`."""
        _require_scope(principal, scope)
        target = principal.user if principal.id == user else await self._require_user(principal, user)
        key, secret = await self.accounts.mint(user, scope, label, methods=methods, lifetime=lifetime)
        if target is not None and principal.id != user:
            await self._log_key(principal, "mint", key, target)
        return key, secret

    async def passkey(self, principal: Principal, user: int) -> str:
        """Return one's own passkey, or another's (ACCOUNTS), made where there is none."""
        return await self._passkey(principal, user, self.accounts.passkeys.passkey)

    async def reset_passkey(self, principal: Principal, user: int) -> str:
        """Revoke one's own passkey, or another's (ACCOUNTS), and return the new one."""
        passkey = await self._passkey(principal, user, self.accounts.passkeys.reset)
        if principal.id != user:
            target = await self._require_user(principal, user)
            await self._log(principal, "reset-passkey", target)
        return passkey

    async def _passkey(self, principal: Principal, user: int, act: Callable[[int], Awaitable[str]]) -> str:
        _require_scope(principal, Scope.PASSKEY)
        if principal.id != user:
            await self._require_user(principal, user)
        return await act(user)

    async def revoke(self, principal: Principal, key: int) -> Key:
        """Revoke a key; another's needs ACCOUNTS, and is `not-found` without."""
        found, owner = await self._key(principal, key)
        if found.id != _key_id(principal):  # any key may revoke itself
            _require_scope(principal, found.scope)
        revoked = await self.accounts.revoke(key)
        if owner.id != principal.id:
            await self._log_key(principal, "revoke", revoked, owner)
        return revoked

    async def renew_feed_key(self, principal: Principal, key: int) -> tuple[Key, str]:
        """Revoke a feed key and make another with its label, methods and lifetime. Refusal: `not-found` for any other.

        Such a key stands in addresses, which are shown to others more easily than a key by itself.
        """
        found, _ = await self._key(principal, key)
        if found.scope is not Scope.FEED:
            raise Refusal("not-found")
        return await self.rotate(principal, key)

    async def rotate(self, principal: Principal, key: int) -> tuple[Key, str]:
        """Revoke a key and make another with its scope, label, methods and lifetime; another's needs ACCOUNTS.

        Refusal: `not-found`, for one that was revoked as well.
        """
        found, owner = await self._key(principal, key)
        if found.revoked:
            raise Refusal("not-found")
        await self.revoke(principal, key)
        lifetime = found.expires - found.created if found.expires is not None else None
        return await self.mint(
            principal, owner.id, found.scope, found.label, methods=found.methods, lifetime=lifetime
        )

    async def suspend(self, principal: Principal, key: int, *, suspended: bool) -> Key:
        """Suspend or resume a key (ACCOUNTS)."""
        self._require_accounts(principal)
        found, owner = await self._key(principal, key)
        _require_scope(principal, found.scope)
        changed = await self.accounts.suspend(key, suspended=suspended)
        await self._log_key(principal, "suspend" if suspended else "resume", changed, owner)
        return changed

    async def _key(self, principal: Principal, key: int) -> tuple[Key, User]:
        """Find a key that the principal may see, and its owner."""
        if principal.is_nobody:
            raise Refusal("unauthenticated")
        found = await self.accounts.key(key)
        owner = await self.accounts.user(found.user_id) if found is not None else None
        if found is None or owner is None:
            raise Refusal("not-found")
        if owner.id != principal.id and not self.rights.may(principal, Right.ACCOUNTS):
            raise Refusal("not-found")
        return found, owner

    async def _require_user(self, principal: Principal, user: int) -> User:
        self._require_accounts(principal)
        target = await self.accounts.user(user)
        if target is None:
            raise Refusal("not-found")
        return target

    def _require_accounts(self, principal: Principal) -> None:
        self.rights.require(principal, Right.ACCOUNTS)
        require_rest(principal)

    async def _log(self, principal: Principal, verb: str, user: User, detail: str = "") -> None:
        text = principal.signed(detail or user.name)
        await self._moderation.log(principal.id, verb, Subject.USER, str(user.id), text)

    async def _log_key(self, principal: Principal, verb: str, key: Key, owner: User) -> None:
        detail = principal.signed(f"{key.scope} key of {owner.name}")
        await self._moderation.log(principal.id, verb, Subject.KEY, str(key.id), detail)


def _key_id(principal: Principal) -> int | None:
    return principal.key.id if principal.key is not None else None


def _require_account(principal: Principal) -> int:
    if principal.id is None:
        raise Refusal("unauthenticated")
    return principal.id


def require_rest(principal: Principal) -> None:
    """Refuse keys of other dialects, and keys limited to methods, for changes to accounts."""
    key = principal.key
    if key is not None and (key.scope is not Scope.REST or key.methods is not None):
        raise Refusal("forbidden")


async def require_own_password(
    accounts: Accounts, principal: Principal, password: str, address: bytes = b""
) -> User:
    """Return the account of somebody who gives its password once more, as changes to log-ins ask for it.

    Refusal: `unauthenticated`, `forbidden`, `bad-credentials`, `login-slowed`, `busy`.
    """
    require_rest(principal)
    if principal.user is None:
        raise Refusal("unauthenticated")
    if not await accounts.check_password(principal.user.id, password, address):
        raise Refusal("bad-credentials")
    return principal.user


def _require_scope(principal: Principal, scope: Scope) -> None:
    """Refuse a key to act on keys of another scope."""
    if principal.key is not None and principal.key.scope is not scope:
        require_rest(principal)
    elif principal.key is not None and principal.key.methods is not None:
        raise Refusal("forbidden")
