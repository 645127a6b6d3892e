"""Hides what an account, a session and a key are worth: how they are made, proved and taken back."""

from collections.abc import Callable, Sequence

from accounts.model import Key, Principal, Role, Scope, User


class Accounts:
    """Accounts over a store; changes are on disk when they return. Nothing here asks who may: that is `actions`.

    Secrets are shown once and kept as keyed hashes; passwords as argon2id.
    """

    async def add(self, name: str, password: str | None, role: Role = Role.USER) -> User:
        """Make an account; without a password it can be entered by a one-time link alone.

        Refusal: `invalid` (fields name, password), `taken`.
        """
        raise NotImplementedError

    async def user(self, key: int | str) -> User | None:
        """Find an account by id, or by name without regard to case."""
        raise NotImplementedError

    async def users(self, search: str, offset: int, limit: int) -> tuple[list[User], int]:
        """Return accounts whose name holds a text, by name, and how many there are."""
        raise NotImplementedError

    async def named(self, ids: Sequence[int]) -> dict[int, User]:
        """Return accounts by their ids."""
        raise NotImplementedError

    async def totals(self, now: int) -> dict[str, int]:
        """Count accounts: `users`, `enabled`, `day`, `week`, `month` (those seen lately)."""
        raise NotImplementedError

    async def set_password(self, user: int, password: str) -> None:
        """Change a password, and end the account's sessions. Refusal: `invalid`, `not-found`."""
        raise NotImplementedError

    async def set_role(self, user: int, role: Role) -> User:
        """Change what an account is. Refusal: `not-found`, `last-admin`."""
        raise NotImplementedError

    async def set_enabled(self, user: int, *, enabled: bool) -> User:
        """Let an account in, or no longer; its sessions end. Refusal: `not-found`, `last-admin`."""
        raise NotImplementedError

    async def log_in(self, name: str, password: str, address: bytes) -> User:
        """Check a password; attempts from an address slow down, never those of another address.

        Refusal: `bad-credentials`, `user-disabled`, `login-slowed` (detail: seconds to wait), `busy`.
        """
        raise NotImplementedError

    # One-time links

    async def issue_link(self, user: int, lifetime: int) -> str:
        """Return the secret of a link by which an account sets its password once; `lifetime` in seconds."""
        raise NotImplementedError

    async def link_owner(self, secret: str) -> User:
        """Return whose one-time link that is, without using it. Refusal: `bad-link`."""
        raise NotImplementedError

    async def redeem_link(self, secret: str, password: str) -> User:
        """Set the password by a one-time link, which is worth nothing afterwards. Refusal: `bad-link`, `invalid`."""
        raise NotImplementedError

    # Sessions of the pages

    async def open_session(self, user: int, *, keep: bool = False) -> tuple[str, int]:
        """Begin a session; return the signed cookie's value and its lifetime in seconds."""
        raise NotImplementedError

    async def session(self, cookie: str) -> Principal | None:
        """Return who a cookie stands for, None when it is forged, ended or its account disabled."""
        raise NotImplementedError

    async def close_session(self, session: int) -> None:
        """End a session; ending one that is gone does nothing."""
        raise NotImplementedError

    def csrf_token(self, session: int) -> str:
        """Return what a form of that session must carry."""
        raise NotImplementedError

    def is_csrf_token(self, session: int, token: str) -> bool:
        """Tell in constant time whether a form's token is that session's."""
        raise NotImplementedError

    # Keys

    async def mint(
        self,
        user: int,
        scope: Scope,
        label: str = "",
        *,
        methods: frozenset[str] | None = None,
        lifetime: int | None = None,
    ) -> tuple[Key, str]:
        """Make a key; return it and its secret, which is never shown again. Refusal: `invalid`, `not-found`, `full`."""
        raise NotImplementedError

    async def authenticate(self, secret: str, scope: Scope) -> Principal:
        """Return who a key stands for, and note its use.

        Refusal: `bad-token` (unknown, malformed, or of another scope), `token-revoked`, `token-expired`,
        `key-suspended`, `user-disabled`.
        """
        raise NotImplementedError

    async def key(self, key: int) -> Key | None:
        """Find a key."""
        raise NotImplementedError

    async def keys(self, user: int | None = None) -> list[Key]:
        """Return an account's keys, or all, oldest first; revoked ones included."""
        raise NotImplementedError

    async def revoke(self, key: int) -> Key:
        """Make a key worthless for good. Refusal: `not-found`."""
        raise NotImplementedError

    async def suspend(self, key: int, *, suspended: bool) -> Key:
        """Put a key out of use, or back into it. Refusal: `not-found`."""
        raise NotImplementedError


Clock = Callable[[], float]
Random = Callable[[int], bytes]
