"""Hides how an order is put to libtorrent: by which hash, from which progress, with which trackers."""

from collections.abc import Sequence
from typing import Any

import libtorrent as lt

from bittorrent.infohash import InfoHash
from downloads.engine import Order
from downloads.torrent_file import Layout


def hashes_of(infohash: InfoHash) -> Any:  # noqa: ANN401 - libtorrent has no types
    """Return a hash as libtorrent has it."""
    digest = lt.sha256_hash(bytes(infohash)) if infohash.is_v2 else lt.sha1_hash(bytes(infohash))
    return lt.info_hash_t(digest)


def asked_of(order: Order) -> Any:  # noqa: ANN401
    """Name what is known by hash alone, by version 1's where it has one: peers of both give the same metadata."""
    cut = order.v2.cut if order.v2 is not None else None
    return hashes_of(order.v2 if order.v2 is not None and cut == order.key.infohash else order.key.infohash)


def resumed(saved: bytes, layout: Layout) -> Any | None:  # noqa: ANN401
    """Read resume data that is of this very torrent; anything else is not trusted."""
    try:
        params = lt.read_resume_data(saved)
    except RuntimeError:
        return None
    if params.info_hashes != layout.params().info_hashes:
        return None
    params.ti = layout.params().ti
    return params


def dialable(trackers: Sequence[str]) -> tuple[str, ...]:
    """Leave out trackers over WebSocket: what WebRTC then connects to passes no filter."""
    return tuple(url for url in trackers if url.lower().startswith(("http://", "https://", "udp://")))
