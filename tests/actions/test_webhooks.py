"""Webhooks over a real store and real sockets: signed, again after failures, each receiver by itself."""

import asyncio
import base64
import hashlib
import hmac
import json

import pytest

from accounts.model import NOBODY, Principal, Role
from accounts.rights import Rights
from actions.webhooks import BACKOFF, KEPT, MOST_WAITING, MOST_WEBHOOKS, Webhooks, read_kinds
from bittorrent.refusal import Refusal
from catalogue.events import EventKind, ServiceEvent
from catalogue.fields import GroupChange
from catalogue.model import Subject
from catalogue.webhooks import DeliveryState
from downloads.engine import Finished
from downloads.model import JobRequest
from downloads.outgoing_filter import OutgoingFilter
from downloads.outgoing_http import OutgoingHttp
from storage.schema import PEERAGE
from storage.sqlite.database import SqliteDatabase
from storage.webhooks import SqlWebhooks
from tests.support.application import open_test_application, settings_in
from tests.support.clock import Clock
from tests.support.downloads import FakeEngine
from tests.support.tasks import until
from tests.support.torrents import parsed, torrent

OPERATOR = Principal(operator="test")
UPLOADED = ServiceEvent(EventKind.UPLOAD, {"info_hash": "ab" * 20, "name": "half a \ud800"})
ALL = frozenset(EventKind)


class Receiver:
    """A receiver on loopback; it answers `status` once `open` is set."""

    def __init__(self):
        self.status, self.open, self.heard = 200, asyncio.Event(), []
        self.open.set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/hook"
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def _serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head.split("\r\n"))
        }
        body = await reader.readexactly(int(headers["content-length"]))
        self.heard.append((headers, body.decode()))
        await self.open.wait()
        writer.write(f"HTTP/1.1 {self.status} X\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


class Setup:
    """Webhooks over a database in a folder; `clock` is their time."""

    def __init__(self, database, *, private=True):
        self.database, self.clock = database, Clock(1_700_000_000.0)
        http = OutgoingHttp(OutgoingFilter(allow_private=private))
        self.store = SqlWebhooks(database)
        self.webhooks = Webhooks(self.store, Rights(frozenset()), lambda: http, lambda: bytes(32), self.clock)

    async def add(self, url, events=ALL):
        return await self.webhooks.add(OPERATOR, url, events)

    async def log(self):
        return (await self.webhooks.deliveries(OPERATOR, 0, 100))[0]


@pytest.fixture
async def database(tmp_path):
    database = await SqliteDatabase.open(tmp_path / "peerage.db", PEERAGE, "FULL")
    yield database
    await database.close()


@pytest.fixture
def setup(database):
    return Setup(database)


async def test_an_event_is_posted_with_a_signature_that_its_receiver_can_check(setup):
    async with Receiver() as receiver:
        _, secret = await setup.add(receiver.url)
        await setup.webhooks.emit(UPLOADED)
        await setup.webhooks.deliver_due()
        ((headers, body),) = receiver.heard
    assert json.loads(body) == {
        "type": "torrent.uploaded",
        "timestamp": "2023-11-14T22:13:20Z",
        "data": dict(UPLOADED.data),
    }
    assert headers["content-type"] == "application/json"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body}".encode()
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-timestamp"] == str(int(setup.clock.now))
    (delivery,) = await setup.log()
    assert (delivery.state, delivery.attempts, delivery.answer) == (DeliveryState.DELIVERED, 1, "200")


async def test_each_webhook_hears_of_its_own_kinds_alone_and_has_a_secret_of_its_own(setup):
    async with Receiver() as one, Receiver() as two:
        _, first = await setup.add(one.url, frozenset({EventKind.BLOCK}))
        _, second = await setup.add(two.url, frozenset({EventKind.UPLOAD, EventKind.REPORT}))
        await setup.webhooks.emit(UPLOADED)
        await setup.webhooks.deliver_due()
        assert (len(one.heard), len(two.heard)) == (0, 1)
    assert first != second


async def test_a_failure_is_tried_again_later_and_later_and_then_given_up(setup):
    async with Receiver() as receiver:
        receiver.status = 500
        await setup.add(receiver.url)
        await setup.webhooks.emit(UPLOADED)
        for pause in BACKOFF:
            await setup.webhooks.deliver_due()
            (delivery,) = await setup.log()
            assert (delivery.state, delivery.answer) == (DeliveryState.WAITING, "500")
            assert delivery.due == int(setup.clock.now) + pause
            await setup.webhooks.deliver_due()  # too early: nothing is sent
            setup.clock.now += pause
        await setup.webhooks.deliver_due()
        (delivery,) = await setup.log()
        assert (delivery.state, delivery.attempts) == (DeliveryState.FAILED, len(BACKOFF) + 1)
        assert len(receiver.heard) == len(BACKOFF) + 1
        assert len({headers["webhook-id"] for headers, _ in receiver.heard}) == 1
        assert len({headers["webhook-signature"] for headers, _ in receiver.heard}) == len(receiver.heard)
        # Somebody looks at the log, mends the receiver, and sends it again.
        receiver.status = 204
        await setup.webhooks.send_again(OPERATOR, delivery.id)
        await setup.webhooks.deliver_due()
        (delivery,) = await setup.log()
        assert (delivery.state, delivery.attempts) == (DeliveryState.DELIVERED, 1)


async def test_what_is_queued_is_delivered_after_a_kill(setup, database):
    async with Receiver() as receiver:
        await setup.add(receiver.url)
        await setup.webhooks.emit(UPLOADED)
        after = Setup(database)  # another process over the same file: nothing was told to stop
        await after.webhooks.deliver_due()
        assert len(receiver.heard) == 1


async def test_a_database_that_fails_once_does_not_end_deliveries(setup):
    failed, purge = asyncio.Event(), setup.store.purge

    async def fail(kept):
        setup.store.purge = purge
        failed.set()
        raise OSError("the disk is full")

    setup.store.purge = fail
    async with Receiver() as receiver, asyncio.timeout(30):
        await setup.add(receiver.url)
        running = asyncio.create_task(setup.webhooks.run())
        await failed.wait()
        await setup.webhooks.emit(UPLOADED)
        await until(lambda: receiver.heard)
        running.cancel()


async def test_a_slow_receiver_stops_no_other(setup):
    async def all_delivered():
        return all(each.state is DeliveryState.DELIVERED for each in await setup.log())

    async with Receiver() as slow, Receiver() as quick:
        slow.open.clear()
        await setup.add(slow.url)
        await setup.add(quick.url)
        running = asyncio.create_task(setup.webhooks.run())
        for _ in range(3):
            await setup.webhooks.emit(UPLOADED)
        await until(lambda: len(quick.heard) == 3 and slow.heard)
        slow.open.set()
        await until(lambda: len(slow.heard) == 3)
        await until(all_delivered)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_queue_is_bounded_and_so_is_the_log(setup, database):
    webhook, _ = await setup.add("http://127.0.0.1:9/")
    row = "INSERT INTO webhook_delivery (webhook_id, event, body, created, state, attempts, due, answer)"
    values = " VALUES (:webhook, 'torrent.uploaded', '{}', 1, :state, 0, 99999999999, '')"
    async with database.transaction() as transaction:
        for state, count in (("waiting", MOST_WAITING), ("delivered", KEPT + 5)):
            await transaction.run_many(row + values, [{"webhook": webhook.id, "state": state}] * count)
    await setup.webhooks.emit(UPLOADED)
    assert (await setup.webhooks.deliveries(OPERATOR, 0, 1))[1] == MOST_WAITING + KEPT + 5
    assert await setup.store.purge(KEPT) == 5
    assert (await setup.webhooks.deliveries(OPERATOR, 0, 1))[1] == MOST_WAITING + KEPT


async def test_an_address_in_a_private_network_is_not_told(database):
    setup = Setup(database, private=False)
    async with Receiver() as receiver:
        await setup.add(receiver.url)
        await setup.webhooks.emit(UPLOADED)
        await setup.webhooks.deliver_due()
        assert receiver.heard == []
    (delivery,) = await setup.log()
    assert "private address" in delivery.answer


async def test_a_removed_webhook_hears_nothing_more(setup):
    webhook, _ = await setup.add("http://127.0.0.1:9/")
    await setup.webhooks.emit(UPLOADED)
    await setup.webhooks.remove(OPERATOR, webhook.id)
    await setup.webhooks.emit(UPLOADED)
    assert await setup.log() == []
    with pytest.raises(Refusal, match="nothing here"):
        await setup.webhooks.remove(OPERATOR, webhook.id)
    with pytest.raises(Refusal, match="nothing here"):
        await setup.webhooks.send_again(OPERATOR, 1)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a.example/",
        "https:///x",
        "https://a:b@c.example/",
        "http://a b/",
        "https://a.example:x/",
        "x" * 2000,
    ],
)
async def test_what_is_no_url_is_refused(setup, url):
    with pytest.raises(Refusal) as refused:
        await setup.add(url)
    assert list(refused.value.fields) == ["url"]


async def test_there_is_room_for_some_and_only_an_admin_sees_them(setup):
    for number in range(MOST_WEBHOOKS):
        await setup.add(f"https://{number}.example/")
    with pytest.raises(Refusal) as refused:
        await setup.add("https://more.example/")
    assert refused.value.code == "full"
    for call in (
        setup.webhooks.webhooks(NOBODY),
        setup.webhooks.deliveries(NOBODY, 0, 1),
        setup.webhooks.send_again(NOBODY, 1),
        setup.webhooks.remove(NOBODY, 1),
        setup.webhooks.add(NOBODY, "https://a.example", ALL),
    ):
        with pytest.raises(Refusal, match="needs an account"):
            await call


def test_kinds_are_read_by_their_names():
    assert read_kinds(["torrent.blocked"]) == {EventKind.BLOCK}
    with pytest.raises(Refusal) as refused:
        read_kinds(["torrent.eaten"])
    assert list(refused.value.fields) == ["events"]


async def test_the_service_tells_of_uploads_edits_reports_blocks_and_downloads(tmp_path):

    engine = FakeEngine()
    data = torrent("one")
    infohash = parsed(data).infohash
    async with open_test_application(settings_in(tmp_path), Clock(), engine=engine) as application:
        await application.webhooks.add(OPERATOR, "https://told.example/", ALL)
        user = await application.accounts.accounts.add("ann", None, Role.ADMIN)
        ann, curation = Principal(user), application.catalogue.curation
        uploaded = await curation.publish(ann, data, "test")
        await application.torrents.uploads.accept(data, "test")  # it is here already: no event
        await curation.edit_group(ann, uploaded.group.id, GroupChange.read({"name": "better"}))
        await curation.report(ann, Subject.TORRENT, uploaded.id, "look")
        downloads = application.downloads.downloads
        await downloads.begin()
        job = await downloads.create(user.id, JobRequest(torrent=data))

        engine.on_event(Finished(job.content.key))
        await downloads.drain()
        await application.takedowns.block(infohash, "asked to", "them")
        other = await curation.publish(ann, torrent("two"), "test")
        await curation.delete_torrent(ann, other.id, "a mistake")
        found, _ = await application.webhooks.deliveries(OPERATOR, 0, 10)
        told = [(each.event.value, json.loads(each.body)["data"]) for each in reversed(found)]
    assert told == [
        ("torrent.uploaded", {"info_hash": infohash.lower, "name": "one", "size": 1 << 20, "private": False}),
        ("record.edited", {"subject": "group", "target": uploaded.group.id, "fields": ["name"], "by": "ann"}),
        (
            "report.added",
            {"report": 1, "subject": "torrent", "target": uploaded.id, "reason": "look", "by": "ann"},
        ),
        (
            "download.completed",
            {"info_hash": infohash.lower, "name": "one", "size": 1 << 20, "accounts": [user.id]},
        ),
        ("torrent.blocked", {"info_hash": infohash.lower, "reason": "asked to", "by": "them"}),
        (
            "torrent.uploaded",
            {"info_hash": other.infohash.lower, "name": "two", "size": other.size, "private": False},
        ),
        (
            "torrent.deleted",
            {"info_hash": other.infohash.lower, "name": "two", "reason": "a mistake", "by": "ann"},
        ),
    ]
