"""A naive swarm store, a dict of dataclasses for each swarm, as the baseline of the store benchmark."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from tracker.model import Announce, Event


@dataclass
class NaivePeer:
    """A peer as an object of its own."""

    address: bytes
    port: int
    seeder: bool
    seen: int


class NaiveSwarms:
    """Swarms as dicts of peers; the sample is drawn from a list of them made for every announce."""

    def __init__(self) -> None:
        self._swarms: dict[bytes, dict[tuple[bytes, int], NaivePeer]] = {}
        self._random = random.Random(1)

    def announce(self, announce: Announce, now: int) -> bytes:
        """Store the announcer and return the compact peers it is given."""
        swarm = self._swarms.setdefault(announce.infohash, {})
        address, port = announce.peer[:-2], int.from_bytes(announce.peer[-2:], "big")
        if announce.event == Event.STOPPED:
            swarm.pop((address, port), None)
        else:
            swarm[address, port] = NaivePeer(address, port, announce.seeder, now)
        if not announce.numwant:
            return b""
        seeder = announce.seeder
        others = [peer for peer in swarm.values() if not (seeder and peer.seeder)]
        return _compact(self._random.sample(others, min(announce.numwant, len(others))))


def _compact(peers: Iterable[NaivePeer]) -> bytes:
    return b"".join(peer.address + peer.port.to_bytes(2, "big") for peer in peers)
