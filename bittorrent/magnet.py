"""Magnet links, parsed and formatted (BEP 9, 53; btmh as in BEP 52)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Self
from urllib.parse import quote, unquote_plus

from bittorrent.infohash import V1_LENGTH, V2_LENGTH, InfoHash
from bittorrent.refusal import Refusal
from bittorrent.text import printable
from bittorrent.urls import MOST_URLS, clean_trackers, clean_web_seeds

LONGEST_MAGNET = 32 * 1024

_SCHEME = "magnet:?"
_BTIH = "urn:btih:"
_BTMH = "urn:btmh:"
_SHA256 = "1220"  # the multihash prefix of SHA-256, 32 bytes
_NUMBERED = re.compile(r"\.[0-9]{1,3}$")
_LARGEST = 2**63 - 1
_LONGEST_NAME = 1024
_MOST_READ = 1000
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Magnet:
    """A torrent's infohashes (`v1` 20 bytes, `v2` 32; one or both), trackers, web seeds and peers.

    `name` is safe to show and "" when not given; `size` is the content's bytes, None when not given. `peers` are
    IP addresses as text, with a port.
    """

    v1: InfoHash | None
    v2: InfoHash | None
    name: str = ""
    trackers: tuple[str, ...] = ()
    web_seeds: tuple[str, ...] = ()
    size: int | None = None
    peers: tuple[tuple[str, int], ...] = ()

    @property
    def infohashes(self) -> tuple[InfoHash, ...]:
        """Every infohash of the torrent, that of version 2 truncated too."""
        full = tuple(infohash for infohash in (self.v1, self.v2) if infohash is not None)
        return full if self.v2 is None else (*full, self.v2.truncated)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a magnet link; unknown parameters, and URLs that cannot be used, are left out.

        Raises Refusal("bad-magnet") without an infohash, with two different ones, or over LONGEST_MAGNET.
        """
        if len(text) > LONGEST_MAGNET:
            raise Refusal("bad-magnet", f"the limit is {LONGEST_MAGNET} characters")
        link = text.strip()
        if link[: len(_SCHEME)].lower() != _SCHEME:
            raise Refusal("bad-magnet")
        fields: dict[str, list[str]] = {}
        for key, value in _pairs(link[len(_SCHEME) :]):
            fields.setdefault(key, []).append(value)
        topics = fields.get("xt", [])
        v1, v2 = _one_of(topics, _BTIH, V1_LENGTH), _one_of(topics, _BTMH, V2_LENGTH)
        if v1 is None and v2 is None:
            raise Refusal("bad-magnet")
        return cls(
            v1,
            v2,
            printable(fields.get("dn", [""])[0][:_LONGEST_NAME]),
            clean_trackers(fields.get("tr", [])),
            clean_web_seeds(fields.get("ws", [])),
            _size(fields.get("xl", [""])[0]),
            _peers(fields.get("x.pe", [])),
        )

    def __str__(self) -> str:
        topics = [_BTIH + self.v1.lower] if self.v1 else []
        topics += [_BTMH + _SHA256 + self.v2.lower] if self.v2 else []
        fields = [f"xt={topic}" for topic in topics]
        fields += [f"dn={quote(self.name, safe='')}"] if self.name else []
        fields += [] if self.size is None else [f"xl={self.size}"]
        fields += [f"tr={quote(link, safe='')}" for link in self.trackers]
        fields += [f"ws={quote(link, safe='')}" for link in self.web_seeds]
        fields += [f"x.pe={f'[{host}]' if ':' in host else host}:{port}" for host, port in self.peers]
        return _SCHEME + "&".join(fields)


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    """Split the parameters; `tr.1` counts as `tr`, and `&amp;`, from a page's source, as `&`."""
    for pair in query.replace("&amp;", "&").split("&"):
        key, _, value = pair.partition("=")
        # Lone surrogates cannot be percent-decoded; a link from JSON may have some.
        yield _NUMBERED.sub("", key).lower(), unquote_plus(value.encode("utf-8", "replace").decode())


def _one_of(topics: list[str], urn: str, length: int) -> InfoHash | None:
    found = {_topic(topic[len(urn) :], length) for topic in topics if topic[: len(urn)].lower() == urn}
    if len(found) > 1:
        raise Refusal("bad-magnet", "it names two torrents")
    return found.pop() if found else None


def _topic(text: str, length: int) -> InfoHash:
    if length == V2_LENGTH:
        if not text.startswith(_SHA256):
            raise Refusal("bad-magnet", "its btmh is no SHA-256")
        text = text[len(_SHA256) :]
    try:
        infohash = InfoHash.parse(text)
    except Refusal:
        raise Refusal("bad-magnet", "its infohash is malformed") from None
    if len(infohash) != length:
        raise Refusal("bad-magnet", "its infohash has the wrong length")
    return infohash


def _peers(texts: list[str]) -> tuple[tuple[str, int], ...]:
    """Keep valid addresses with a port, each once, at most MOST_LINKS; IPv6 is in brackets."""
    peers: dict[tuple[str, int], None] = {}
    for text in texts[:_MOST_READ]:
        host, _, port = text.rpartition(":")
        try:
            ip = IPv6Address(host[1:-1]) if host.startswith("[") else IPv4Address(host)
        except ValueError:
            continue
        if _PORT.fullmatch(port) and 0 < int(port) < 65536:
            peers[str(ip), int(port)] = None
    return tuple(peers)[:MOST_URLS]


def _size(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        return None
    size = int(text)
    return size if size <= _LARGEST else None
