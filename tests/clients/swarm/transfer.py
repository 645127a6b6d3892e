"""Transfers between two clients, started in the order in which they find each other through the tracker."""

import time
from collections.abc import Callable
from pathlib import Path

from tests.clients.swarm.client import Client
from tests.clients.swarm.content import Torrent
from tests.support.clients import scrape
from tests.support.processes import PeerageProcess, wait_until

REANNOUNCE_EVERY = 1.0


def has_peers(service: PeerageProcess, torrent: Torrent, peers: int) -> Callable[[], bool]:
    """Return a check: whether the tracker knows of so many peers."""

    def count() -> bool:
        complete, _, incomplete = scrape(service.port, torrent.infohash)
        return complete + incomplete >= peers

    return count


def is_downloaded(torrent: Torrent, folder: Path, *clients: Client) -> Callable[[], bool]:
    """Return a check: whether the content is in `folder`; now and then it makes the clients announce again."""
    reannounced = time.monotonic()

    def is_complete() -> bool:
        nonlocal reannounced
        if time.monotonic() - reannounced > REANNOUNCE_EVERY:
            reannounced = time.monotonic()
            for client in clients:
                client.reannounce()
        return torrent.is_complete(folder)

    return is_complete


def transfer(
    service: PeerageProcess, torrent: Torrent, seeder: Client, leecher: Client, folder: Path
) -> None:
    """Start both in the order that they need and wait for the content; the second dials the first."""
    starts = [lambda: seeder.seed(torrent.path, torrent.folder), lambda: leecher.leech(torrent.path, folder)]
    first, second = starts if leecher.dials_loopback else reversed(starts)

    def said() -> str:
        return (
            f"seeder: {seeder.log[-4000:]}\nleecher: {leecher.log[-4000:]}\nserver: {service.output[-2000:]}"
        )

    first()
    wait_until(has_peers(service, torrent, 1), said)
    second()
    wait_until(lambda: torrent.is_complete(folder), said)
