"""Announces the download engine to our own tracker, in this process, under its public addresses."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from actions.metadata_sources import unpack_peers
from bittorrent.peers import pack, unpack
from downloads.engine import Engine
from downloads.model import ContentKey, RunningContent
from tracker.model import Announce, AnnounceFailure, Event, Reply

UPDATE_INTERVAL = 5.0
"""Seconds between two updates."""
RETRY_AFTER = 300
"""Seconds after which a refused announce is retried."""

_NUMWANT = 50

AnnounceFunction = Callable[[Announce, int], Reply | AnnounceFailure]
"""The announce method of a swarm store; times are unix seconds."""


@dataclass(slots=True)
class _SwarmState:
    """The engine in a swarm: whether the tracker lists it, as what, and when the next announce is due."""

    listed: bool
    complete: bool
    due: float


class EngineAnnouncer:
    """Announces running content to our tracker, and gives the peers of the replies to the engine.

    `addresses` are the engine's public ones, 4 or 16 bytes each; with none nothing is announced. `running` gives
    the content that the engine fetches or seeds; private content is never announced here. `clock` gives
    unix seconds.
    """

    def __init__(
        self,
        announce: AnnounceFunction,
        engine: Engine,
        addresses: Sequence[bytes],
        running: Callable[[], Iterable[RunningContent]],
        clock: Callable[[], float],
    ) -> None:
        self._announce = announce
        self._engine = engine
        self._addresses = tuple(addresses)
        self._running = running
        self._clock = clock
        self._swarms: dict[ContentKey, _SwarmState] = {}
        self._peers: tuple[bytes, ...] = ()

    async def run(self) -> None:
        """Announce until cancelled, then leave every swarm."""
        try:
            while self._addresses:
                self.update()
                await asyncio.sleep(UPDATE_INTERVAL)
        finally:
            self.leave()

    def update(self) -> None:
        """Announce content that started, completed or stopped since the last update, or whose interval is over."""
        port = self._engine.port
        if not self._addresses or port is None:
            return
        self._peers = tuple(pack(address, port) for address in self._addresses)
        running = {
            each.key: each for each in self._running() if not each.private and each.key.account is None
        }
        for key in [key for key in self._swarms if key not in running]:
            self._stop(key)
        now = self._clock()
        for key, content in running.items():
            state = self._swarms.get(key)
            if state is None or state.due <= now or state.complete != content.complete:
                self._announce_content(content, state, now)

    def leave(self) -> None:
        """Leave every swarm."""
        for key in list(self._swarms):
            self._stop(key)

    def _announce_content(self, content: RunningContent, before: _SwarmState | None, now: float) -> None:
        replies = [self._send(content, peer, _event(content, before)) for peer in self._peers]
        answered = [reply for reply in replies if isinstance(reply, Reply)]
        listed = any(not reply.warning for reply in answered)
        wait = min((reply.interval for reply in answered), default=RETRY_AFTER)
        self._swarms[content.key] = _SwarmState(listed, content.complete, now + wait)
        own = {unpack(peer) for peer in self._peers}
        found = dict.fromkeys(peer for reply in answered for peer in unpack_peers(reply.peers, reply.peers6))
        if peers := [peer for peer in found if peer not in own]:
            self._engine.connect(content.key, peers)

    def _send(self, content: RunningContent, peer: bytes, event: Event) -> Reply | AnnounceFailure:
        request = Announce(content.key.infohash.truncated, peer, event, content.complete, _NUMWANT)
        return self._announce(request, int(self._clock()))

    def _stop(self, key: ContentKey) -> None:
        state = self._swarms.pop(key)
        if state.listed:
            for peer in self._peers:
                request = Announce(key.infohash.truncated, peer, Event.STOPPED, state.complete, 0)
                self._announce(request, int(self._clock()))


def _event(content: RunningContent, before: _SwarmState | None) -> Event:
    if before is None or not before.listed:
        return Event.STARTED
    return Event.COMPLETED if content.complete and not before.complete else Event.NONE
