"""Takedowns: blocking and allowing torrents in lists, cache, catalogue and tracker, under all their infohashes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Protocol

import structlog

from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from cache.torrents import TorrentCache
from cache.unbroken import Unbroken
from catalogue.catalogue import Catalogue
from catalogue.shelf import ALL
from lists.infohashes import Entry, Lists, Verdict

_BATCH = 500

log = structlog.get_logger()


class TrackerPolicy(Protocol):
    """The tracker's allow and deny tables, of 20-byte infohashes; every call takes effect at once."""

    def allow(self, infohashes: Iterable[InfoHash]) -> None:
        """Allow announces of these, where only listed torrents are tracked."""

    def disallow(self, infohashes: Iterable[InfoHash]) -> None:
        """Take that back."""

    def deny(self, infohashes: Iterable[InfoHash]) -> None:
        """Refuse announces of these, even when they are allowed."""

    def undeny(self, infohashes: Iterable[InfoHash]) -> None:
        """Take that back."""

    def join(self, alias: InfoHash, canonical: InfoHash) -> None:
        """Make the two infohashes of a hybrid one swarm."""


class Takedowns:
    """Blocks and allows torrents; tracker, cache and catalogue always follow the lists."""

    def __init__(
        self,
        cache: TorrentCache,
        catalogue: Catalogue,
        lists: Lists,
        policy: TrackerPolicy,
        clock: Callable[[], float],
        *,
        blocked: Sequence[Callable[[Sequence[InfoHash]], Awaitable[None]]] = (),
    ) -> None:
        """`blocked` are called with every infohash of a blocked torrent, after its file and record are deleted."""
        self._blocked = tuple(blocked)
        self._cache = cache
        self._catalogue = catalogue
        self._lists = lists
        self._policy = policy
        self._clock = clock
        self._lock = asyncio.Lock()
        self._operations = Unbroken()

    async def start(self) -> None:
        """Load every entry and held torrent into the tracker, and finish interrupted takedowns."""
        async for entries in self._lists.walk(None, _BATCH):
            for entry in entries:
                await self._restore(entry)
        async for records in self._cache.walk(_BATCH):
            for record in records:
                self._allow_held(record.spellings, record.v1, record.alias)

    async def block(self, infohash: InfoHash, reason: str, by: str) -> Entry:
        """Block a torrent under all its known infohashes: no upload, file, record or announce.

        Refusal: `bad-reason`.
        """
        return await self._operations.run(self._block(infohash, reason, by))

    async def unblock(self, infohash: InfoHash) -> bool:
        """Remove the blocks of a torrent; its file and record stay deleted. Tell whether there was one."""
        return await self._operations.run(self._lift(infohash, Verdict.DENY))

    async def allow(self, infohash: InfoHash, reason: str, by: str) -> Entry:
        """Allow announces of a torrent in listed mode though it is not held. Refusal: `bad-reason`."""
        return await self._operations.run(self._allow(infohash, reason, by))

    async def disallow(self, infohash: InfoHash) -> bool:
        """Remove an allow entry; a torrent that the cache holds stays allowed. Tell whether there was one."""
        return await self._operations.run(self._lift(infohash, Verdict.ALLOW))

    async def entries(self, verdict: Verdict | None = None) -> list[Entry]:
        """Return every entry, or those of one list, ordered by infohash."""
        return await self._lists.entries(verdict)

    def walk(self, verdict: Verdict | None = None) -> AsyncIterator[list[Entry]]:
        """Yield the entries in bounded batches."""
        return self._lists.walk(verdict, _BATCH)

    async def refuse_blocked(self, metainfo: Metainfo) -> None:
        """Refuse an uploaded torrent that is blocked under any of its infohashes, and delete its file.

        Refusal: `blocked`, with the reason of the block.
        """
        entry = await self._lists.denied(metainfo.infohashes)
        if entry is not None:
            await self._operations.run(self._enforce(entry, metainfo.infohashes))
            raise Refusal("blocked", entry.reason)

    async def refuse_blocked_hash(self, infohash: InfoHash) -> None:
        """Refuse an infohash that is blocked. Refusal: `blocked`, with the reason."""
        entry = await self._lists.denied((infohash,))
        if entry is not None:
            raise Refusal("blocked", entry.reason)

    async def admit(self, metainfo: Metainfo) -> None:
        """Allow announces of a torrent that was just cached. Refusal: `blocked`, if it was blocked meanwhile."""
        async with self._lock:
            # A block takes the lock too: either it is seen here, or it comes later and deletes the file.
            if await self._lists.denied(metainfo.infohashes) is None:
                alias = metainfo.v2.cut if metainfo.v1 is not None and metainfo.v2 is not None else None
                self._allow_held(metainfo.infohashes, metainfo.v1, alias)
                return
        await self.refuse_blocked(metainfo)

    async def remove_file(self, names: Iterable[InfoHash]) -> None:
        """Delete the file of a torrent that is not blocked."""
        await self._operations.run(self._remove_file(tuple(names)))

    async def drain(self) -> None:
        """Wait for running operations; call it before the stores are closed."""
        await self._operations.drain()

    async def _block(self, infohash: InfoHash, reason: str, by: str) -> Entry:
        entry = await self._lists.set(Entry(infohash, Verdict.DENY, reason, by, int(self._clock())))
        entry = await self._enforce(entry, ())
        log.info("takedown.blocked", infohash=infohash.upper, by=by)
        return entry

    async def _allow(self, infohash: InfoHash, reason: str, by: str) -> Entry:
        entry = await self._lists.set(Entry(infohash, Verdict.ALLOW, reason, by, int(self._clock())))
        async with self._lock:
            entry = await self._add_known_names(entry, ())
            await self._apply_to_tracker(entry.names)
        log.info("takedown.allowed", infohash=infohash.upper, by=by)
        return entry

    async def _enforce(self, entry: Entry, names: tuple[InfoHash, ...]) -> Entry:
        """Enforce a block: deny every infohash of the torrent, `names` included, and delete its file."""
        async with self._lock:
            if await self._lists.denied((entry.infohash,)) is None:
                return entry  # lifted meanwhile
            covering = await self._add_known_names(entry, names)
            self._policy.deny(_short_hashes(covering.names))
            await self._remove(covering)
            await self._apply_to_tracker(covering.names)
        return covering

    async def _remove_file(self, names: tuple[InfoHash, ...]) -> None:
        async with self._lock:
            known = set(names)
            for name in _short_hashes(names):
                removed = await self._cache.remove(name)
                known.update(removed.spellings if removed is not None else ())
            await self._apply_to_tracker(known)

    async def _add_known_names(self, entry: Entry, names: tuple[InfoHash, ...]) -> Entry:
        """Add these infohashes, and those that cache and catalogue know, to a list entry."""
        known = set(names)
        for name in _short_hashes(entry.names):
            record = await self._cache.find(name)
            known.update(record.spellings if record is not None else ())
            torrent = await self._catalogue.torrent(name, ALL)
            if torrent is not None:
                known.update((torrent.infohash, torrent.alias or torrent.infohash))
        covering = entry.covering(known)
        return covering if covering == entry else await self._lists.set(covering)

    async def _remove(self, entry: Entry) -> None:
        for name in _short_hashes(entry.names):
            removed = await self._cache.remove(name)
            if removed is not None:
                log.info("takedown.file_removed", infohash=removed.infohash.upper)
        for torrent in await self._catalogue.forget(entry.names):
            log.info("takedown.record_removed", infohash=torrent.infohash.upper)
        for callback in self._blocked:
            await callback(entry.names)

    async def _lift(self, infohash: InfoHash, verdict: Verdict) -> bool:
        async with self._lock:
            names, entries = await self._related(infohash, verdict)
            for entry in entries:
                await self._lists.unset(entry.infohash, verdict)
            await self._apply_to_tracker(names)
        log.info("takedown.lifted", infohash=infohash.upper, verdict=verdict.value, entries=len(entries))
        return bool(entries)

    async def _related(self, infohash: InfoHash, verdict: Verdict) -> tuple[set[InfoHash], list[Entry]]:
        """Return every infohash that entries of one list relate to this one, and these entries.

        Two may have been listed before an upload showed that they are of one torrent.
        """
        record = await self._cache.find(infohash.cut)
        names = {infohash, *(record.spellings if record is not None else ())}
        while True:
            entries = await self._lists.find(names, verdict)
            related = names.union(*(entry.names for entry in entries))
            if related == names:
                return names, entries
            names = related

    async def _apply_to_tracker(self, names: Iterable[InfoHash]) -> None:
        """Set the tracker's policy of each infohash by the lists and the cache."""
        for name in _short_hashes(names):
            record = await self._cache.find(name)
            known = record.spellings if record is not None else (name,)
            allowed = record is not None or await self._lists.allowed(known) is not None
            denied = await self._lists.denied(known) is not None
            (self._policy.allow if allowed else self._policy.disallow)(_short_hashes(known))
            (self._policy.deny if denied else self._policy.undeny)(_short_hashes(known))

    async def _restore(self, entry: Entry) -> None:
        if entry.verdict is Verdict.ALLOW:
            self._policy.allow(_short_hashes(entry.names))
            return
        entry = await self._add_known_names(entry, ())
        self._policy.deny(_short_hashes(entry.names))
        await self._remove(entry)

    def _allow_held(self, names: Iterable[InfoHash], v1: InfoHash | None, alias: InfoHash | None) -> None:
        self._policy.allow(_short_hashes(names))
        if v1 is not None and alias is not None:
            self._policy.join(alias, v1)


def _short_hashes(names: Iterable[InfoHash]) -> list[InfoHash]:
    return [name for name in dict.fromkeys(names) if not name.is_v2]
