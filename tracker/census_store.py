"""The protocols of the census store and of the store of its daily keys."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from bittorrent.infohash import InfoHash

DAY_KEY_LENGTH = 32


class OpenDay(NamedTuple):
    """The day that is being counted, in days since 1970, and the second from which its rows are still unread."""

    day: int
    looked: int


class Count(NamedTuple):
    """The distinct peers of a torrent from a country."""

    infohash: InfoHash
    country: str
    peers: int


class CensusStore(Protocol):
    """Counters of the open day and counts of closed ones. What a call returned from is there after a restart."""

    async def open_day(self) -> OpenDay | None:
        """Return the day that is open, if one is."""
        ...

    async def begin(self, day: OpenDay) -> bool:
        """Open a day, unless it was closed before; return whether it is open now."""
        ...

    async def write(self, day: OpenDay, tallies: Sequence[tuple[bytes, bytes]]) -> None:
        """Replace counters and record how far the day was read, both or neither."""
        ...

    async def read(self, names: Sequence[bytes]) -> list[tuple[bytes, bytes]]:
        """Return those of the counters that there are."""
        ...

    async def page(self, after: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """Return up to `limit` counters with a key above `after`, ascending."""
        ...

    async def size(self) -> int:
        """Return the number of counters."""
        ...

    async def write_counts(self, day: int, counts: Sequence[Count]) -> None:
        """Write counts of a day, in place of earlier ones."""
        ...

    async def close_day(self, day: int, keep_from: int) -> None:
        """Mark a day and all before it closed, and delete all counters.

        Counts of days before `keep_from`, or after the day, are dropped.
        """
        ...

    async def discard_day(self, day: int) -> None:
        """Delete a day that lies in the future, its counters and its counts."""
        ...

    async def wipe(self) -> bool:
        """Leave no trace of deleted counters in the files; False when it has to be tried again."""
        ...

    async def last_closed(self, until: int) -> int | None:
        """Return the newest closed day that is not after `until`."""
        ...

    async def counts(self, infohash: InfoHash, day: int) -> list[tuple[str, int]]:
        """Return the countries and counts of a torrent on a closed day, by count descending, then code."""
        ...

    async def countries(self, day: int) -> list[tuple[str, int]]:
        """Return the countries of a closed day with the sums of all torrents' counts, by sum descending, then code."""
        ...

    async def seen(self, infohashes: Sequence[InfoHash], since: int, until: int) -> frozenset[InfoHash]:
        """Return those with a count on a day from `since` to `until`, or with a counter."""
        ...

    async def forget(self, infohashes: Sequence[bytes]) -> None:
        """Delete the counts and counters of torrents of these infohashes."""
        ...


class DayKeys(Protocol):
    """The keys of days, each kept secret until it is destroyed."""

    def of(self, day: int) -> bytes:
        """Return the key of a day; the first call makes it."""
        ...

    def keep_only(self, day: int | None) -> None:
        """Destroy the keys of every other day."""
        ...
