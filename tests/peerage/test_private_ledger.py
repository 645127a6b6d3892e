"""The ledger of a private tracker over the whole application: what counts, and what follows from it."""

import itertools
from contextlib import asynccontextmanager

import pytest

from accounts.model import Principal, Role, User
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.model import Freeleech
from peerage.config import Settings
from peerage.wiring.application import open_application
from peerage.wiring.environment import Environment
from tests.support.torrents import torrent
from tracker.credit import NewCreditRule
from tracker.model import Announce, Event
from tracker.obligations import Obligation

START = 1_800_000_000


class PrivateTracker:
    """An application in private mode with a moderator, whose clock the test sets."""

    def __init__(self):
        self.now = float(START)
        self.clients = itertools.count(1)

    @asynccontextmanager
    async def opened(self, folder, **ledger):
        settings = Settings.of(
            data=folder / "data",
            tracker={"mode": "private", "most_rate": 0},
            cache={"min_free_disk": 0},
            ledger=ledger,
        )
        environment = Environment(clock=lambda: self.now)
        async with open_application(settings, environment) as self.application:
            await self.application.start()
            yield self

    async def user(self, name, role=Role.USER) -> User:
        return await self.application.accounts.accounts.add(name, "a good password", role)

    async def upload(self, owner, name="one"):
        return await self.application.catalogue.curation.publish(Principal(owner), torrent(name), "test")

    def announce(self, account, infohash: InfoHash, up, down, *, seeder=False, event=Event.NONE, client=1):
        peer = bytes([10, 0, 0, client, 26, 225])
        return self.application.tracker.tracker.store.announce(
            Announce(
                infohash, peer, event, seeder, 50, account=account, peer_id=bytes([client]) * 20, uploaded=up,
                downloaded=down,
            ),
            int(self.now),
        )  # fmt: skip

    async def moved(self, account):
        await self.application.ledger.flush()
        return await self.application.ledger.account(account)


async def test_what_was_announced_before_a_torrent_became_free_counts_as_it_did(tmp_path):
    async with PrivateTracker().opened(tmp_path) as tracker:
        staff, ada = await tracker.user("staff", Role.MODERATOR), await tracker.user("ada")
        one = await tracker.upload(ada)
        tracker.announce(ada.id, one.infohash, 0, 0)
        tracker.announce(ada.id, one.infohash, 100, 100)

        await tracker.application.catalogue.curation.set_freeleech(Principal(staff), one.id, Freeleech.FREE)
        tracker.announce(ada.id, one.infohash, 300, 350)

        moved = await tracker.moved(ada.id)
        assert (moved.uploaded, moved.downloaded) == (300, 350)
        assert (moved.credited_up, moved.credited_down) == (300, 100)


async def test_a_rule_is_shown_after_a_restart(tmp_path):
    tracker = PrivateTracker()
    async with tracker.opened(tmp_path):
        staff = await tracker.user("staff", Role.MODERATOR)
        one = await tracker.upload(staff)
        rule = NewCreditRule(0, START + 100, download=0)
        await tracker.application.crediting.add_rule(Principal(staff), rule)
    async with tracker.opened(tmp_path):
        crediting = tracker.application.crediting
        assert crediting.as_shown(one).freeleech is Freeleech.FREE
        tracker.now += 100
        assert crediting.as_shown(one) is one


async def test_seeding_gives_points_by_the_settings_and_a_download_is_owed(tmp_path):
    ledger = {"points_per_hour": 2.0, "seed_time": "2h", "seed_ratio": 0}
    async with PrivateTracker().opened(tmp_path, **ledger) as tracker:
        ada = await tracker.user("ada")
        one = await tracker.upload(ada)
        tracker.announce(ada.id, one.infohash, 0, 0, event=Event.STARTED)
        tracker.announce(ada.id, one.infohash, 0, 5, seeder=True, event=Event.COMPLETED)
        await tracker.moved(ada.id)
        assert await tracker.application.membership.counts(ada.id) == {Obligation.OWED: 1}
        for _ in range(4):
            tracker.now += 1800
            tracker.announce(ada.id, one.infohash, 0, 5, seeder=True)
        await tracker.moved(ada.id)
        await tracker.application.bonus.reward()
        await tracker.application.bonus.reward()

        assert (await tracker.moved(ada.id)).points == 4000
        assert await tracker.application.membership.counts(ada.id) == {Obligation.MET: 1}


async def test_who_gives_nothing_back_is_watched_then_barred_from_what_others_brought(tmp_path):
    ledger = {"watch_ratio": 0.5, "watch_from": 50, "watch_time": "1d", "class_rules": ("User:",)}
    async with PrivateTracker().opened(tmp_path, **ledger) as tracker:
        ada, bob = await tracker.user("ada"), await tracker.user("bob")
        one, own = await tracker.upload(bob), await tracker.upload(ada, "own")
        tracker.announce(ada.id, one.infohash, 0, 0, event=Event.STARTED)
        tracker.announce(ada.id, one.infohash, 0, 100)
        await tracker.moved(ada.id)
        application = tracker.application
        files, cache = application.torrents.files, application.torrents.cache
        held, mine = await cache.get(one.infohash), await cache.get(own.infohash)

        assert await application.standings.judge_all() == 2
        await files.serve(Principal(ada), held, "http://here.test")
        tracker.now += 86_400
        await application.standings.judge_all()

        with pytest.raises(Refusal) as refused:
            await files.serve(Principal(ada), held, "http://here.test")
        assert refused.value.code == "barred"
        await files.serve(Principal(ada), mine, "http://here.test")
        await files.serve(Principal(bob), held, "http://here.test")
        tracker.announce(ada.id, one.infohash, 60, 100, seeder=True)
        await tracker.moved(ada.id)
        await application.standings.judge_all()
        await files.serve(Principal(ada), held, "http://here.test")
        log = await application.catalogue.curation.log_entries(
            Principal(await tracker.user("mod", Role.MODERATOR)), 0, 9
        )
        assert [entry.verb for entry in log.items] == ["unbar", "bar", "promote", "watch", "promote"]
