"""Drafts: `.torrent` files and magnet links that an account has shown to the service, and not uploaded yet."""

from dataclasses import dataclass
from typing import Protocol

from bittorrent.infohash import InfoHash

MOST_DRAFTS = 200
"""Drafts that an account may have at once."""
DRAFT_SECONDS = 86_400
"""How long a draft waits to be sent."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The bytes of one `.torrent`, or the text of a magnet link, and its infohash of 20 bytes."""

    infohash: InfoHash
    data: bytes

    @property
    def is_magnet(self) -> bool:
        """Whether it is a magnet link."""
        return self.data[:7].lower() == b"magnet:"


@dataclass(frozen=True, slots=True)
class DraftLimits:
    """Drafts and bytes that one account may have, bytes of all accounts, and seconds that a draft is kept.

    `min_free` are the bytes of the disk that stay free.
    """

    drafts: int = MOST_DRAFTS
    account_bytes: int = 64 << 20
    all_bytes: int = 1 << 30
    seconds: int = DRAFT_SECONDS
    min_free: int = 0


class DraftStore(Protocol):
    """Keeps drafts by account and infohash for a while; a crash of the machine may lose some, never damage one."""

    async def put(self, account: int, draft: Draft) -> bool:
        """Keep a draft; return whether there was none of that infohash. Refusal: `full`, `disk-full`, `busy`."""
        ...

    async def get(self, account: int, infohash: InfoHash) -> Draft | None:
        """Return a draft, None where there is none, or no more."""
        ...

    async def waiting(self, account: int) -> list[InfoHash]:
        """Return the infohashes of an account's drafts, in the order in which they came."""
        ...

    async def remove(self, account: int, infohash: InfoHash) -> None:
        """Let go of a draft; one that is not there is no error."""
        ...

    async def sweep(self) -> int:
        """Delete what has waited too long, and what an interrupted write left; return how many files that were."""
        ...
