"""The BitTorrent engine protocol: what the download jobs need of a client, and the events it reports."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bittorrent.infohash import InfoHash
from downloads.model import ContentKey, ContentStatus

Peer = tuple[str, int]
"""An address in text and a port."""


@dataclass(frozen=True, slots=True)
class AddTorrentRequest:
    """Content to add to an engine: a .torrent's bytes or, without, what a magnet link tells.

    `private` keeps it to its own trackers: no DHT, no peer exchange, no local discovery. `paused` adds it paused.
    `v2` is the hash of 32 bytes where it is known: without a .torrent, a key truncated from it alone finds no metadata.
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
class MetadataReceived:
    """The .torrent of content that was added by hash, checked against that hash."""

    key: ContentKey
    torrent: bytes


@dataclass(frozen=True, slots=True)
class Finished:
    """Every byte is on disk and was checked."""

    key: ContentKey


@dataclass(frozen=True, slots=True)
class Failed:
    """Content is stopped by an error (disk full, files damaged); `reason` for people."""

    key: ContentKey
    reason: str


EngineEvent = MetadataReceived | Finished | Failed


class Engine(Protocol):
    """A BitTorrent client; its calls never wait for the network, its events come in the event loop."""

    @property
    def port(self) -> int | None:
        """The port that peers reach it by, None while it does not listen."""
        ...

    async def start(self, on_event: Callable[[EngineEvent], None]) -> None:
        """Start; resume data on disk is used by `add`."""
        ...

    async def stop(self) -> None:
        """Write resume data and stop, within seconds."""
        ...

    def add(self, request: AddTorrentRequest) -> None:
        """Fetch or seed content; adding it again only sets its paused flag."""
        ...

    async def remove(self, key: ContentKey, *, files: bool) -> None:
        """Remove content, and its files with `files`; returns when they are gone."""
        ...

    def pause(self, key: ContentKey) -> None:
        """Pause content."""
        ...

    def resume(self, key: ContentKey) -> None:
        """Resume content."""
        ...

    def reannounce(self, key: ContentKey) -> None:
        """Ask the trackers for peers now."""
        ...

    def connect(self, key: ContentKey, peers: Sequence[Peer]) -> None:
        """Connect to peers that our own tracker knows; the address filter applies to them too."""
        ...

    def status(self, key: ContentKey) -> ContentStatus | None:
        """Return the status of content, None when the engine does not have it."""
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
