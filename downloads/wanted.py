"""Hides how what an account asks for is read: a .torrent or a magnet link, bounded and checked."""

from dataclasses import dataclass, replace

from bittorrent.infohash import InfoHash
from bittorrent.magnet import LONGEST_MAGNET, Magnet
from bittorrent.metainfo import Metainfo
from bittorrent.names import shown
from bittorrent.refusal import Refusal
from downloads.model import ContentFile, ContentKey, Wish
from downloads.store import ContentRow, Metadata

MOST_LINKS = 20
"""Trackers, web seeds and peers that are kept of a magnet link, each."""

LONGEST_NAME = 255


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: `names` are all its hashes; without a .torrent `metadata` is None."""

    infohash: InfoHash
    v2: InfoHash | None
    names: tuple[InfoHash, ...]
    name: str
    size: int
    private: bool
    magnet: str
    metadata: Metadata | None

    @property
    def cuts(self) -> tuple[InfoHash, ...]:
        """Its hashes of 20 bytes."""
        return tuple(dict.fromkeys(name.cut for name in self.names))

    def row(self, account: int, now: int) -> ContentRow:
        """Return the row of its content, not stored yet."""
        key = ContentKey(self.infohash, account if self.private else None)
        known = self.metadata is not None
        return ContentRow(0, key, self.v2, self.name, self.size, known, self.private, now)


def read(wish: Wish) -> Wanted:
    """Read a wish. Refusal: `nothing-wished`, `two-wishes`, those of Metainfo.parse, `bad-magnet`."""
    if wish.torrent is not None and wish.magnet is not None:
        raise Refusal("two-wishes")
    if wish.torrent is not None:
        return of_torrent(wish.torrent)
    if wish.magnet is not None:
        return _of_magnet(wish.magnet)
    raise Refusal("nothing-wished")


def of_torrent(torrent: bytes) -> Wanted:
    """Read a .torrent. Refusal: those of Metainfo.parse."""
    metainfo = Metainfo.parse(torrent)
    single = len(metainfo.files) == 1 and metainfo.files[0].path == (metainfo.name,)
    root = () if single else (metainfo.name,)
    files = tuple(
        ContentFile(index, "/".join((*root, *file.path)), file.length)
        for index, file in enumerate(metainfo.files)
    )
    return Wanted(
        infohash=metainfo.infohash,
        v2=metainfo.v2,
        names=metainfo.infohashes,
        name=metainfo.name,
        size=metainfo.size,
        private=metainfo.private,
        magnet=str(_bounded(metainfo.magnet())),
        metadata=Metadata(torrent, files),
    )


def clean_name(name: str) -> str:
    """Make the name that an account gives fit to show."""
    return shown(name[:LONGEST_NAME].strip())


def links_of(magnet: str) -> Magnet:
    """Read a link that was kept."""
    return Magnet.parse(magnet)


def _of_magnet(text: str) -> Wanted:
    # A link with hundreds of trackers is cut before it is refused for its length.
    link = text.strip()
    if len(link) > LONGEST_MAGNET:
        link = link[:LONGEST_MAGNET].rpartition("&")[0]
    magnet = _bounded(Magnet.parse(link))
    names = tuple(name for name in (magnet.v1, magnet.v2) if name is not None)
    return Wanted(
        infohash=names[0].cut,
        v2=magnet.v2,
        names=names,
        name=magnet.name[:LONGEST_NAME] or names[0].lower,
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
