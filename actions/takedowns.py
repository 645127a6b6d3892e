"""Takedowns: blocking and allowing torrents in lists, cache, catalogue and tracker, under all their infohashes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

import structlog

from actions.tracker_lists import deny_listed
from bittorrent.infohash import HashPage, InfoHash, hashes_in
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from cache.torrents import TorrentCache
from catalogue.events import Emit, EventKind, ServiceEvent, tell_nobody
from catalogue.store import UNRESTRICTED_VIEWER, TorrentStore
from lists.infohashes import ListEntry, ListKind, Lists
from tasks.run_to_completion import RunToCompletion

_BATCH = 500
_PAGE = 20_000  # infohashes that are told to the tracker at once beside requests

log = structlog.get_logger()


class TrackerPolicy(Protocol):
    """The tracker's allow and deny tables, of 20-byte infohashes; every call takes effect at once."""

    @property
    def listed(self) -> bool:
        """Whether only allowed torrents are tracked."""

    def allow(self, infohashes: Iterable[InfoHash]) -> None:
        """Allow announces of these, where only listed torrents are tracked."""

    def disallow(self, infohashes: Iterable[InfoHash]) -> None:
        """Take that back."""

    def publish(self, infohashes: Iterable[InfoHash], *, public: bool) -> None:
        """Let anybody announce allowed ones in private mode, or not."""

    def publish_all(self, infohashes: bytes) -> None:
        """Let anybody announce those of many that are allowed."""

    def is_public(self, infohash: InfoHash) -> bool:
        """Return whether one is anybody's to announce in private mode."""

    def deny(self, infohashes: Iterable[InfoHash], reason: str) -> None:
        """Refuse announces of these, even when they are allowed, and tell why."""

    def undeny(self, infohashes: Iterable[InfoHash]) -> None:
        """Take that back."""

    def denies(self, infohash: InfoHash) -> bool:
        """Return whether announces of one are refused by that."""

    def explain(self, infohashes: bytes, reason: str) -> None:
        """Tell why announces are refused of those of many that are."""

    def allow_all(self, infohashes: bytes) -> None:
        """Allow announces of many, which stand one behind another."""

    def deny_all(self, infohashes: bytes) -> None:
        """Refuse announces of many."""

    def join(self, alias: InfoHash, canonical: InfoHash) -> None:
        """Make the two infohashes of a hybrid one swarm."""


class Leftovers(Protocol):
    """What is still stored of blocked torrents."""

    def names(self, limit: int) -> AsyncIterator[Sequence[InfoHash]]:
        """Yield the 20-byte infohashes that are denied and of a record or downloads, at most `limit` at a time."""


class UnaskedTracker:
    """The tables of a tracker that nobody announces to, as in a command: it is told, and keeps nothing."""

    listed = False

    def allow(self, infohashes: Iterable[InfoHash]) -> None:
        """Keep nothing."""

    def disallow(self, infohashes: Iterable[InfoHash]) -> None:
        """Keep nothing."""

    def publish(self, infohashes: Iterable[InfoHash], *, public: bool) -> None:
        """Keep nothing."""

    def publish_all(self, infohashes: bytes) -> None:
        """Keep nothing."""

    def is_public(self, infohash: InfoHash) -> bool:
        """Return that none is."""
        return False

    def deny(self, infohashes: Iterable[InfoHash], reason: str) -> None:
        """Keep nothing."""

    def denies(self, infohash: InfoHash) -> bool:
        """Return that none is."""
        return False

    def explain(self, infohashes: bytes, reason: str) -> None:
        """Keep nothing."""

    def undeny(self, infohashes: Iterable[InfoHash]) -> None:
        """Keep nothing."""

    def allow_all(self, infohashes: bytes) -> None:
        """Keep nothing."""

    def deny_all(self, infohashes: bytes) -> None:
        """Keep nothing."""

    def join(self, alias: InfoHash, canonical: InfoHash) -> None:
        """Keep nothing."""


class Takedowns:
    """Blocks and allows torrents; tracker, cache and catalogue always follow the lists."""

    def __init__(
        self,
        cache: TorrentCache,
        torrents: TorrentStore,
        lists: Lists,
        policy: TrackerPolicy,
        clock: Callable[[], float],
        *,
        leftovers: Leftovers,
        on_blocked: Sequence[Callable[[Sequence[InfoHash]], Awaitable[None]]] = (),
        forget_counts: Callable[[Sequence[bytes]], Awaitable[None]] | None = None,
        emit: Emit = tell_nobody,
        publishes: bool = False,
    ) -> None:
        """With `publishes` anybody may announce a held torrent that is not private, where accounts alone may else.

        `on_blocked` are called with every infohash of a blocked torrent, after its file and record are deleted.
        `forget_counts` is too, and once with all 20-byte infohashes that are denied when takedowns are finished: what
        was counted is stored apart from the lists, so that nothing says what is left of it.
        """
        self._blocked = (*on_blocked, forget_counts) if forget_counts is not None else tuple(on_blocked)
        self._leftovers = leftovers
        self._forget_counts = forget_counts
        self._emit = emit
        self._publishes = publishes
        self._cache = cache
        self._torrents = torrents
        self.lists = lists
        self._policy = policy
        self._clock = clock
        self._lock = asyncio.Lock()
        self._held = 0  # how often the lock was held by what changes lists or the tracker's policy
        self._entering: dict[asyncio.Event, frozenset[InfoHash]] = {}
        self._operations = RunToCompletion("takedown.operation_failed", expected=(Refusal,))

    async def finish(self) -> None:
        """Finish takedowns that were interrupted; call it before anybody sees files or records."""
        async for names in self._leftovers.names(_PAGE):
            await self._enforce_names(names)
        if self._forget_counts is not None:
            async for packed in self.lists.packed(ListKind.DENY):
                await self._forget_counts(hashes_in(packed))

    async def _enforce_names(self, names: Sequence[InfoHash]) -> None:
        """Delete files, records and downloads of blocked torrents."""
        left = await self._cache.known(names) | await self._torrents.known(names)
        for entry in await self.lists.find(left, ListKind.DENY):
            await self._operations.run(self._enforce(entry, ()))
        for callback in self._blocked:
            await callback(names)

    async def allow_listed(self) -> None:
        """Tell the tracker what is allowed and held, and which two infohashes are of one torrent."""
        if self._policy.listed:
            await self._tell_pages(partial(self.lists.hashes, ListKind.ALLOW), self._policy.allow_all)
            await self._tell_pages(self._cache.hashes, self._policy.allow_all)
        if self._publishes:
            await self._tell_pages(self._cache.public_hashes, self._policy.publish_all)
        await self._join_hybrids()

    async def start(self) -> None:
        """Do all of that, and tell the tracker what is denied."""
        await deny_listed(self.lists, self._policy.deny_all)
        await self.finish()
        await self.allow_listed()
        await self.explain_denied()

    async def explain_denied(self) -> None:
        """Tell the tracker why what is denied is; until then whoever announces it hears that it is blocked."""
        after: bytes | None = b""
        while after is not None:
            async with self._turn():
                pages = await self.lists.reasons(ListKind.DENY, after, _PAGE)
                for reason, page in pages:
                    if reason:
                        self._policy.explain(page.packed, reason)
            after = max((page.last for _, page in pages), default=None)

    async def block(self, infohash: InfoHash, reason: str, by: str) -> ListEntry:
        """Block a torrent under all its known infohashes: no upload, file, record or announce.

        Refusal: `bad-reason`.
        """
        return await self._operations.run(self._block(infohash, reason, by))

    async def unblock(self, infohash: InfoHash) -> bool:
        """Remove the blocks of a torrent; its file and record stay deleted. Tell whether there was one."""
        return await self._operations.run(self._lift(infohash, ListKind.DENY))

    async def allow(self, infohash: InfoHash, reason: str, by: str) -> ListEntry:
        """Allow announces of a torrent in listed mode though it is not held. Refusal: `bad-reason`."""
        return await self._operations.run(self._allow(infohash, reason, by))

    async def disallow(self, infohash: InfoHash) -> bool:
        """Remove an allow entry; a torrent that the cache holds stays allowed. Tell whether there was one."""
        return await self._operations.run(self._lift(infohash, ListKind.ALLOW))

    async def add_listed(self, entries: Sequence[ListEntry]) -> None:
        """Add entries of one list that a file holds, and put them in force; files and records of what is blocked go."""
        kind = entries[0].kind
        async with self._turn():
            covering = await self.lists.add_all(entries)
            names = _short_hashes(name for each in covering for name in each.infohashes)
            if kind is ListKind.DENY:
                await self._deny_listed(covering)
            else:
                self._policy.allow(names)
        if kind is ListKind.DENY:
            await self._enforce_names(names)
            await self._wait_for_entering(names)

    async def _deny_listed(self, entries: Sequence[ListEntry]) -> None:
        """Deny entries of a file; of what was denied before the reason may be that of another entry."""
        for entry in entries:
            names = _short_hashes(entry.infohashes)
            known = [name for name in names if self._policy.denies(name)]
            said = await self.lists.denied(known) if known else None
            self._policy.deny(names, (said or entry).reason)

    async def drop_listed(self, infohashes: Sequence[InfoHash], kind: ListKind, source: str) -> None:
        """Remove entries of one list that its file holds no more; another entry of the same torrent holds on."""
        async with self._turn():
            await self.lists.remove_all(infohashes, kind, source)
            await self._apply_to_tracker(name.truncated for name in infohashes)

    @asynccontextmanager
    async def entering(self, torrent: Metainfo | Sequence[InfoHash]) -> AsyncIterator[None]:
        """Let a torrent enter cache and catalogue, unless it is blocked before or during that.

        A block that is set meanwhile may come too early to find what is entered, so it is looked for again at the
        end, and the block returns only after that: then the record is deleted. With its metainfo, a torrent's
        infohashes are certain: its file is deleted too, the block covers all of them, and announces of a torrent
        that is not blocked are allowed.
        Refusal: `blocked`, with the reason.
        """
        names = torrent.infohashes if isinstance(torrent, Metainfo) else torrent
        left = asyncio.Event()
        self._entering[left] = frozenset(names)
        try:
            if not isinstance(torrent, Metainfo):
                await self._refuse(torrent)
                yield
                await self._refuse_entered(torrent)
                return
            await self._refuse_uploaded(torrent)
            try:
                yield
            except BaseException:
                await self._refuse_uploaded(torrent)  # the body may have failed after it wrote the file
                raise
            await self._admit(torrent)
        finally:
            del self._entering[left]
            left.set()

    async def refuse_blocked_hash(self, infohash: InfoHash) -> None:
        """Refuse an infohash that is blocked. Refusal: `blocked`, with the reason."""
        await self._refuse((infohash,))

    async def _refuse(self, infohashes: Sequence[InfoHash]) -> None:
        entry = await self.lists.denied(infohashes)
        if entry is not None:
            raise Refusal("blocked", entry.reason)

    async def _refuse_entered(self, infohashes: Sequence[InfoHash]) -> None:
        """Refuse a torrent that was blocked while it entered, and delete its record."""
        try:
            await self._refuse(infohashes)
        except Refusal:
            await self._torrents.remove(infohashes)
            raise

    async def _wait_for_entering(self, infohashes: Iterable[InfoHash]) -> None:
        """Wait until whatever of a torrent is entering has been seen by its own last check, or failed."""
        names = frozenset(infohashes)
        for left in [left for left, entering in self._entering.items() if not names.isdisjoint(entering)]:
            await left.wait()

    async def _refuse_uploaded(self, metainfo: Metainfo) -> None:
        """Refuse a torrent that is blocked under any of its infohashes, and delete its file and record.

        One whose block is lifted before that keeps both, and so it is not refused.
        """
        while (entry := await self.lists.denied(metainfo.infohashes)) is not None:
            if await self._operations.run(self._enforce(entry, metainfo.infohashes)) is not None:
                raise Refusal("blocked", entry.reason)

    async def _admit(self, metainfo: Metainfo) -> None:
        """Allow announces of a torrent that was just cached. Refusal: `blocked`, if it was blocked meanwhile."""
        alias = metainfo.v2.truncated if metainfo.v1 and metainfo.v2 else None
        held = self._held
        unblocked = await self.lists.denied(metainfo.infohashes) is None
        if unblocked and held == self._held and not self._lock.locked():
            # As if the lock had been held, for which uploads under way together would wait one after another.
            self._allow_held(metainfo, alias)
            return
        while True:
            async with self._lock:
                # A block takes the lock too: either it is seen here, or it comes later and deletes the file.
                if await self.lists.denied(metainfo.infohashes) is None:
                    self._allow_held(metainfo, alias)
                    return
            await self._refuse_uploaded(metainfo)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Hold the lock, and leave a trace of that."""
        async with self._lock:
            self._held += 1
            yield

    async def remove_file(self, infohashes: Iterable[InfoHash]) -> None:
        """Delete the file of a torrent that is not blocked."""
        await self._operations.run(self._remove_file(tuple(infohashes)))

    async def drain(self) -> None:
        """Wait for running operations; call it before the stores are closed."""
        await self._operations.drain()

    async def _block(self, infohash: InfoHash, reason: str, by: str) -> ListEntry:
        entry = await self.lists.set(ListEntry(infohash, ListKind.DENY, reason, by, int(self._clock())))
        entry = await self._enforce(entry, ()) or entry
        # What was on its way in may be seen until its last check: the answer comes after that.
        await self._wait_for_entering(entry.infohashes)
        log.info("takedown.blocked", infohash=infohash.upper, by=by)
        said = {"info_hash": infohash.lower, "reason": reason, "by": by}
        await self._emit(ServiceEvent(EventKind.BLOCK, said))
        return entry

    async def _allow(self, infohash: InfoHash, reason: str, by: str) -> ListEntry:
        entry = await self.lists.set(ListEntry(infohash, ListKind.ALLOW, reason, by, int(self._clock())))
        async with self._turn():
            entry = await self._add_known_names(entry, ())
            await self._apply_to_tracker(entry.infohashes)
        log.info("takedown.allowed", infohash=infohash.upper, by=by)
        return entry

    async def _enforce(self, entry: ListEntry, infohashes: tuple[InfoHash, ...]) -> ListEntry | None:
        """Enforce a block: deny every infohash of the torrent, `infohashes` included, and delete its file.

        Return the entry as it is then, None if it was lifted meanwhile.
        """
        async with self._turn():
            if await self.lists.denied((entry.infohash,)) is None:
                return None
            covering = await self._add_known_names(entry, infohashes)
            self._policy.deny(_short_hashes(covering.infohashes), covering.reason)
            await self._remove(covering)
            await self._apply_to_tracker(covering.infohashes)
        return covering

    async def _remove_file(self, infohashes: tuple[InfoHash, ...]) -> None:
        async with self._turn():
            known = set(infohashes)
            for name in _short_hashes(infohashes):
                removed = await self._cache.remove(name)
                known.update(removed.infohashes if removed is not None else ())
            await self._apply_to_tracker(known)

    async def _add_known_names(self, entry: ListEntry, infohashes: tuple[InfoHash, ...]) -> ListEntry:
        """Add these infohashes, and those that cache and catalogue know, to a list entry."""
        known = set(infohashes)
        for name in _short_hashes(entry.infohashes):
            record = await self._cache.find(name)
            known.update(record.infohashes if record is not None else ())
            torrent = await self._torrents.torrent(name, UNRESTRICTED_VIEWER)
            if torrent is not None:
                known.update((torrent.infohash, torrent.alias or torrent.infohash))
        covering = entry.with_aliases(known)
        return covering if covering == entry else await self.lists.set(covering)

    async def _remove(self, entry: ListEntry) -> None:
        for name in _short_hashes(entry.infohashes):
            removed = await self._cache.remove(name)
            if removed is not None:
                log.info("takedown.file_removed", infohash=removed.infohash.upper)
        for torrent in await self._torrents.remove(entry.infohashes):
            log.info("takedown.record_removed", infohash=torrent.infohash.upper)
        for callback in self._blocked:
            await callback(entry.infohashes)

    async def _lift(self, infohash: InfoHash, kind: ListKind) -> bool:
        async with self._turn():
            names, entries = await self._related(infohash, kind)
            for entry in entries:
                await self.lists.unset(entry.infohash, kind)
            await self._apply_to_tracker(names)
        log.info("takedown.lifted", infohash=infohash.upper, kind=kind.value, entries=len(entries))
        return bool(entries)

    async def _related(self, infohash: InfoHash, kind: ListKind) -> tuple[set[InfoHash], list[ListEntry]]:
        """Return every infohash that entries of one list relate to this one, and these entries.

        Two may have been listed before an upload showed that they are of one torrent.
        """
        record = await self._cache.find(infohash.truncated)
        names = {infohash, *(record.infohashes if record is not None else ())}
        while True:
            entries = await self.lists.find(names, kind)
            related = names.union(*(entry.infohashes for entry in entries))
            if related == names:
                return names, entries
            names = related

    async def _apply_to_tracker(self, infohashes: Iterable[InfoHash]) -> None:
        """Set the tracker's policy of each infohash by the lists and the cache."""
        for name in _short_hashes(infohashes):
            record = await self._cache.find(name)
            known = record.infohashes if record is not None else (name,)
            allowed = record is not None or await self.lists.allowed(known) is not None
            denial = await self.lists.denied(known)
            (self._policy.allow if allowed else self._policy.disallow)(_short_hashes(known))
            public = self._publishes and record is not None and record.private is False
            self._policy.publish(_short_hashes(known), public=public)
            if denial is not None:
                self._policy.deny(_short_hashes(known), denial.reason)
            else:
                self._policy.undeny(_short_hashes(known))

    async def _tell_pages(
        self, read: Callable[[bytes, int], Awaitable[HashPage]], tell: Callable[[bytes], None]
    ) -> None:
        """Read pages of infohashes, and tell the tracker of each before a change of lists or cache is told."""
        after: bytes | None = b""
        while after is not None:
            async with self._turn():
                page = await read(after, _PAGE)
                tell(page.packed)
            after = page.last if page.packed else None

    async def _join_hybrids(self) -> None:
        after = b""
        while names := await self._cache.hybrids(after, _BATCH):
            for each in names:
                self._allow_hybrid(each.infohash, each.alias)
            after = names[-1].alias

    def _allow_held(self, metainfo: Metainfo, alias: InfoHash | None) -> None:
        names = _short_hashes(metainfo.infohashes)
        self._policy.allow(names)
        self._policy.publish(names, public=self._publishes and not metainfo.private)
        if metainfo.v1 is not None and alias is not None:
            self._allow_hybrid(metainfo.v1, alias)

    def _allow_hybrid(self, infohash: InfoHash, alias: InfoHash) -> None:
        self._policy.allow((alias,))
        self._policy.publish((alias,), public=self._policy.is_public(infohash))
        self._policy.join(alias, infohash)


def _short_hashes(infohashes: Iterable[InfoHash]) -> list[InfoHash]:
    return [name for name in dict.fromkeys(infohashes) if not name.is_v2]
