"""Invitations: how an account lets another one in, and who let whom in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that was sent; `account` is who came by it, None as long as nobody did."""

    id: int
    inviter: int
    created: int
    expires: int
    account: int | None


class InvitedUser(NamedTuple):
    """An account in the tree of who let whom in: its depth below the root, and how it does."""

    id: int
    name: str
    depth: int
    enabled: bool
    joined: int
    uploaded: int
    downloaded: int


class InvitationStore(Protocol):
    """Invitations on disk; of their secrets there are digests alone."""

    async def add(
        self, inviter: int, digest: bytes, now: int, expires: int, *, free: bool
    ) -> Invitation | None:
        """Add an invitation, and take one from what its sender has, but with `free`; None without one."""

    async def claim(self, digest: bytes, now: int) -> Invitation | None:
        """Make an invitation unusable for anybody else, and return it; None: there is none that is valid."""

    async def settle(self, invitation: int, account: int | None) -> None:
        """Write who came by a claimed invitation; None: nobody, it can be used again."""

    async def valid(self, digest: bytes, now: int) -> Invitation | None:
        """Return an invitation that can be used."""

    async def sent(self, inviter: int, offset: int, limit: int) -> tuple[list[Invitation], int]:
        """Return what an account sent, the newest first, and how many there are."""

    async def withdraw(self, inviter: int, invitation: int) -> bool:
        """Delete an invitation that nobody used, and give its sender one back; False: there is none."""

    async def grant(self, account: int, invites: int) -> int:
        """Add invites, or with a number below 0 take some away, though none below 0; return what there is then."""

    async def tree(self, root: int, limit: int) -> Sequence[InvitedUser]:
        """Return an account and whoever came by it, directly or not, each after who let them in."""

    async def inviter(self, account: int) -> int | None:
        """Return who let an account in, None where nobody did."""
