"""Parsing of download requests: a .torrent or a magnet link, bounded and checked."""

import asyncio
from dataclasses import dataclass, replace

from bittorrent.bencode import DEFAULT_LIMITS, LIGHT_ITEMS, BencodeLimits
from bittorrent.infohash import InfoHash
from bittorrent.magnet import LONGEST_MAGNET, Magnet
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from bittorrent.text import printable
from downloads.model import ContentFile, ContentKey, JobRequest
from downloads.store import ContentMetadata, ContentRow
from tasks.child_process import ChildFailure, ChildProcesses, TooManyWaiting

MOST_LINKS = 20
"""Trackers, web seeds and peers of a magnet link that are used, each."""

LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class RequestedTorrent:
    """The torrent that a request names; `infohashes` are all of it, `metadata` is None without a .torrent."""

    infohash: InfoHash
    v2: InfoHash | None
    infohashes: tuple[InfoHash, ...]
    name: str
    size: int
    private: bool
    magnet: str
    metadata: ContentMetadata | None

    @property
    def short_hashes(self) -> tuple[InfoHash, ...]:
        """Its 20-byte infohashes."""
        return tuple(dict.fromkeys(name.truncated for name in self.infohashes))

    def row(self, account: int, now: int) -> ContentRow:
        """Return the row of its content, not stored yet."""
        key = ContentKey(self.infohash, account if self.private else None)
        known = self.metadata is not None
        return ContentRow(0, key, self.v2, self.name, self.size, known, self.private, now)


class RequestReader:
    """Reads requests; a .torrent of more than `light_items` values in a process of its own."""

    def __init__(self, children: ChildProcesses, *, light_items: int = LIGHT_ITEMS) -> None:
        self._children = children
        self._light_items = light_items

    async def read(self, request: JobRequest) -> RequestedTorrent:
        """Read a request. Refusal: `nothing-wished`, `two-wishes`, those of `read_torrent`, `bad-magnet`."""
        if request.torrent is not None and request.magnet is not None:
            raise Refusal("two-wishes")
        if request.torrent is not None:
            return await self.read_torrent(request.torrent)
        if request.magnet is not None:
            return await asyncio.to_thread(_of_magnet, request.magnet)
        raise Refusal("nothing-wished")

    async def read_torrent(self, torrent: bytes) -> RequestedTorrent:
        """Read a .torrent. Refusal: those of Metainfo.parse, `busy`."""
        try:
            return await asyncio.to_thread(parse_torrent, torrent, self._light_items)
        except Refusal as refusal:
            if refusal.code != "too-many-items":
                raise
        try:
            requested, files = await self._children.run(parse_large, torrent)
        except TooManyWaiting:
            raise Refusal("busy") from None
        except ChildFailure as failure:
            raise Refusal("too-many-items", str(failure)) from None
        return await asyncio.to_thread(_joined, requested, torrent, files)


def parse_large(torrent: bytes) -> tuple[RequestedTorrent, list[tuple[str, int]]]:
    """Parse a large .torrent, in the child; its files come back in a form that is read at once."""
    requested = parse_torrent(torrent)
    assert requested.metadata is not None
    return replace(requested, metadata=None), [(file.path, file.size) for file in requested.metadata.files]


def _joined(requested: RequestedTorrent, torrent: bytes, files: list[tuple[str, int]]) -> RequestedTorrent:
    rebuilt = tuple(ContentFile(index, path, size) for index, (path, size) in enumerate(files))
    return replace(requested, metadata=ContentMetadata(torrent, rebuilt))


def parse_torrent(torrent: bytes, items: int = DEFAULT_LIMITS.items) -> RequestedTorrent:
    """Parse a .torrent of at most so many values. Refusal: those of Metainfo.parse."""
    metainfo = Metainfo.parse(torrent, BencodeLimits(items=items))
    single = len(metainfo.files) == 1 and metainfo.files[0].path == (metainfo.name,)
    root = () if single else (metainfo.name,)
    files = tuple(
        ContentFile(index, "/".join((*root, *file.path)), file.length)
        for index, file in enumerate(metainfo.files)
    )
    return RequestedTorrent(
        infohash=metainfo.infohash,
        v2=metainfo.v2,
        infohashes=metainfo.infohashes,
        name=metainfo.name,
        size=metainfo.size,
        private=metainfo.private,
        magnet=str(_bounded(metainfo.magnet())),
        metadata=ContentMetadata(torrent, files),
    )


def clean_name(name: str) -> str:
    """Return a job's name, trimmed and safe to display."""
    return printable(name[:LONGEST_NAME].strip())


def _of_magnet(text: str) -> RequestedTorrent:
    # A link with hundreds of trackers is cut before it is refused for its length.
    link = text.strip()
    if len(link) > LONGEST_MAGNET:
        link = link[:LONGEST_MAGNET].rpartition("&")[0]
    magnet = _bounded(Magnet.parse(link))
    infohashes = tuple(name for name in (magnet.v1, magnet.v2) if name is not None)
    return RequestedTorrent(
        infohash=infohashes[0].truncated,
        v2=magnet.v2,
        infohashes=infohashes,
        name=magnet.name[:LONGEST_NAME] or infohashes[0].lower,
        size=0,
        private=False,
        magnet=str(magnet),
        metadata=None,
    )


def _bounded(magnet: Magnet) -> Magnet:
    return replace(
        magnet,
        trackers=magnet.trackers[:MOST_LINKS],
        web_seeds=magnet.web_seeds[:MOST_LINKS],
        peers=magnet.peers[:MOST_LINKS],
    )
