"""Metadata lookups: finds the .torrent of an infohash in swarms, by trackers, the DHT and other caches."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from actions.metadata_sources import LookupQuery, MetadataSource, SourceKind
from actions.negative_cache import NegativeCache
from actions.takedowns import Takedowns
from actions.uploads import Uploads
from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from cache.compression import INFLATED_LIMIT
from cache.torrents import TorrentCache
from tasks.fair_turns import FairSlots

LONGEST_WAIT = 300.0
"""Seconds that a caller may wait."""
TRACKERS_ASKED = 20
"""Trackers of a magnet link that are asked."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class LookupResult:
    """A torrent that was found, cached by now, and its source."""

    metainfo: Metainfo
    source: SourceKind


@dataclass(frozen=True, slots=True)
class LookupSettings:
    """Settings of lookups: seconds each, how many run and how many wait, how long misses count, and for whom."""

    seconds: float = 30.0
    concurrent: int = 4
    queue: int = 64
    remember_misses: float = 3600.0
    anonymous: bool = False


@dataclass(slots=True)
class _Search:
    """A lookup that waits or runs; a `wide` one asks every source, any other only our own swarm."""

    infohash: InfoHash
    wide: bool
    trackers: dict[str, None]
    tried: list[MetadataSource] = field(default_factory=list)
    asked_keys: set[str] = field(default_factory=set)
    task: "asyncio.Task[LookupResult | Refusal | None] | None" = None


class Lookups:
    """Finds metadata by hash, in the operator's order of sources, within one time budget for all of them.

    `timer` gives monotonic seconds.
    """

    def __init__(
        self,
        uploads: Uploads,
        cache: TorrentCache,
        takedowns: Takedowns,
        sources: Sequence[MetadataSource],
        terms: LookupSettings,
        *,
        timer: Callable[[], float],
    ) -> None:
        self.terms = terms
        self._uploads = uploads
        self._cache = cache
        self._takedowns = takedowns
        self._sources = tuple(sources)
        self._timer = timer
        self._misses = NegativeCache(terms.remember_misses, timer)
        self._slots = FairSlots(terms.concurrent)
        self._searches: dict[InfoHash, _Search] = {}
        self.counts: Counter[str] = Counter()
        """Searches that ended since the start: found, missed, or the code of a refusal."""

    @property
    def under_way(self) -> int:
        """How many lookups run or wait."""
        return len(self._searches)

    async def find(
        self, infohash: InfoHash, *, seconds: float, account: int | None, trackers: tuple[str, ...] = ()
    ) -> LookupResult | None:
        """Return the torrent of an infohash, looking it up where it is not held; None when no source has it.

        Concurrent calls for a hash share one search; a miss is remembered. A search goes on when `seconds` are
        over, so that a later call may find its result. Refusal: `blocked`, `lookups-closed` (without an
        account, where the operator does not allow that), `busy`, those of `Uploads.accept` for lack of space.
        """
        await self._takedowns.refuse_blocked_hash(infohash)
        held = await self._cache.get(infohash)
        if held is not None and held.record.hidden:
            return None
        if held is not None:
            plain = await asyncio.to_thread(held.plain)
            metainfo, _ = await self._uploads.reader.read_plain(plain, INFLATED_LIMIT)
            return LookupResult(metainfo, SourceKind.CACHE)
        if account is None and not self.terms.anonymous:
            raise Refusal("lookups-closed")
        usable = self._usable_trackers(trackers)
        query = LookupQuery(infohash, usable)
        asked_keys = [_asked_keys(source, query) for source in self._sources if source.available(query)]
        if self._misses.contains(infohash, set[str]().union(*asked_keys)):
            return None
        return await self._outcome(self._join(infohash, usable, wide=True), min(seconds, LONGEST_WAIT))

    async def begin(self, infohash: InfoHash, *, account: int | None, trackers: tuple[str, ...] = ()) -> None:
        """Start a lookup in the background, if one may be started."""
        with contextlib.suppress(Refusal):
            await self.find(infohash, seconds=0, account=account, trackers=trackers)

    async def find_in_swarm(self, infohash: InfoHash) -> LookupResult | None:
        """Look up a torrent in our own swarm only; a miss is not remembered. Refusal: as `find`."""
        await self._takedowns.refuse_blocked_hash(infohash)
        return await self._outcome(self._join(infohash, (), wide=False), LONGEST_WAIT)

    async def close(self) -> None:
        """Cancel every lookup; call it before the stores are closed."""
        tasks = [search.task for search in self._searches.values() if search.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _usable_trackers(self, trackers: tuple[str, ...]) -> tuple[str, ...]:
        uses_trackers = any(source.kind is SourceKind.TRACKERS for source in self._sources)
        return trackers[:TRACKERS_ASKED] if uses_trackers else ()

    def _join(self, infohash: InfoHash, trackers: tuple[str, ...], *, wide: bool) -> _Search:
        search = self._searches.get(infohash)
        if search is None:
            if len(self._searches) >= self.terms.concurrent + self.terms.queue:
                raise Refusal("busy")
            search = self._searches[infohash] = _Search(infohash, wide, {})
            search.task = asyncio.create_task(self._run(search))
        search.wide |= wide
        space = TRACKERS_ASKED - len(search.trackers)
        search.trackers.update(dict.fromkeys(trackers[:space]))
        return search

    async def _outcome(self, search: _Search, seconds: float) -> LookupResult | None:
        assert search.task is not None
        await asyncio.wait({search.task}, timeout=max(0.0, seconds))
        if not search.task.done() or search.task.cancelled():
            return None
        outcome = search.task.result()
        if isinstance(outcome, Refusal):
            raise Refusal(outcome.code, outcome.detail)
        return outcome

    async def _run(self, search: _Search) -> LookupResult | Refusal | None:
        """Wait for a slot and search; a refusal is returned, since nobody may be waiting for the task."""
        try:
            async with self._slots.slot():
                found = await self._search(search)
        except Refusal as refusal:
            self.counts[refusal.code] += 1
            log.info("lookup.refused", infohash=search.infohash.upper, code=refusal.code)
            return refusal
        except Exception:
            log.exception("lookup.failed", infohash=search.infohash.upper)
            return None
        finally:
            del self._searches[search.infohash]
        if found is None and search.wide:
            self._misses.add(search.infohash, search.asked_keys)
        source = found.source if found is not None else None
        self.counts["missed" if found is None else "found"] += 1
        log.info("lookup.ended", infohash=search.infohash.upper, source=source)
        return found

    async def _search(self, search: _Search) -> LookupResult | None:
        ends = self._timer() + self.terms.seconds
        while (left := ends - self._timer()) > 0 and (sources := self._untried(search)):
            source = sources[0]
            search.tried.append(source)
            query = LookupQuery(search.infohash, tuple(search.trackers))
            if not source.available(query):
                continue
            search.asked_keys |= _asked_keys(source, query)
            # Time that a source does not use goes to the ones after it.
            data = await source.fetch(query, left / len(sources))
            metainfo = None if data is None else await self._checked(search.infohash, data, source)
            if metainfo is not None and metainfo[0].private:
                return None  # private torrents are not kept
            if metainfo is not None:
                accepted = await self._uploads.accept(metainfo[1], "lookup", skip_limit=True)
                return LookupResult(accepted.metainfo, source.kind)
        return None

    def _untried(self, search: _Search) -> list[MetadataSource]:
        return [
            source
            for source in self._sources
            if source not in search.tried and (search.wide or source.kind is SourceKind.SWARM)
        ]

    async def read(self, data: bytes) -> Metainfo:
        """Read a .torrent; of a large one the first files alone. Refusal: those of `MetainfoReader.read`."""
        return (await self._uploads.reader.read(data)).metainfo

    async def _checked(
        self, infohash: InfoHash, data: bytes, source: MetadataSource
    ) -> tuple[Metainfo, bytes] | None:
        """Return the torrent and its decompressed bytes if it has the infohash."""
        try:
            read = await self._uploads.reader.read(data)
        except Refusal as refusal:
            log.info("lookup.unreadable", infohash=infohash.upper, source=source.kind, code=refusal.code)
            return None
        if infohash not in read.metainfo.infohashes:
            log.info("lookup.another", infohash=infohash.upper, source=source.kind)
            return None
        return read.metainfo, read.plain


def _asked_keys(source: MetadataSource, query: LookupQuery) -> set[str]:
    """Return the keys of what a source asks: a remembered miss covers a later query with the same or fewer keys."""
    return {source.kind} | set(query.trackers if source.kind is SourceKind.TRACKERS else ())
