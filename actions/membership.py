"""Hides who may change which account or key."""

from accounts.accounts import Accounts
from accounts.model import Key, Principal, Role, Scope, User
from accounts.rights import Rights
from catalogue.catalogue import Catalogue


class Membership:
    """Deeds on accounts and keys by somebody; each may raise Refusal `unauthenticated`, `forbidden`, `not-found`.

    An account has its own keys and password; those of others need ACCOUNTS. The log tells of the latter.
    A request by a key can never mint or change keys of a scope it has not itself, unless it is a REST one.
    """

    def __init__(
        self, accounts: Accounts, catalogue: Catalogue, rights: Rights, *, registration: bool
    ) -> None:
        self.accounts = accounts
        self.rights = rights
        self._catalogue = catalogue
        self._registration = registration

    async def register(self, principal: Principal, name: str, password: str, role: Role = Role.USER) -> User:
        """Make an account: oneself where registration is open, else ACCOUNTS; a role above user needs ACCOUNTS."""
        raise NotImplementedError

    async def set_password(
        self, principal: Principal, user: int, password: str, current: str | None = None
    ) -> None:
        """Change one's own password with the current one, or another's (ACCOUNTS). Refusal: `bad-credentials`."""
        raise NotImplementedError

    async def set_role(self, principal: Principal, user: int, role: Role) -> User:
        """Change what an account is (ACCOUNTS)."""
        raise NotImplementedError

    async def set_enabled(self, principal: Principal, user: int, *, enabled: bool) -> User:
        """Let an account in, or no longer (ACCOUNTS)."""
        raise NotImplementedError

    async def keys(self, principal: Principal, user: int) -> list[Key]:
        """Return one's own keys, or another's (ACCOUNTS)."""
        raise NotImplementedError

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
        """Make a key of one's own, or another's (ACCOUNTS)."""
        raise NotImplementedError

    async def revoke(self, principal: Principal, key: int) -> Key:
        """Make a key worthless; another's needs ACCOUNTS, and is `not-found` without."""
        raise NotImplementedError

    async def suspend(self, principal: Principal, key: int, *, suspended: bool) -> Key:
        """Put a key out of use, or back (ACCOUNTS)."""
        raise NotImplementedError
