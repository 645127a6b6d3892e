"""Replacement of a .torrent's trackers, with `info` left as it is."""

from typing import Final

from bittorrent import bencode
from bittorrent.bencode import BencodeLimits

# Everything else outside of `info` may hold an address with somebody's key: announce-list, url-list, comment, nodes.
_KEPT: Final = frozenset({b"created by", b"creation date", b"encoding", b"info", b"piece layers"})


def replace_trackers(data: bytes, announce: str, limit: int = bencode.DEFAULT_LIMITS.size) -> bytes:
    """Return a .torrent of at most `limit` bytes with `announce` as its only tracker, and `info` byte for byte.

    Other keys with addresses are left out. Raises Refusal: those of `bencode.decode`.
    """
    spans = bencode.top_level_spans(data, BencodeLimits(size=limit))
    values = {key: data[start:end] for key, (start, end) in spans.items() if key in _KEPT}
    values[b"announce"] = bencode.encode(announce)
    return b"d" + b"".join(bencode.encode(key) + values[key] for key in sorted(values)) + b"e"
