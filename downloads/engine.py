"""Hides which BitTorrent client fetches content: what every engine does for the jobs above it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bittorrent.infohash import InfoHash
from downloads.model import ContentKey, Status

Peer = tuple[str, int]
"""An address in text and a port."""


@dataclass(frozen=True, slots=True)
class Order:
    """What an engine is to fetch: into `folder`, by a .torrent's bytes or, without, by what a magnet tells.

    `private` keeps it to its own trackers: no DHT, no peer exchange, no local discovery. `paused` adds it at rest.
    `v2` is the hash of 32 bytes where it is known: without a .torrent, a key cut from it alone finds no metadata.
    """

    key: ContentKey
    folder: Path
    torrent: bytes | None
    trackers: tuple[str, ...]
    web_seeds: tuple[str, ...]
    peers: tuple[Peer, ...]
    private: bool
    paused: bool
    v2: InfoHash | None = None


@dataclass(frozen=True, slots=True)
class MetadataArrived:
    """The .torrent of content that was added by hash, checked against it."""

    key: ContentKey
    torrent: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """Every byte is on disk and was checked."""

    key: ContentKey


@dataclass(frozen=True, slots=True)
class Failed:
    """Content is in error (disk full, files damaged) and stands still; `reason` for people."""

    key: ContentKey
    reason: str


Event = MetadataArrived | Finished | Failed


class Engine(Protocol):
    """A BitTorrent client; its calls never wait for the network, its events come in the event loop."""

    @property
    def port(self) -> int | None:
        """The port that peers reach it by, None while it does not listen."""
        ...

    async def start(self, heard: Callable[[Event], None]) -> None:
        """Begin, with whatever resume data lies on disk ready for `add`."""
        ...

    async def stop(self) -> None:
        """Write resume data and end, within seconds."""
        ...

    def add(self, order: Order) -> None:
        """Fetch or seed content; adding what is there changes its paused flag alone."""
        ...

    async def remove(self, key: ContentKey, *, files: bool) -> None:
        """Forget content, and its files with `files`; returns when they are gone."""
        ...

    def pause(self, key: ContentKey) -> None:
        """Let content rest."""
        ...

    def resume(self, key: ContentKey) -> None:
        """Go on with content."""
        ...

    def reannounce(self, key: ContentKey) -> None:
        """Ask the trackers for peers now."""
        ...

    def connect(self, key: ContentKey, peers: Sequence[Peer]) -> None:
        """Tell of peers, as our own tracker knows them; the filter of addresses holds for them too."""
        ...

    def status(self, key: ContentKey) -> Status | None:
        """Return how content is doing, None when the engine does not have it."""
        ...

    async def fetch_metadata(
        self,
        infohash: InfoHash,
        *,
        peers: Sequence[Peer],
        trackers: Sequence[str],
        dht: bool,
        seconds: float,
    ) -> bytes | None:
        """Return a .torrent (BEP 9) whose `info` has that hash, None when nobody gave it in time."""
        ...
