"""AccountStore: the store of accounts, sessions and keys. Digests are keyed hashes, times unix seconds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from accounts.model import Key, LoginSession, Principal, Role, Scope, User

NO_TIMES: Mapping[int, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key before it has an id; `login` is that of a program that sent name and password for it."""

    user_id: int
    scope: Scope
    label: str
    methods: frozenset[str] | None
    created: int
    expires: int | None
    login: bool = False


@dataclass(frozen=True, slots=True)
class Credential:
    """The principal of a key or session, and when it expires (None: never)."""

    principal: Principal
    expires: int | None


@dataclass(frozen=True, slots=True)
class PasskeyRecord:
    """A passkey that is not revoked and does not expire: its key's id, label, digest and state, and its account's."""

    key: int
    user_id: int
    label: str
    digest: bytes
    suspended: bool
    enabled: bool


@dataclass(frozen=True, slots=True)
class AdminAccess:
    """An admin account, whether it has a password, and whether it has a valid one-time link."""

    user: User
    has_password: bool
    has_link: bool


class AccountStore(Protocol):
    """Accounts and their credentials; every change is on disk when it returns. `folded` is the case-folded name."""

    async def add(self, name: str, folded: str, password: str | None, role: Role, joined: int) -> User | None:
        """Add an enabled account; None when the name is taken."""

    async def user(self, key: int | str) -> User | None:
        """Find an account by id or folded name."""

    async def users(self, search: str, offset: int, limit: int) -> tuple[list[User], int]:
        """Return accounts whose folded name contains a text, by name, and how many there are."""

    async def users_by_id(self, ids: Sequence[int]) -> list[User]:
        """Return those of the accounts that exist."""

    async def admins(self, now: int) -> list[AdminAccess]:
        """Return every enabled admin, oldest first."""

    async def totals(self, day: int, week: int, month: int) -> dict[str, int]:
        """Count accounts: `users`, `enabled`, and those seen since each of three times."""

    async def user_and_password_hash(self, folded: str) -> tuple[User, str | None] | None:
        """Find an account by name, with the hash of its password."""

    async def set_password(self, user: int, password: str) -> bool:
        """Replace the password and delete sessions, keys of logins and links; False when there is no such account."""

    async def set_role(self, user: int, role: Role) -> User | None:
        """Change a role; return the changed account."""

    async def set_enabled(self, user: int, *, enabled: bool) -> User | None:
        """Enable or disable an account; disabling deletes its sessions, keys of logins and links."""

    async def set_link(self, user: int, digest: bytes, expires: int) -> None:
        """Store a one-time link in place of the account's earlier one."""

    async def add_link(self, user: int, digest: bytes, expires: int) -> None:
        """Store a one-time link beside the account's earlier ones."""

    async def link_owner(self, digest: bytes, now: int) -> User | None:
        """Find the enabled account of a valid link."""

    async def redeem(self, digest: bytes, password: str, now: int) -> User | None:
        """Set the password of a valid link's account; delete the link, the sessions and the keys of logins."""

    async def add_session(
        self, user: int, digest: bytes, created: int, expires: int, most: int, *, address: bytes | None = None
    ) -> int:
        """Add a session and return its id; the account's newest `most` sessions are kept."""

    async def sessions(self, user: int, now: int) -> list[LoginSession]:
        """Return an account's sessions that have not expired, oldest first."""

    async def session(self, digest: bytes) -> Credential | None:
        """Find a session by its digest, with its account."""

    async def end_session(self, session: int) -> None:
        """Delete a session."""

    async def end_sessions(self, user: int, *, session: int, key: int) -> None:
        """Delete an account's sessions but `session`, and its keys of logins but `key`; 0 for none."""

    async def add_key(self, key: NewKey, digest: bytes, dead: int) -> Key:
        """Add a key; of the account's revoked and expired ones the newest `dead` are kept."""

    async def live_keys(self, user: int, now: int) -> list[Key]:
        """Return an account's keys that are neither revoked nor expired, oldest first."""

    async def passkeys(self, after: int, limit: int) -> list[PasskeyRecord]:
        """Return up to `limit` passkeys of all accounts whose key's id is above `after`, ascending."""

    async def key_by_digest(self, digest: bytes) -> Credential | None:
        """Find a key by its digest, with its account."""

    async def key(self, key: int) -> Key | None:
        """Find a key by its id."""

    async def keys(self, user: int | None) -> list[Key]:
        """Return an account's keys, or all, oldest first."""

    async def revoke(self, key: int, now: int) -> Key | None:
        """Mark a key as revoked, unless it is."""

    async def suspend(self, key: int, *, suspended: bool) -> Key | None:
        """Set whether a key is suspended."""

    async def write_last_used(
        self, users: Mapping[int, int], keys: Mapping[int, int], sessions: Mapping[int, int] = NO_TIMES
    ) -> None:
        """Write when all were last used; an earlier time than the stored one changes nothing."""

    async def purge(self, now: int, dead_since: int) -> int:
        """Delete expired sessions and links, and keys revoked or expired before `dead_since`; count them."""
