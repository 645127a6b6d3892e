"""What the catalogue counts stays, whatever the swarms forget."""

import json
from collections.abc import Callable

from tests.support import raw_torrents
from tests.support.clients import announce, ask, upload
from tests.support.processes import PeerageProcess


def completed(service: PeerageProcess, infohash: bytes) -> int:
    record = json.loads(ask(service.port, f"/api/torrents/{infohash.hex()}").body)
    return int(record["data"]["completed"])


def test_completed_downloads_outlive_the_journal_of_swarms(
    start_peerage: Callable[..., PeerageProcess],
) -> None:
    service = start_peerage(tracker__flush_every=0.2)
    data = raw_torrents.torrent()
    infohash = raw_torrents.infohash(data)
    upload(service.port, data)
    announce(service.port, infohash, left=1)
    announce(service.port, infohash, left=0, event="completed")
    service.stop()
    for file in service.data.glob("swarms.db*"):
        file.unlink()
    service.start()
    announce(service.port, infohash, left=0, event="started")

    assert completed(service, infohash) == 1
