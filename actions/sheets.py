"""Hides what the catalogue is told of a .torrent file."""

from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from catalogue.model import Contents, File, Sheet

_LARGEST = 2**63 - 1


def sheet_of(metainfo: Metainfo, added: int) -> Sheet:
    """Return what a parsed torrent says of itself; `added` is in unix seconds."""
    name = _whole(metainfo.name)
    single = len(metainfo.files) == 1 and metainfo.files[0].path == (metainfo.name,)
    files = tuple(File(_whole("/".join(file.path)), file.length) for file in metainfo.files)
    return Sheet(
        infohash=metainfo.infohash,
        alias=_alias(metainfo),
        name=name,
        root="" if single else name,
        size=min(metainfo.size, _LARGEST),
        private=metainfo.private,
        held=True,
        comment=_whole(metainfo.comment),
        contents=Contents(files, metainfo.trackers, metainfo.web_seeds),
        added=added,
    )


def _alias(metainfo: Metainfo) -> InfoHash | None:
    """Return the second 20-byte hash of a hybrid."""
    return metainfo.v2.cut if metainfo.v1 is not None and metainfo.v2 is not None else None


def _whole(text: str) -> str:
    """Return a text that can be encoded: half characters become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
