"""Hides what an account is made of: the values that pass between the doors, the accounts and their store.

Times are unix seconds.
"""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What an account is on this service; each may all that the one before may."""

    USER = "user"
    MODERATOR = "moderator"
    ADMIN = "admin"


class Scope(StrEnum):
    """What a key opens; each dialect asks for its own."""

    REST = "rest"
    TORRENT_API = "torrent-api"
    GAZELLE = "gazelle"
    TORBOX = "torbox"
    FEED = "feed"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class User:
    """An account; `seen` is when it last asked for something, None for never."""

    id: int
    name: str
    role: Role
    enabled: bool
    joined: int
    seen: int | None


@dataclass(frozen=True, slots=True)
class Key:
    """A key or token of an account, without its secret, which was shown once.

    `methods` are those of the dialect that it may call, None for all; `used` is when it last did.
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
class Principal:
    """Who is asking: an account by its session or by one of its keys, or nobody.

    `session` is the id of a session of the pages; a request by it must carry the CSRF token to change things.
    """

    user: User | None = None
    key: Key | None = None
    session: int | None = None

    @property
    def id(self) -> int | None:
        """The account's id, None for nobody."""
        return self.user.id if self.user is not None else None

    @property
    def name(self) -> str:
        """What logs call it."""
        return self.user.name if self.user is not None else "anonymous"


NOBODY = Principal()
