"""Members of another site who move here: their accounts and passkeys, on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class NewMember:
    """An account to be made: its name, and its passkey as a label that gives it with the service's key, and a digest.

    `label` and `digest` are None without a passkey. `uploaded` and `downloaded` are all the bytes that count for it.
    """

    name: str
    enabled: bool
    joined: int
    seen: int | None
    label: str | None
    digest: bytes | None
    tokens: int = 0
    points: int = 0
    invites: int = 0
    uploaded: int = 0
    downloaded: int = 0


class MemberTraffic(tuple[int, bytes, int, int, int, int, int, int, int, int | None]):
    """A row of traffic of an account here: see `actions.site_sources.SiteTraffic`."""

    __slots__ = ()


class MemberStore(Protocol):
    """Members on disk; each call is one transaction, and repeating it adds nothing."""

    async def owners(self, digests: Sequence[bytes]) -> Mapping[bytes, int]:
        """Return the accounts of passkeys by their digests."""

    async def taken(self, folded: Sequence[str]) -> set[str]:
        """Return those of the folded names that an account has."""

    async def add(self, members: Sequence[NewMember], now: int) -> list[int]:
        """Make accounts whose names are free, with passkeys and balances; return their numbers, in order.

        What counts for them is credited beside their traffic.
        """

    async def add_traffic(self, rows: Sequence[MemberTraffic]) -> int:
        """Add traffic of torrents that an account has none of, and snatches that it has not; return how many rows.

        What is credited by a row is taken from what is credited beside, so what counts in all stays the same. Of an
        account and torrent that come twice in one call, the first row is added.
        """

    async def write_inviters(self, inviters: Mapping[int, int]) -> None:
        """Write who let accounts in, where that is not known."""
