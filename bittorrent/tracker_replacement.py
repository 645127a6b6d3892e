"""Replacement of a .torrent's trackers, with `info` left as it is."""

from typing import Final

from bittorrent import bencode
from bittorrent.bencode import BencodeLimits

# Everything else outside of `info` may hold an address with somebody's key: announce-list, url-list, comment, nodes.
_KEPT: Final = frozenset({b"created by", b"creation date", b"encoding", b"info", b"piece layers"})
_TRACKERS: Final = frozenset({b"announce", b"announce-list"})


def replace_trackers(
    data: bytes, announce: str, limit: int = bencode.DEFAULT_LIMITS.size, *, trackers_alone: bool = False
) -> bytes:
    """Return a .torrent of at most `limit` bytes with `announce` as its only tracker, and `info` byte for byte.

    Other keys with addresses are left out, unless `trackers_alone`. Raises Refusal: those of `bencode.decode`.
    """
    spans = bencode.top_level_spans(data, BencodeLimits(size=limit))
    kept = spans.keys() - _TRACKERS if trackers_alone else spans.keys() & _KEPT
    values = {key: data[start:end] for key, (start, end) in spans.items() if key in kept}
    values[b"announce"] = bencode.encode(announce)
    return b"d" + b"".join(bencode.encode(key) + values[key] for key in sorted(values)) + b"e"
