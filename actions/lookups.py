"""Hides where the metadata of a torrent comes from that is known by its hash alone."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from actions.misses import Misses
from actions.sources import Place, Question, Source
from actions.takedowns import Takedowns
from actions.uploads import Uploads
from bittorrent.bencode import Limits
from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from cache.compression import INFLATED_LIMIT, unpack
from cache.torrents import Held, TorrentCache

__all__ = ["Found", "LookupTerms", "Lookups", "Source"]

LONGEST_WAIT = 300.0
"""Seconds that a caller can wait."""
TRACKERS_ASKED = 20
"""Trackers of a magnet link that are asked."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Found:
    """What a lookup brought, in the cache by now, and from where."""

    metainfo: Metainfo
    source: Source


@dataclass(frozen=True, slots=True)
class LookupTerms:
    """What the operator allows: the seconds of a lookup, how many run and how many wait, for whom."""

    seconds: float = 30.0
    concurrent: int = 4
    queue: int = 64
    remember_misses: float = 3600.0
    anonymous: bool = False


@dataclass(slots=True)
class _Search:
    """A lookup that waits or runs. A `wide` one asks every place, any other our own swarm alone."""

    infohash: InfoHash
    wide: bool
    trackers: dict[str, None]
    asked: list[Place] = field(default_factory=list)
    marks: set[str] = field(default_factory=set)
    task: "asyncio.Task[Found | Refusal | None] | None" = None


class Lookups:
    """Finds metadata by hash, in the operator's order of sources, within one time budget for all of them.

    `timer` gives seconds that never go back.
    """

    def __init__(
        self,
        uploads: Uploads,
        cache: TorrentCache,
        takedowns: Takedowns,
        places: Sequence[Place],
        terms: LookupTerms,
        *,
        timer: Callable[[], float],
    ) -> None:
        self.terms = terms
        self._uploads = uploads
        self._cache = cache
        self._takedowns = takedowns
        self._places = tuple(places)
        self._timer = timer
        self._misses = Misses(terms.remember_misses, timer)
        self._turns = asyncio.Semaphore(terms.concurrent)
        self._searches: dict[InfoHash, _Search] = {}

    @property
    def under_way(self) -> int:
        """How many lookups run or wait."""
        return len(self._searches)

    async def find(
        self, infohash: InfoHash, *, seconds: float, account: int | None, trackers: tuple[str, ...] = ()
    ) -> Found | None:
        """Return the torrent of a hash, looking it up where it is not held; None when nobody has it.

        Concurrent calls for a hash share one search; a miss is remembered. A search goes on when `seconds` are
        over, so that a later call may find what it brought. Refusal: `blocked`, `lookups-closed` (without an
        account, where the operator does not allow that), `busy`, those of `Uploads.accept` for its want of room.
        """
        await self._takedowns.refuse_named(infohash)
        held = await self._cache.get(infohash)
        if held is not None:
            return Found(await asyncio.to_thread(_read_held, held), Source.CACHE)
        if account is None and not self.terms.anonymous:
            raise Refusal("lookups-closed")
        wanted = self._askable(trackers)
        question = Question(infohash, wanted)
        marks = [_marks(place, question) for place in self._places if place.promises(question)]
        if self._misses.covers(infohash, set[str]().union(*marks)):
            return None
        return await self._outcome(self._join(infohash, wanted, wide=True), min(seconds, LONGEST_WAIT))

    async def begin(self, infohash: InfoHash, *, account: int | None) -> None:
        """Start a lookup that nobody waits for, if one may be started."""
        with contextlib.suppress(Refusal):
            await self.find(infohash, seconds=0, account=account)

    async def fill(self, infohash: InfoHash) -> Found | None:
        """Look up a torrent of our own swarms, there alone; a miss is not remembered. Refusal: as `find`."""
        await self._takedowns.refuse_named(infohash)
        return await self._outcome(self._join(infohash, (), wide=False), LONGEST_WAIT)

    async def close(self) -> None:
        """End every search; call it before what they keep torrents in is closed."""
        tasks = [search.task for search in self._searches.values() if search.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _askable(self, trackers: tuple[str, ...]) -> tuple[str, ...]:
        asked = any(place.source is Source.TRACKERS for place in self._places)
        return trackers[:TRACKERS_ASKED] if asked else ()

    def _join(self, infohash: InfoHash, trackers: tuple[str, ...], *, wide: bool) -> _Search:
        search = self._searches.get(infohash)
        if search is None:
            if len(self._searches) >= self.terms.concurrent + self.terms.queue:
                raise Refusal("busy")
            search = self._searches[infohash] = _Search(infohash, wide, {})
            search.task = asyncio.create_task(self._run(search))
        search.wide |= wide
        room = TRACKERS_ASKED - len(search.trackers)
        search.trackers.update(dict.fromkeys(trackers[:room]))
        return search

    async def _outcome(self, search: _Search, seconds: float) -> Found | None:
        assert search.task is not None
        await asyncio.wait({search.task}, timeout=max(0.0, seconds))
        if not search.task.done() or search.task.cancelled():
            return None
        outcome = search.task.result()
        if isinstance(outcome, Refusal):
            raise Refusal(outcome.code, outcome.detail)
        return outcome

    async def _run(self, search: _Search) -> Found | Refusal | None:
        """Wait for a turn and search; what fails is the outcome too, since nobody may be waiting for it."""
        try:
            async with self._turns:
                found = await self._search(search)
        except Refusal as refusal:
            log.info("lookup.refused", infohash=search.infohash.upper, code=refusal.code)
            return refusal
        except Exception:
            log.exception("lookup.failed", infohash=search.infohash.upper)
            return None
        finally:
            del self._searches[search.infohash]
        if found is None and search.wide:
            self._misses.note(search.infohash, search.marks)
        source = found.source if found is not None else None
        log.info("lookup.ended", infohash=search.infohash.upper, source=source)
        return found

    async def _search(self, search: _Search) -> Found | None:
        ends = self._timer() + self.terms.seconds
        while (left := ends - self._timer()) > 0 and (places := self._ahead(search)):
            place = places[0]
            search.asked.append(place)
            question = Question(search.infohash, tuple(search.trackers))
            if not place.promises(question):
                continue
            search.marks |= _marks(place, question)
            # What a place leaves of its share goes to those behind it.
            data = await place.ask(question, left / len(places))
            metainfo = None if data is None else await self._checked(search.infohash, data, place)
            if metainfo is not None and metainfo[0].private:
                return None  # its peers are nobody's business but its tracker's, and so is its file
            if metainfo is not None:
                accepted = await self._uploads.accept(metainfo[1], "lookup", patient=True)
                return Found(accepted.metainfo, place.source)
        return None

    def _ahead(self, search: _Search) -> list[Place]:
        return [
            place
            for place in self._places
            if place not in search.asked and (search.wide or place.source is Source.SWARM)
        ]

    async def _checked(self, infohash: InfoHash, data: bytes, place: Place) -> tuple[Metainfo, bytes] | None:
        """Return the torrent and its plain bytes if it is the one that was asked for."""
        try:
            metainfo, plain = await asyncio.to_thread(_read, data, self._uploads.limit)
        except Refusal as refusal:
            log.info("lookup.unreadable", infohash=infohash.upper, source=place.source, code=refusal.code)
            return None
        if infohash not in metainfo.infohashes:
            log.info("lookup.another", infohash=infohash.upper, source=place.source)
            return None
        return metainfo, plain


def _marks(place: Place, question: Question) -> set[str]:
    """Tell whom a place asks, for a miss to be remembered by: more than was asked is another question."""
    return {place.source} | set(question.trackers if place.source is Source.TRACKERS else ())


def _read(data: bytes, limit: int) -> tuple[Metainfo, bytes]:
    plain = unpack(data, limit)
    return Metainfo.parse(plain, Limits(size=limit)), plain


def _read_held(held: Held) -> Metainfo:
    return Metainfo.parse(held.plain(), Limits(size=INFLATED_LIMIT))
