"""What is deleted when its time is over, and what stays."""

import pytest

from accounts.authentication_log import LogInWay
from accounts.model import Principal, Role
from actions.retention import Retention, RetentionTerms
from catalogue.events import EventKind, ServiceEvent
from catalogue.model import Subject
from storage.maintenance import MaintenanceLog
from storage.retention import SqlRetention
from tests.support.clock import Clock
from tests.support.services import open_services

DAY = 86_400
OPERATOR = Principal(operator="test")


class Site:
    """A service with one of everything that is kept for a time."""

    def __init__(self, opened, clock):
        self.application, self.clock = opened.application, clock
        self.accounts = opened.application.accounts.accounts
        self.catalogue = opened.application.catalogue.catalogue

    async def fill(self):
        user = await self.accounts.add("ann", None, Role.ADMIN)
        self.user = user.id
        _, lifetime = await self.accounts.open_session(user.id, keep=True, address=bytes((192, 0, 2, 1)))
        assert lifetime == 30 * DAY
        self.accounts.log.accepted(LogInWay.PAGE, bytes((192, 0, 2, 1)), "ann")
        await self.catalogue.moderation.log(user.id, "hide", Subject.TORRENT, "1", "")
        one = await self.catalogue.moderation.report(Subject.USER, user.id, user.id, "look")
        await self.catalogue.moderation.resolve(one.id, user.id, "done")
        self.clock.now += 1
        await self.catalogue.moderation.report(Subject.USER, user.id, user.id, "look again")
        await self.application.webhooks.add(OPERATOR, "https://told.example/", frozenset(EventKind))
        await self.application.webhooks.emit(ServiceEvent(EventKind.UPLOAD))

    async def apply(self, terms):
        store = SqlRetention(self.application.stores.records)
        note = self.application.note_maintenance
        return await Retention(store, self.accounts.log, terms, self.clock, note=note).apply()


@pytest.fixture
async def site(tmp_path):
    clock = Clock(1_700_000_000.0)
    opened = await open_services(tmp_path, clock, {}, rates={})
    site = Site(opened, clock)
    await site.fill()
    yield site
    await opened.close()


async def test_addresses_go_and_their_sessions_stay(site):
    assert await site.apply(RetentionTerms()) == {}
    site.clock.now += 8 * DAY
    site.clock.now += 0.5
    assert await site.apply(RetentionTerms()) == {"addresses": 1}
    (entry,) = MaintenanceLog(site.application.stores.folder.maintenance).entries()
    assert (entry.what, entry.well, entry.details) == ("retention", True, {"addresses": 1})
    assert entry.time == int(site.clock.now)
    (session,) = await site.accounts.sessions(site.user)
    assert session.address is None
    assert await site.apply(RetentionTerms()) == {}


async def test_logs_and_resolved_reports_go_where_the_operator_says_so(site):
    site.clock.now += 100 * DAY
    kept = RetentionTerms(addresses=0, logins=0, log=0, reports=0, deliveries=0)
    assert await site.apply(kept) == {}
    terms = RetentionTerms(addresses=0, logins=30, log=90, reports=90)
    assert await site.apply(terms) == {"log": 1, "reports": 1, "logins": 1}
    assert site.accounts.log.recent() == []
    store = site.catalogue.store.moderation
    assert (await store.reports(0, 9, resolved=False)).total == 1
    assert (await store.reports(0, 9, resolved=True)).total == 0


async def test_what_still_waits_for_a_webhook_is_not_over(site):
    site.clock.now += 100 * DAY
    assert "deliveries" not in await site.apply(RetentionTerms())
    records = site.application.stores.records
    async with records.transaction() as transaction:
        await transaction.run("UPDATE webhook_delivery SET state = 'failed'")
    assert (await site.apply(RetentionTerms()))["deliveries"] == 1
