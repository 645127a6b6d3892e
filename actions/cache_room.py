"""Room in the cache: tells before it is full, and where the operator wishes it removes what nobody asked for."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog

from accounts.model import NOBODY, Principal
from actions.maintenance import NoteMaintenance, note_nowhere
from actions.takedowns import Takedowns
from cache.quota import CacheFill
from cache.record import DAY, day_of
from cache.torrents import TorrentCache
from cache.unasked import UnaskedStore, UnaskedTorrent
from catalogue.events import Emit, deleted
from catalogue.model import Subject
from catalogue.moderation import Moderation
from catalogue.store import TorrentStore

TOLD_FROM = 0.80
"""The share of the cache from which on it is told that it fills."""
FULL_FROM = 0.98
"""The share from which on room is made: uploads are not refused yet."""
LOW_MARK = 0.95
"""The share down to which room is made."""
BATCH = 500
"""Torrents that are found at once."""
LOOK_SECONDS = 60.0
_COUNT_SECONDS = 600.0  # between two counts of what would go
_TOLD_AGAIN = DAY

log = structlog.get_logger()


class WhenFull(StrEnum):
    """What goes when the cache is full."""

    REFUSE = "refuse"
    """Nothing; uploads are refused."""
    UNASKED = "unasked"
    """What nobody asked for and nobody cares for."""


@dataclass(frozen=True, slots=True)
class RoomTerms:
    """What goes when the cache is full, of what nobody asked for in so many days, down to a share of the cache."""

    when_full: WhenFull = WhenFull.REFUSE
    days: int = 365
    low_mark: float = LOW_MARK


@dataclass(frozen=True, slots=True)
class RoomState:
    """How full the cache is, what goes then, and how many torrents of how many bytes could go.

    What could go is counted from `TOLD_FROM` on.
    """

    fill: CacheFill
    terms: RoomTerms
    files: int = 0
    stored: int = 0

    @property
    def filling(self) -> bool:
        """Whether it is so full that it is told."""
        return self.fill.share >= TOLD_FROM

    @property
    def suffices(self) -> bool:
        """Whether what could go is as much as would have to go if the cache were full now."""
        full = replace(self.fill, files=self.fill.most_files, stored=self.fill.most_bytes)
        files, stored = full.excess(self.terms.low_mark)
        enough = self.fill.files_share < TOLD_FROM or self.files >= files
        return enough and (self.fill.bytes_share < TOLD_FROM or self.stored >= stored)


@dataclass(slots=True)
class RoomMade:
    """How many torrents were removed, and the bytes of their files."""

    files: int = 0
    stored: int = 0


class CacheRoom:
    """Looks how full the cache is, tells, and makes room. `clock` gives unix seconds."""

    def __init__(
        self,
        cache: TorrentCache,
        unasked: UnaskedStore,
        takedowns: Takedowns,
        torrents: TorrentStore,
        moderation: Moderation,
        *,
        terms: RoomTerms,
        clock: Callable[[], float],
        emit: Emit,
        note: NoteMaintenance = note_nowhere,
    ) -> None:
        self._cache = cache
        self._unasked = unasked
        self._takedowns = takedowns
        self._torrents = torrents
        self._moderation = moderation
        self._clock = clock
        self._emit = emit
        self._note = note
        self._turn = asyncio.Lock()
        self._told_at: float | None = None
        self._counted_at: float | None = None
        self.terms = terms
        self.state: RoomState | None = None
        """What was seen last, None before the first look."""
        self.removed = RoomMade()
        """What was removed since the start."""

    async def run(self) -> None:
        """Write what was asked for, look, and make room, again and again; never returns."""
        while True:
            try:
                await self._cache.asked.flush()
                await self.look()
            except Exception:
                log.exception("cache.room_failed")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._cache.asked.crowded.wait(), LOOK_SECONDS)

    async def look(self) -> RoomState:
        """Look how full the cache is, and tell; make room if that was told with an earlier look."""
        told = self._told_at is not None
        state = await self.measure(counted=False)
        if state.filling:
            self._tell(state)
        elif state.fill.share < TOLD_FROM - 0.05:
            self._told_at = None
        full = state.fill.share >= FULL_FROM and self.terms.when_full is WhenFull.UNASKED
        if told and full and state.files:  # else a search through everything would find nothing again
            await self.make()
        return state

    async def measure(self, *, counted: bool = True) -> RoomState:
        """Return how full the cache is, and what could go; unless that is to be counted, as of some minutes ago."""
        fill, known = await self._cache.fill(), self.state
        fresh = self._counted_at is not None and 0 <= self._clock() - self._counted_at < _COUNT_SECONDS
        if fill.share < TOLD_FROM and not counted:
            self.state, self._counted_at = RoomState(fill, self.terms), None
        elif known is not None and fresh and not counted:
            self.state = RoomState(fill, self.terms, known.files, known.stored)
        else:
            await self._cache.asked.flush()
            files, stored = await self._unasked.totals(self._before())
            self.state, self._counted_at = RoomState(fill, self.terms, files, stored), self._clock()
        return self.state

    async def upcoming(self, limit: int) -> list[UnaskedTorrent]:
        """Return what would go first, `limit` at most."""
        return await self._unasked.page(self._before(), limit)

    async def make(self, principal: Principal = NOBODY) -> RoomMade:
        """Remove what nobody asked for, the longest ago first, until the low mark is reached; return what was removed.

        What is removed leaves a line in the moderators' log, of the `principal` who wishes it now, else of the service
        itself. What is asked for, or cared for, meanwhile stays.
        """
        async with self._turn:
            began, made = self._clock(), RoomMade()
            try:
                async with aclosing(self._superfluous()) as superfluous:
                    async for torrent in superfluous:
                        await self._remove(torrent, principal)
                        made.files += 1
                        made.stored += torrent.stored
            finally:
                self.removed.files += made.files
                self.removed.stored += made.stored
                if made.files:
                    self._counted_at = None
                    log.warning("cache.room_made", files=made.files, bytes=made.stored)
                    await self._note("cache room", began, {"removed": made.files, "bytes": made.stored})
        return made

    async def _superfluous(self) -> AsyncGenerator[UnaskedTorrent, None]:
        """Yield torrents that may go until there is room; each has to be removed before the next one is asked for."""
        before = self._before()
        while True:
            await self._cache.asked.flush()
            # Counted anew, since other nodes may have made room as well.
            files, stored = (await self._cache.fill(counted=True)).excess(self.terms.low_mark)
            page = await self._unasked.page(before, BATCH) if files or stored else []
            going = 0
            for torrent in page:
                if files <= 0 and stored <= 0:
                    return
                if self._cache.asked.waits(torrent.infohash) or not await self._unasked.still(
                    torrent.infohash, before
                ):
                    continue
                yield torrent
                files, stored, going = files - 1, stored - torrent.stored, going + 1
            if not going:
                return

    async def _remove(self, torrent: UnaskedTorrent, principal: Principal) -> None:
        # The file goes first: after a crash a record is left without one, which the next start forgets.
        await self._takedowns.remove_file([torrent.infohash])
        if await self._cache.has(torrent.infohash):
            return  # somebody has brought it again
        removed = await self._torrents.remove([torrent.infohash])
        subject, target = Subject.INFOHASH, torrent.infohash.upper
        if removed:
            subject, target = Subject.TORRENT, str(removed[0].id)
        reason = f"nobody asked for it in {self.terms.days} days, and the cache was full"
        detail = f"{torrent.title}: {reason}"
        await self._moderation.log(principal.id, "delete", subject, target, principal.signed(detail))
        by = "" if principal is NOBODY else principal.name
        await self._emit(deleted(torrent.infohash, torrent.title, reason, by))

    def _tell(self, state: RoomState) -> None:
        now = self._clock()
        if self._told_at is not None and 0 <= now - self._told_at < _TOLD_AGAIN:
            return
        self._told_at = now
        log.warning(
            "cache.filling",
            percent=int(100 * min(state.fill.share, 1)),
            files=state.fill.files,
            bytes=state.fill.stored,
            when_full=self.terms.when_full.value,
            unasked_days=self.terms.days,
            unasked_files=state.files,
            unasked_bytes=state.stored,
        )

    def _before(self) -> int:
        """Return the day before which a torrent was last asked for when it may go."""
        return day_of(self._clock()) - self.terms.days
