"""An engine that is made when it starts, so that what never starts one does not load its library."""

import asyncio
from collections.abc import Callable, Sequence

from bittorrent.infohash import InfoHash
from downloads.engine import AddTorrentRequest, Engine, EngineEvent, Peer
from downloads.model import ContentKey, ContentStatus


class DeferredEngine:
    """An `Engine` that has no content until it starts; `make` is called in a thread, once."""

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._make = make
        self._made: Engine | None = None

    @property
    def port(self) -> int | None:
        """The port that peers reach it by, None while it does not listen."""
        return self._made.port if self._made is not None else None

    async def start(self, on_event: Callable[[EngineEvent], None]) -> None:
        """Make the engine and start it."""
        await (await self._engine()).start(on_event)

    async def stop(self) -> None:
        """Write resume data and stop, within seconds."""
        if self._made is not None:
            await self._made.stop()

    def add(self, request: AddTorrentRequest) -> None:
        """Fetch or seed content; the engine has been started."""
        self._started().add(request)

    async def remove(self, key: ContentKey, *, files: bool) -> None:
        """Remove content, and its files with `files`; also before the start, for what an earlier run left."""
        await (await self._engine()).remove(key, files=files)

    def pause(self, key: ContentKey) -> None:
        """Pause content."""
        if self._made is not None:
            self._made.pause(key)

    def resume(self, key: ContentKey) -> None:
        """Resume content."""
        if self._made is not None:
            self._made.resume(key)

    def reannounce(self, key: ContentKey) -> None:
        """Ask the trackers for peers now."""
        if self._made is not None:
            self._made.reannounce(key)

    def connect(self, key: ContentKey, peers: Sequence[Peer]) -> None:
        """Connect to peers."""
        if self._made is not None:
            self._made.connect(key, peers)

    def status(self, key: ContentKey) -> ContentStatus | None:
        """Return the status of content, None when the engine does not have it."""
        return self._made.status(key) if self._made is not None else None

    async def fetch_metadata(
        self,
        infohash: InfoHash,
        *,
        peers: Sequence[Peer],
        trackers: Sequence[str],
        dht: bool,
        seconds: float,
    ) -> bytes | None:
        """Return a .torrent (BEP 9) whose `info` has that hash; the engine has been started."""
        return await self._started().fetch_metadata(
            infohash, peers=peers, trackers=trackers, dht=dht, seconds=seconds
        )

    async def _engine(self) -> Engine:
        if self._made is None:
            made = await asyncio.to_thread(self._make)
            self._made = self._made or made
        return self._made

    def _started(self) -> Engine:
        assert self._made is not None, "the engine has not been started"
        return self._made
