"""Uploads: the one way for a .torrent file into cache, catalogue and tracker."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import structlog

from actions.metainfo_reader import MetainfoReader, PreparedTorrent, ReadMetainfo
from actions.takedowns import Takedowns
from bittorrent.infohash import InfoHash
from bittorrent.magnet import Magnet
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from cache.compression import is_compressed
from cache.torrents import AddResult, TorrentCache
from catalogue.catalogue import Catalogue
from catalogue.events import Emit, EventKind, ServiceEvent, tell_nobody
from catalogue.fields import NO_DETAILS, TorrentDetails
from catalogue.model import MetainfoSummary, ParsedRelease, Torrent
from catalogue.store import UNRESTRICTED_VIEWER
from tasks.child_process import ChildProcesses
from tasks.run_to_completion import RunToCompletion

T = TypeVar("T")

DEFAULT_LIMIT = 10 * 2**20
_PARSERS = 2
_UNDER_WAY = 64
_LARGEST_UNDER_WAY = 16  # all that are under way are together no larger than so many of the largest

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AcceptedUpload:
    """A successful upload: its infohash in the cache, its metainfo, whether it is new, and its record.

    The record is None where the upload had neither uploader nor details: nobody asks for it, and reading it takes as
    long as writing it. `claimed` is whether a record that had no owner got one.
    """

    infohash: InfoHash
    metainfo: Metainfo
    new: bool
    torrent: Torrent | None
    claimed: bool = False


@dataclass(frozen=True, slots=True)
class ToldUpload:
    """What a torrent that was not uploaded yet tells: its infohashes, its summary, and what its name says of a work."""

    infohashes: tuple[InfoHash, ...]
    summary: MetainfoSummary
    release: ParsedRelease


class ReleaseParser(Protocol):
    """Parses a torrent's name and files into a release."""

    async def parse(self, summary: MetainfoSummary) -> ParsedRelease:
        """Return the parsed release."""
        ...


@dataclass(frozen=True, slots=True)
class _Upload:
    """Who uploads, and what they say."""

    actor: str
    uploader: int | None = None
    details: TorrentDetails = NO_DETAILS
    address: bytes | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is a file alone."""
        return self.uploader is None and not self.details


class Uploads:
    """Accepts .torrent files from every door. `limit` is the most bytes that one may have, decompressed.

    `clock` gives unix seconds; `accepted` counts every success since the start, of imports and lookups too.
    """

    def __init__(
        self,
        cache: TorrentCache,
        takedowns: Takedowns,
        catalogue: Catalogue,
        release_parser: ReleaseParser,
        clock: Callable[[], float],
        *,
        limit: int = DEFAULT_LIMIT,
        parsers: int = _PARSERS,
        under_way: int = _UNDER_WAY,
        emit: Emit = tell_nobody,
        children: ChildProcesses | None = None,
    ) -> None:
        self._emit = emit
        self.limit = limit
        self.reader = MetainfoReader(children or ChildProcesses(), limit, parsers)
        self.accepted = 0
        self._cache = cache
        self._takedowns = takedowns
        self._catalogue = catalogue
        self._release_parser = release_parser
        self._clock = clock
        self._max_under_way = under_way
        self._under_way = 0
        self._bytes_under_way = 0
        self._operations = RunToCompletion("upload.operation_failed", expected=(Refusal,))

    async def accept(
        self,
        data: bytes,
        actor: str,
        *,
        skip_limit: bool = False,
        uploader: int | None = None,
        details: TorrentDetails = NO_DETAILS,
        address: bytes | None = None,
    ) -> AcceptedUpload:
        """Store a .torrent file, plain or compressed by gzip or bzip2, and its record, durable before it returns.

        `actor` names the sender in the log; `uploader` is the account that owns it, `details` what it sets.
        `address` is the client's, 4 or 16 bytes, whose share of the cache binds it. `skip_limit` skips the limit of
        concurrent uploads, for callers that limit themselves. Refusal: `empty`, `too-large`, `bad-compression`, those
        of `Metainfo.parse`, `blocked`, those of `TorrentCache.add` and `Torrents.add`, and `busy` when too many
        uploads are under way.
        """
        size = self._admit(data, skip_limit=skip_limit)
        upload = _Upload(actor, uploader, details, address)
        return await self._operations.run(self._counted(self._accept(data, upload), size))

    async def rehearse(
        self, data: bytes, uploader: int | None, details: TorrentDetails = NO_DETAILS
    ) -> Metainfo:
        """Read a .torrent file and check what an account says of it as `accept` does, and store nothing.

        Refusal: those of `accept`, but for what only storing shows.
        """
        size = self._admit(data)
        return await self._counted(self._rehearse(data, uploader, details), size)

    async def tell(self, data: bytes) -> ToldUpload:
        """Read a .torrent file and what its name says, and store nothing. Refusal: those of reading in `accept`."""
        size = self._admit(data)
        return await self._counted(self._tell(data), size)

    async def tell_magnet(self, magnet: Magnet) -> ToldUpload:
        """Return what a magnet link says of its torrent."""
        summary = self._catalogue.torrents.summarize_magnet(magnet)
        return ToldUpload(magnet.infohashes, summary, await self._release_parser.parse(summary))

    async def check(self, told: ToldUpload, uploader: int | None) -> None:
        """Refuse a torrent as `accept` would, but for what only storing shows: `blocked`, those of `check_upload`."""
        await self._check_told(told.infohashes, told.summary, uploader, NO_DETAILS)

    async def prepare(self, files: Sequence[bytes]) -> list[PreparedTorrent | Refusal]:
        """Read many .torrent files; see `MetainfoReader.prepare`."""
        return await self.reader.prepare(files, int(self._clock()))

    async def accept_prepared(self, prepared: PreparedTorrent, actor: str) -> AddResult:
        """Store a .torrent that was read already, as `accept` does, for callers that limit themselves."""
        return await self._operations.run(self._accept_prepared(prepared, actor))

    async def record(self, infohash: InfoHash) -> Torrent | None:
        """Return the catalogue's record of a torrent."""
        return await self._catalogue.store.torrents.torrent(infohash, UNRESTRICTED_VIEWER)

    async def drain(self) -> None:
        """Wait for running uploads; call it before the stores are closed."""
        await self._operations.drain()

    def _admit(self, data: bytes, *, skip_limit: bool = False) -> int:
        """Refuse what is too much, and return the bytes to count while it is under way; see `_counted`."""
        if not data:
            raise Refusal("empty")
        if len(data) > self.limit:
            raise Refusal("too-large", f"at most {self.limit} bytes")
        # What a compressed file is unpacked to is not known yet.
        size = self.limit if is_compressed(data) else len(data)
        if not (skip_limit or self._has_room(size)):
            raise Refusal("busy")
        self._under_way += 1
        self._bytes_under_way += size
        return size

    def _has_room(self, size: int) -> bool:
        return (
            self._under_way < self._max_under_way
            and self._bytes_under_way + size <= _LARGEST_UNDER_WAY * self.limit
        )

    async def _counted(self, work: Coroutine[Any, Any, T], size: int) -> T:
        try:
            return await work
        finally:
            self._under_way -= 1
            self._bytes_under_way -= size

    async def _accept_prepared(self, prepared: PreparedTorrent, actor: str) -> AddResult:
        summary = prepared.summary
        async with self._takedowns.entering(prepared.metainfo):
            added = await self._cache.add(prepared.metainfo, prepared.file)
            await self._put_record(summary, added)
        self.accepted += 1
        log.debug("upload.accepted", infohash=added.record.infohash.upper, actor=actor, new=added.new)
        return added

    async def _accept(self, data: bytes, upload: _Upload) -> AcceptedUpload:
        read = await self.reader.read(data, int(self._clock()))
        added, torrent, claimed = await self._store(upload, read)
        self.accepted += 1
        infohash = added.record.infohash
        log.info("upload.accepted", infohash=infohash.upper, actor=upload.actor, new=added.new)
        if added.new:
            said = {"info_hash": infohash.lower, "name": read.summary.name, "size": read.summary.size}
            await self._emit(ServiceEvent(EventKind.UPLOAD, said | {"private": read.metainfo.private}))
        return AcceptedUpload(infohash, read.metainfo, added.new, torrent, claimed)

    async def _tell(self, data: bytes) -> ToldUpload:
        read = await self.reader.read(data, int(self._clock()))
        release = await self._release_parser.parse(read.summary)
        return ToldUpload(tuple(read.metainfo.infohashes), read.summary, release)

    async def _rehearse(self, data: bytes, uploader: int | None, details: TorrentDetails) -> Metainfo:
        read = await self.reader.read(data, int(self._clock()))
        await self._check_told(read.metainfo.infohashes, read.summary, uploader, details)
        return read.metainfo

    async def _check_told(
        self,
        infohashes: Sequence[InfoHash],
        summary: MetainfoSummary,
        uploader: int | None,
        details: TorrentDetails,
    ) -> None:
        for infohash in infohashes:
            await self._takedowns.refuse_blocked_hash(infohash)
        await self._catalogue.torrents.check_upload(summary, details, uploader)

    async def _store(self, upload: _Upload, read: ReadMetainfo) -> tuple[AddResult, Torrent | None, bool]:
        async with self._takedowns.entering(read.metainfo):
            owned = await self._check(upload, read.summary)
            added = await self._cache.add(read.metainfo, read.plain, upload.address)
            if upload.is_plain:
                await self._put_record(read.summary, added)
                return added, None, False
            if owned is None:
                return added, *await self._add_record(upload, read.summary)
        raise owned

    async def _check(self, upload: _Upload, summary: MetainfoSummary) -> Refusal | None:
        """Refuse what the catalogue would refuse, but return it for a torrent that is owned and held.

        Its details are refused, its file is not: the stored one may be damaged or missing.
        """
        if upload.is_plain:
            return None
        try:
            await self._catalogue.torrents.check_upload(summary, upload.details, upload.uploader)
        except Refusal as refusal:
            if refusal.code != "owned" or not await self._is_held(summary):
                raise
            return refusal
        return None

    async def _is_held(self, summary: MetainfoSummary) -> bool:
        known = await self.record(summary.infohash)
        return known is not None and known.held

    async def _put_record(self, summary: MetainfoSummary, added: AddResult) -> None:
        """Add or complete the record of a file that came alone."""
        if added.new or not await self._is_held(
            summary
        ):  # else nothing would change: its name need not be parsed
            release = await self._release_parser.parse(summary)
            await self._catalogue.torrents.put(summary, release)

    async def _add_record(self, upload: _Upload, summary: MetainfoSummary) -> tuple[Torrent, bool]:
        """Add or complete the record; return it, and whether it had no owner and has one now."""
        known = await self.record(summary.infohash)
        if upload.uploader is None and known is not None and known.held:
            return known, False  # nothing would change
        release = await self._release_parser.parse(summary)
        torrent, new = await self._catalogue.torrents.add(summary, release, upload.details, upload.uploader)
        had_owner = known is not None and known.uploader is not None
        return torrent, not new and not had_owner and torrent.uploader is not None
