"""The application over a folder: what it keeps when it ends, and that its parts end in order."""

import pytest

from actions.lookups import Lookups
from bittorrent.infohash import InfoHash
from peerage.wiring.application import open_application
from peerage.wiring.environment import Environment
from tests.support.application import open_test_application, settings_in
from tests.support.clock import Clock
from tests.support.downloads import FakeEngine
from tracker.model import Announce, Event

TORRENT = InfoHash(bytes(range(20)))


def announce(application):
    store = application.tracker.tracker.store
    peer = bytes((10, 0, 0, 1)) + (6881).to_bytes(2, "big")
    store.announce(Announce(TORRENT, peer, Event.STARTED, False, 0), int(application.environment.clock()))


def announce_beside_lookups(application):
    assert application.downloads
    announce(application)


async def peers_after_a_restart(settings, clock):
    async with open_test_application(settings, clock) as application:
        await application.tracker.flusher.restore()
        return application.tracker.tracker.store.totals().peers


async def test_the_last_announces_are_written_at_the_end(tmp_path):
    settings, clock = settings_in(tmp_path), Clock()
    async with open_test_application(settings, clock) as application:
        announce(application)
    assert await peers_after_a_restart(settings, clock) == 1


async def test_a_part_that_fails_to_end_keeps_no_other_from_it(tmp_path, monkeypatch):
    settings, clock = settings_in(tmp_path), Clock()

    async def fail(_lookups):
        raise OSError("no more threads")

    with monkeypatch.context() as patched:
        patched.setattr(Lookups, "close", fail)
        with pytest.raises(OSError, match="no more threads"):
            async with open_test_application(settings, clock) as application:
                announce_beside_lookups(application)
    assert await peers_after_a_restart(settings, clock) == 1


async def test_parts_end_in_the_reverse_of_the_order_of_what_they_need(tmp_path, monkeypatch):
    ended = []
    surroundings = Environment(engine=FakeEngine())
    async with open_application(settings_in(tmp_path), surroundings) as application:
        parts = {
            "accounts": (type(application.accounts.accounts), "close"),
            "lookups": (type(application.downloads.lookups), "close"),
            "downloads": (type(application.downloads.downloads), "stop"),
            "uploads": (type(application.torrents.uploads), "drain"),
            "takedowns": (type(application.torrents.takedowns), "drain"),
            "cache": (type(application.torrents.cache), "drain"),
            "swarms": (type(application.tracker.flusher), "flush"),
        }
    for name, (kind, method) in parts.items():
        end = getattr(kind, method)

        async def noted(part, end=end, name=name):
            ended.append(name)
            return await end(part)

        monkeypatch.setattr(kind, method, noted)
    async with open_application(settings_in(tmp_path), surroundings) as application:
        assert application.downloads
        assert application.accounts  # which nothing else needs in public mode
    assert ended == list(parts)


async def test_what_was_not_started_leaves_the_open_day_of_the_census_alone(tmp_path):
    settings, clock = settings_in(tmp_path), Clock()
    async with open_test_application(settings, clock) as application:
        announce(application)
        await application.tracker.flusher.flush()
        opened = await application.tracker.census._store.open_day()
    async with open_application(settings, started=False) as application:
        await application.torrents.takedowns.allow(TORRENT, "", "me")
    async with open_test_application(settings, clock) as application:
        assert await application.tracker.census._store.open_day() == opened is not None
        assert [entry.infohash for entry in await application.lists.entries()] == [TORRENT]
