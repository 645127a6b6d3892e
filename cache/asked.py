"""Which torrents were asked for of late, coalesced and bounded, until that is written."""

import asyncio
from collections.abc import Callable

from bittorrent.infohash import InfoHash
from cache.record import Records, day_of

_MOST = 65_536


class AskedTorrents:
    """Notes in memory that a torrent was asked for, and writes the day of all of them at once.

    A torrent that is asked for a thousand times between two writes is written once, and at most once a day changes a
    row. `clock` gives unix seconds. Beyond `most` torrents `crowded` is set, so that whoever writes does so early; what
    comes then is noted all the same up to twice as many.
    """

    def __init__(self, records: Records, clock: Callable[[], float], *, most: int = _MOST) -> None:
        self._records = records
        self._clock = clock
        self._most = most
        # Plain bytes: garbage collections do not look at them.
        self._waiting: dict[bytes, int] = {}
        self.crowded = asyncio.Event()

    def note(self, infohash: InfoHash) -> None:
        """Note that a torrent was asked for now, by the first infohash of its record."""
        if len(self._waiting) < 2 * self._most:
            self._waiting[bytes(infohash)] = day_of(self._clock())
        if len(self._waiting) >= self._most:
            self.crowded.set()

    def waits(self, infohash: InfoHash) -> bool:
        """Return whether a torrent was asked for since the last write."""
        return bytes(infohash) in self._waiting

    async def flush(self) -> None:
        """Write what was noted; what cannot be written is kept for the next time."""
        taken, self._waiting = self._waiting, {}
        self.crowded.clear()
        try:
            for day in sorted({*taken.values()}):
                named = [InfoHash(infohash) for infohash, asked in taken.items() if asked == day]
                await self._records.note_asked(named, day)
        except BaseException:
            self._waiting = taken | self._waiting
            raise
