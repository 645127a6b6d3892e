"""The values of accounts: what passes between the doors, the accounts and their store.

Times are unix seconds.
"""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """The role of an account; each has the rights of the one before."""

    USER = "user"
    MODERATOR = "moderator"
    ADMIN = "admin"


class Scope(StrEnum):
    """The API that a key opens; each dialect has its own."""

    REST = "rest"
    TORRENT_API = "torrent-api"
    GAZELLE = "gazelle"
    TORBOX = "torbox"
    QBITTORRENT = "qbittorrent"
    FEED = "feed"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class User:
    """An account; `seen` is the time of its last request, None for never."""

    id: int
    name: str
    role: Role
    enabled: bool
    joined: int
    seen: int | None


@dataclass(frozen=True, slots=True)
class Key:
    """A key or token of an account, without its secret.

    `methods` are those of the dialect that it may call, None for all; `used` is the time of its last use.
    """

    id: int
    user_id: int
    scope: Scope
    label: str
    methods: frozenset[str] | None
    created: int
    expires: int | None
    used: int | None
    suspended: bool
    revoked: bool


@dataclass(frozen=True, slots=True)
class LoginSession:
    """A session of the web pages; `address` is where it was opened, 4 or 16 bytes, None for unknown."""

    id: int
    user_id: int
    created: int
    expires: int
    used: int | None
    address: bytes | None


@dataclass(frozen=True, slots=True)
class LogInAttempt:
    """One line of the authentication log; `outcome` is `ok` or the code of a refusal."""

    time: int
    address: str
    account: str
    way: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request: an account by its session or by one of its keys, the operator at a terminal, or nobody.

    `session` is the id of a session of the web pages; its requests need the CSRF token to change things.
    `operator` is the name of the user who runs a command.
    """

    user: User | None = None
    key: Key | None = None
    session: int | None = None
    operator: str | None = None

    @property
    def is_nobody(self) -> bool:
        """Whether neither an account nor the operator makes the request."""
        return self.user is None and self.operator is None

    @property
    def id(self) -> int | None:
        """The account's id, None for the operator and for nobody."""
        return self.user.id if self.user is not None else None

    @property
    def name(self) -> str:
        """The name in logs."""
        if self.user is not None:
            return self.user.name
        return f"{self.operator} at a terminal" if self.operator is not None else "anonymous"

    def signed(self, detail: str) -> str:
        """Return the detail of an entry of the moderators' log, with the name of an actor that has no account."""
        if self.operator is None:
            return detail
        return f"{detail}, by {self.name}" if detail else f"by {self.name}"


NOBODY = Principal()
