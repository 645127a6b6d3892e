"""Parameters of libtorrent for a torrent: its infohash, resume data and trackers."""

from collections.abc import Sequence
from typing import Any

import libtorrent as lt

from bittorrent.infohash import InfoHash
from downloads.engine import AddTorrentRequest
from downloads.torrent_file import TorrentLayout


def to_info_hash(infohash: InfoHash) -> Any:  # noqa: ANN401 - libtorrent has no types
    """Convert an infohash to libtorrent's type."""
    digest = lt.sha256_hash(bytes(infohash)) if infohash.is_v2 else lt.sha1_hash(bytes(infohash))
    return lt.info_hash_t(digest)


def metadata_info_hash(request: AddTorrentRequest) -> Any:  # noqa: ANN401
    """Return the hash to fetch metadata by, v1 where there is one: peers of both give the same metadata."""
    cut = request.v2.truncated if request.v2 is not None else None
    return to_info_hash(
        request.v2 if request.v2 is not None and cut == request.key.infohash else request.key.infohash
    )


def read_resume_params(saved: bytes, layout: TorrentLayout) -> Any | None:  # noqa: ANN401
    """Read resume data; return None unless it is valid and of this torrent."""
    try:
        params = lt.read_resume_data(saved)
    except RuntimeError:
        return None
    if params.info_hashes != layout.params().info_hashes:
        return None
    params.ti = layout.params().ti
    return params


def supported_trackers(trackers: Sequence[str]) -> tuple[str, ...]:
    """Leave out WebSocket trackers: the address filter does not apply to WebRTC connections."""
    return tuple(url for url in trackers if url.lower().startswith(("http://", "https://", "udp://")))
