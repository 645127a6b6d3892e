"""The summary of a .torrent file for the catalogue."""

from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from catalogue.model import CatalogueFile, Contents, MetainfoSummary

_LARGEST = 2**63 - 1


def summarize_metainfo(metainfo: Metainfo, added: int) -> MetainfoSummary:
    """Return the summary of a parsed torrent; `added` is in unix seconds."""
    name = _encodable(metainfo.name)
    single = len(metainfo.files) == 1 and metainfo.files[0].path == (metainfo.name,)
    files = tuple(CatalogueFile(_encodable("/".join(file.path)), file.length) for file in metainfo.files)
    return MetainfoSummary(
        infohash=metainfo.infohash,
        alias=_alias(metainfo),
        name=name,
        root="" if single else name,
        size=min(metainfo.size, _LARGEST),
        private=metainfo.private,
        held=True,
        # A comment with an address may hold a key, as trackers do, and everybody reads it.
        comment="" if metainfo.private and "://" in metainfo.comment else _encodable(metainfo.comment),
        contents=Contents(files, metainfo.trackers, metainfo.web_seeds),
        added=added,
    )


def _alias(metainfo: Metainfo) -> InfoHash | None:
    """Return the second 20-byte infohash of a hybrid."""
    return metainfo.v2.truncated if metainfo.v1 is not None and metainfo.v2 is not None else None


def _encodable(text: str) -> str:
    """Replace lone surrogates, which cannot be encoded, by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
