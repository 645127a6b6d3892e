"""Finished answers for stored files, kept in memory outside of Python: native threads answer the next request by them.

`docs/decisions/0050-finished-answers-in-memory.md` says what keeps them right.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from cache.record import FileStamp
from doors.file_answers import FileAnswers, header_lines

if TYPE_CHECKING:
    from actions.torrent_files import TorrentFiles
    from cache.torrents import TorrentCache
    from tracker._native import Files

SECONDS = 300
"""How long an answer is given without another look at its record and file."""
RENEWED_BEFORE = SECONDS // 2
"""Seconds before its end from which an answer in use is made anew."""
_IN_MEMORY = 16 << 10  # bytes up to which sending from memory costs less than having the kernel send the file
_HEADS = 1024  # bytes of an answer without the file, as a rule
_UNKNOWN = FileStamp(0, 0, 0)
_SHARDS = 16
_ROUND = 16.0  # seconds in which every shard is looked at once
_AT_ONCE = 256

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KeptFileCounts:
    """Answers that are kept now and their bytes, and since the start: put in, evicted, expired, refused."""

    count: int = 0
    bytes: int = 0
    stored: int = 0
    evicted: int = 0
    expired: int = 0
    refused: int = 0


class KeptFiles:
    """The finished answers, each for some `seconds`; `clock` gives the seconds of a clock that never goes back.

    `stamp` tells what the stored file of a torrent was like when it was found right, where native threads can read it.
    """

    def __init__(
        self,
        table: "Files",
        clock: Callable[[], float],
        stamp: Callable[[InfoHash], FileStamp | None] = lambda _: None,
        *,
        seconds: int = SECONDS,
        renewed_before: int = RENEWED_BEFORE,
    ) -> None:
        self.table = table
        self._clock = clock
        self._stamp = stamp
        self._seconds = seconds
        self._renewed_before = renewed_before
        self._most = table.most()

    def generation(self, infohash: InfoHash) -> int:
        """Return what `keep` has to bring; to be read before anything is looked up for the answer."""
        return self.table.generation(infohash)

    def keep(self, infohash: InfoHash, answers: FileAnswers, data: bytes, generation: int) -> bool:
        """Keep the answers about a file that everybody may have, with the file in their coding; return whether it is.

        It is not when something about the torrent changed since `generation` was read, and when it is too large. A
        larger file that is sent as it is stored is read from there with each request.
        """
        found = self._stamp(infohash) if answers.packed else None
        stamp = found if found is not None and found.size == len(data) else _UNKNOWN
        apart = stamp is not _UNKNOWN and len(data) > min(_IN_MEMORY, self._most - _HEADS)
        if (len(data) > self._most and not apart) or infohash != answers.record.infohash:
            return False
        head, unchanged = header_lines(answers.whole(data)), header_lines(answers.unchanged())
        until = int(self._clock()) + self._seconds
        etag = answers.etag.encode()
        what = (infohash, answers.packed, generation, head, unchanged, etag, data, until)
        return self.table.put(*what, stamp.inode, stamp.changed, apart)

    def forget(self, infohashes: Iterable[InfoHash]) -> None:
        """Drop the answers of these: nobody gets them once this has returned."""
        for infohash in infohashes:
            self.table.drop(infohash.truncated)

    def ending(self, shard: int) -> list[tuple[InfoHash, bool]]:
        """Return what is in use and ends soon in one of 16 shards: infohash, and whether it is packed."""
        until = int(self._clock()) + self._renewed_before
        return [(InfoHash(name), packed) for name, packed in self.table.ending(shard, until, _AT_ONCE)]

    def counts(self) -> KeptFileCounts:
        """Return the counters."""
        return KeptFileCounts(**self.table.numbers())


class KeptFileRenewal:
    """Makes answers that are in use anew before they end, from record and file, as a request would."""

    def __init__(self, kept: KeptFiles, cache: "TorrentCache", files: "TorrentFiles") -> None:
        self._kept = kept
        self._cache = cache
        self._files = files

    async def run(self) -> None:
        """Renew for ever; a failure is reported, and the next shard goes on."""
        shard = 0
        while True:
            await asyncio.sleep(_ROUND / _SHARDS)
            try:
                await self.renew(shard)
            except Exception:
                log.exception("cache.renewal_failed")
            shard = (shard + 1) % _SHARDS

    async def renew(self, shard: int) -> None:
        """Renew what is in use and ends soon in one shard, one after another."""
        for infohash, packed in self._kept.ending(shard):
            generation = self._kept.generation(infohash)
            held = await self._cache.get(infohash)
            if held is None or not self._files.open_to_all(held.record):
                self._kept.forget((infohash,))
                continue
            try:
                data = held.gzip if packed else await asyncio.to_thread(held.plain)
            except Refusal:
                self._kept.forget((infohash,))
            else:
                self._kept.keep(infohash, FileAnswers(held.record, packed), data, generation)
