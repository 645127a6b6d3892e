"""Hides how the engine is a peer in our own tracker's swarms: announces in this process, by its public address."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from actions.sources import unpacked
from bittorrent.peers import pack, unpack
from downloads.engine import Engine
from downloads.model import ContentKey, Running
from tracker.model import Announce, Event, Failure, Reply

LOOK_EVERY = 5.0
"""Seconds between two looks at what runs."""
RETRY_AFTER = 300
"""Seconds after which a refused announce is tried again."""

_NUMWANT = 50

Announces = Callable[[Announce, int], Reply | Failure]
"""What a store of swarms does; times are unix seconds."""


@dataclass(slots=True)
class _Presence:
    """Where the engine is in a swarm: whether the tracker took it in, as what, and when it is due again."""

    listed: bool
    complete: bool
    due: float


class Announcing:
    """Follows what runs and tells our tracker; hands the peers that it answers to the engine.

    `addresses` are the engine's public ones, 4 or 16 bytes each; with none nothing is announced. `running` gives
    the content that the engine fetches or seeds; private content is its own trackers' matter alone. `clock` gives
    unix seconds.
    """

    def __init__(
        self,
        announce: Announces,
        engine: Engine,
        addresses: Sequence[bytes],
        running: Callable[[], Iterable[Running]],
        clock: Callable[[], float],
    ) -> None:
        self._announce = announce
        self._engine = engine
        self._addresses = tuple(addresses)
        self._running = running
        self._clock = clock
        self._here: dict[ContentKey, _Presence] = {}
        self._peers: tuple[bytes, ...] = ()

    async def run(self) -> None:
        """Follow for ever, and leave every swarm at the end."""
        try:
            while self._addresses:
                self.look()
                await asyncio.sleep(LOOK_EVERY)
        finally:
            self.leave()

    def look(self) -> None:
        """Tell the tracker what began, was completed or ended since the last look, and what is due again."""
        port = self._engine.port
        if not self._addresses or port is None:
            return
        self._peers = tuple(pack(address, port) for address in self._addresses)
        running = {
            each.key: each for each in self._running() if not each.private and each.key.account is None
        }
        for key in [key for key in self._here if key not in running]:
            self._stop(key)
        now = self._clock()
        for key, content in running.items():
            presence = self._here.get(key)
            if presence is None or presence.due <= now or presence.complete != content.complete:
                self._say(content, presence, now)

    def leave(self) -> None:
        """Leave every swarm."""
        for key in list(self._here):
            self._stop(key)

    def _say(self, content: Running, before: _Presence | None, now: float) -> None:
        replies = [self._told(content, peer, _event(content, before)) for peer in self._peers]
        answered = [reply for reply in replies if isinstance(reply, Reply)]
        listed = any(not reply.warning for reply in answered)
        wait = min((reply.interval for reply in answered), default=RETRY_AFTER)
        self._here[content.key] = _Presence(listed, content.complete, now + wait)
        own = {unpack(peer) for peer in self._peers}
        given = dict.fromkeys(peer for reply in answered for peer in unpacked(reply.peers, reply.peers6))
        if peers := [peer for peer in given if peer not in own]:
            self._engine.connect(content.key, peers)

    def _told(self, content: Running, peer: bytes, event: Event) -> Reply | Failure:
        said = Announce(content.key.infohash.cut, peer, event, content.complete, _NUMWANT)
        return self._announce(said, int(self._clock()))

    def _stop(self, key: ContentKey) -> None:
        presence = self._here.pop(key)
        if presence.listed:
            for peer in self._peers:
                said = Announce(key.infohash.cut, peer, Event.STOPPED, presence.complete, 0)
                self._announce(said, int(self._clock()))


def _event(content: Running, before: _Presence | None) -> Event:
    if before is None or not before.listed:
        return Event.STARTED
    return Event.COMPLETED if content.complete and not before.complete else Event.NONE
