"""Hides what a verdict on a torrent sets in motion: lists, cache, catalogue and tracker, under all its names."""

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
    """What the tracker is told: 20-byte hashes; every call takes effect at once."""

    def allow(self, infohashes: Iterable[InfoHash]) -> None:
        """Let announces of these in, where only listed torrents are tracked."""

    def disallow(self, infohashes: Iterable[InfoHash]) -> None:
        """Take that back."""

    def deny(self, infohashes: Iterable[InfoHash]) -> None:
        """Refuse announces of these, whatever else is said."""

    def undeny(self, infohashes: Iterable[InfoHash]) -> None:
        """Take that back."""

    def join(self, alias: InfoHash, canonical: InfoHash) -> None:
        """Make the two hashes of a hybrid one swarm."""


class Takedowns:
    """Blocks and allows torrents, so that tracker, cache and catalogue always follow the lists."""

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
        """`blocked` are told of every name of a torrent that is blocked, after its file and record are gone."""
        self._blocked = tuple(blocked)
        self._cache = cache
        self._catalogue = catalogue
        self._lists = lists
        self._policy = policy
        self._clock = clock
        self._turn = asyncio.Lock()
        self._deeds = Unbroken()

    async def start(self) -> None:
        """Tell the tracker every verdict and held torrent, and finish takedowns that a crash cut short."""
        async for entries in self._lists.walk(None, _BATCH):
            for entry in entries:
                await self._restore(entry)
        async for records in self._cache.walk(_BATCH):
            for record in records:
                self._present(record.spellings, record.v1, record.alias)

    async def block(self, infohash: InfoHash, reason: str, by: str) -> Entry:
        """Refuse a torrent under every name known of it: no upload, no file, no record, no announce.

        Refusal: `bad-reason`.
        """
        return await self._deeds.run(self._block(infohash, reason, by))

    async def unblock(self, infohash: InfoHash) -> bool:
        """Lift the refusals that cover a torrent; its file and record stay gone. Tell whether there was one."""
        return await self._deeds.run(self._unset(infohash, Verdict.DENY))

    async def allow(self, infohash: InfoHash, reason: str, by: str) -> Entry:
        """Let a torrent be announced in listed mode though it is not held. Refusal: `bad-reason`."""
        return await self._deeds.run(self._allow(infohash, reason, by))

    async def disallow(self, infohash: InfoHash) -> bool:
        """Take an allowance back; a torrent that the cache holds stays allowed. Tell whether there was one."""
        return await self._deeds.run(self._unset(infohash, Verdict.ALLOW))

    async def entries(self, verdict: Verdict | None = None) -> list[Entry]:
        """Return every entry, or every one of a verdict, ordered by infohash."""
        return await self._lists.entries(verdict)

    def walk(self, verdict: Verdict | None = None) -> AsyncIterator[list[Entry]]:
        """Yield the entries in bounded batches, for lists that are long."""
        return self._lists.walk(verdict, _BATCH)

    async def refuse_blocked(self, metainfo: Metainfo) -> None:
        """Refuse an uploaded torrent that is blocked under any of its names, and see that its file is gone.

        Refusal: `blocked`, with the reason of the block.
        """
        entry = await self._lists.denied(metainfo.infohashes)
        if entry is not None:
            await self._deeds.run(self._enforce(entry, metainfo.infohashes))
            raise Refusal("blocked", entry.reason)

    async def refuse_named(self, infohash: InfoHash) -> None:
        """Refuse a torrent known by a hash alone, when that is blocked. Refusal: `blocked`, with the reason."""
        entry = await self._lists.denied((infohash,))
        if entry is not None:
            raise Refusal("blocked", entry.reason)

    async def admit(self, metainfo: Metainfo) -> None:
        """Let a torrent that was just cached be announced. Refusal: `blocked`, if it was blocked since."""
        async with self._turn:
            # A block takes its turn too: either it is seen here, or it comes later and removes the file.
            if await self._lists.denied(metainfo.infohashes) is None:
                alias = metainfo.v2.cut if metainfo.v1 is not None and metainfo.v2 is not None else None
                self._present(metainfo.infohashes, metainfo.v1, alias)
                return
        await self.refuse_blocked(metainfo)

    async def withdraw(self, names: Iterable[InfoHash]) -> None:
        """Remove the file of a torrent that is not blocked, as its owner or a moderator wishes."""
        await self._deeds.run(self._withdraw(tuple(names)))

    async def drain(self) -> None:
        """Wait for what was begun; call it before the stores are closed."""
        await self._deeds.drain()

    async def _block(self, infohash: InfoHash, reason: str, by: str) -> Entry:
        entry = await self._lists.set(Entry(infohash, Verdict.DENY, reason, by, int(self._clock())))
        entry = await self._enforce(entry, ())
        log.info("takedown.blocked", infohash=infohash.upper, by=by)
        return entry

    async def _allow(self, infohash: InfoHash, reason: str, by: str) -> Entry:
        entry = await self._lists.set(Entry(infohash, Verdict.ALLOW, reason, by, int(self._clock())))
        async with self._turn:
            entry = await self._learn(entry, ())
            await self._settle(entry.names)
        log.info("takedown.allowed", infohash=infohash.upper, by=by)
        return entry

    async def _enforce(self, entry: Entry, names: tuple[InfoHash, ...]) -> Entry:
        """Carry a block out: deny every name of the torrent, those just seen included, and remove its file."""
        async with self._turn:
            if await self._lists.denied((entry.infohash,)) is None:
                return entry  # lifted in the meantime
            covering = await self._learn(entry, names)
            self._policy.deny(_short(covering.names))
            await self._remove(covering)
            await self._settle(covering.names)
        return covering

    async def _withdraw(self, names: tuple[InfoHash, ...]) -> None:
        async with self._turn:
            known = set(names)
            for name in _short(names):
                removed = await self._cache.remove(name)
                known.update(removed.spellings if removed is not None else ())
            await self._settle(known)

    async def _learn(self, entry: Entry, names: tuple[InfoHash, ...]) -> Entry:
        """Make an entry cover these names and those that the cache and the catalogue know, for good."""
        known = set(names)
        for name in _short(entry.names):
            record = await self._cache.find(name)
            known.update(record.spellings if record is not None else ())
            torrent = await self._catalogue.torrent(name, ALL)
            if torrent is not None:
                known.update((torrent.infohash, torrent.alias or torrent.infohash))
        covering = entry.covering(known)
        return covering if covering == entry else await self._lists.set(covering)

    async def _remove(self, entry: Entry) -> None:
        for name in _short(entry.names):
            removed = await self._cache.remove(name)
            if removed is not None:
                log.info("takedown.file_removed", infohash=removed.infohash.upper)
        for torrent in await self._catalogue.forget(entry.names):
            log.info("takedown.record_removed", infohash=torrent.infohash.upper)
        for told in self._blocked:
            await told(entry.names)

    async def _unset(self, infohash: InfoHash, verdict: Verdict) -> bool:
        async with self._turn:
            names, entries = await self._related(infohash, verdict)
            for entry in entries:
                await self._lists.unset(entry.infohash, verdict)
            await self._settle(names)
        log.info("takedown.lifted", infohash=infohash.upper, verdict=verdict.value, entries=len(entries))
        return bool(entries)

    async def _related(self, infohash: InfoHash, verdict: Verdict) -> tuple[set[InfoHash], list[Entry]]:
        """Return every name that entries of the verdict tie to a hash, and these entries.

        Two names may have been entered before an upload told that they are of one torrent.
        """
        record = await self._cache.find(infohash.cut)
        names = {infohash, *(record.spellings if record is not None else ())}
        while True:
            entries = await self._lists.find(names, verdict)
            tied = names.union(*(entry.names for entry in entries))
            if tied == names:
                return names, entries
            names = tied

    async def _settle(self, names: Iterable[InfoHash]) -> None:
        """Tell the tracker of each name what the lists and the cache say of it now."""
        for name in _short(names):
            record = await self._cache.find(name)
            known = record.spellings if record is not None else (name,)
            allowed = record is not None or await self._lists.allowed(known) is not None
            denied = await self._lists.denied(known) is not None
            (self._policy.allow if allowed else self._policy.disallow)(_short(known))
            (self._policy.deny if denied else self._policy.undeny)(_short(known))

    async def _restore(self, entry: Entry) -> None:
        if entry.verdict is Verdict.ALLOW:
            self._policy.allow(_short(entry.names))
            return
        entry = await self._learn(entry, ())
        self._policy.deny(_short(entry.names))
        await self._remove(entry)

    def _present(self, names: Iterable[InfoHash], v1: InfoHash | None, alias: InfoHash | None) -> None:
        self._policy.allow(_short(names))
        if v1 is not None and alias is not None:
            self._policy.join(alias, v1)


def _short(names: Iterable[InfoHash]) -> list[InfoHash]:
    return [name for name in dict.fromkeys(names) if not name.is_v2]
