"""Hides when and how changed swarms reach the journal, and how they come back after a restart."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bittorrent.infohash import InfoHash


@dataclass(frozen=True, slots=True)
class Row:
    """One packed part of one swarm; a payload of None deletes the row."""

    infohash: InfoHash
    part: int
    payload: bytes | None


class Journal(Protocol):
    """Where packed swarms survive a restart."""

    async def write(self, rows: Sequence[Row]) -> None:
        """Write all rows in one transaction; rows come sorted by (infohash, part)."""

    def read(self, batch: int) -> AsyncIterator[list[Row]]:
        """Yield every row in key order, at most `batch` at a time."""

    async def healthy(self) -> bool:
        """Tell whether the journal answers."""

    async def close(self) -> None:
        """Close it."""
