"""Parsing of download requests: a .torrent or a magnet link, bounded and checked."""

from dataclasses import dataclass, replace

from bittorrent.infohash import InfoHash
from bittorrent.magnet import LONGEST_MAGNET, Magnet
from bittorrent.metainfo import Metainfo
from bittorrent.refusal import Refusal
from bittorrent.text import printable
from downloads.model import ContentFile, ContentKey, JobRequest
from downloads.store import ContentMetadata, ContentRow

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


def parse_request(request: JobRequest) -> RequestedTorrent:
    """Parse a request. Refusal: `nothing-wished`, `two-wishes`, those of Metainfo.parse, `bad-magnet`."""
    if request.torrent is not None and request.magnet is not None:
        raise Refusal("two-wishes")
    if request.torrent is not None:
        return parse_torrent(request.torrent)
    if request.magnet is not None:
        return _of_magnet(request.magnet)
    raise Refusal("nothing-wished")


def parse_torrent(torrent: bytes) -> RequestedTorrent:
    """Parse a .torrent. Refusal: those of Metainfo.parse."""
    metainfo = Metainfo.parse(torrent)
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
