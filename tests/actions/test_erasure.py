"""Accounts are erased: what goes, what stays without a name, who may, and what an interruption leaves to do."""

import json
from contextlib import asynccontextmanager

import pytest

from accounts import one_time_codes
from accounts.erasure import ERASED_NAME, Writings
from accounts.model import NOBODY, Principal, Role, Scope
from actions.catalogue_dump_lines import DUMP_FILE_NAME
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from cache.drafts import Draft
from catalogue.fields import CollageChange
from catalogue.model import BookmarkKind, Person, Subject
from catalogue.store import UNRESTRICTED_VIEWER
from catalogue.webhooks import DeliveryState, EventKind
from downloads.model import JobRequest
from lists.infohashes import ListKind
from storage.mail_addresses import SqlMailAddresses
from storage.tables.fates import FATES
from tests.support.application import open_test_application, settings_in
from tests.support.clock import Clock
from tests.support.downloads import FakeEngine
from tests.support.tables import PEERAGE
from tests.support.torrents import parsed, torrent
from tracker.model import Announce, Event

PASSWORD = "a good password"
NOW = 1_800_000_000
NUMBERS = {"uploader_id", "account_id", "inviter", "author", "editor_id", "resolver_id", "decider_id"}

UNFILLED = {
    "one_time_link.account_id", "second_factor.account_id", "recovery_code.account_id", "job_label.account_id",
    "webauthn_credential.account_id",
    "seen_address.account_id",
    "address_count.account_id",
    "collected.account_id", "credit_rule.account_id", "credit_rule.author", "account_balance.account_id",
    "snatch.account_id", "content.account_id", "erasure.account_id", "client_session.account_id",
    "traffic.account_id", "standing.inviter", "invitation.account_id", "comment.editor_id", "report.resolver_id",
    "notice.decider_id",
}  # fmt: skip
"""Columns in which the member of these tests stands nowhere."""


class Erasing:
    """An application in private mode with two admins and a member who left something everywhere."""

    def __init__(self, folder):
        self.settings = settings_in(folder, tracker={"mode": "private", "most_rate": 0})
        self.clock, self.engine = Clock(NOW), FakeEngine()

    @asynccontextmanager
    async def opened(self):
        async with open_test_application(self.settings, self.clock, engine=self.engine) as self.application:
            self.accounts = self.application.accounts.accounts
            self.catalogue = self.application.catalogue.catalogue
            yield self

    async def fill(self):
        add = self.accounts.add
        self.root, self.other = await add("root", PASSWORD, Role.ADMIN), await add("Other", PASSWORD)
        self.ann = await add("Ann.Lee", PASSWORD, Role.MODERATOR)
        catalogue, curation, me = self.catalogue, self.application.catalogue.curation, Principal(self.ann)
        management = self.application.account_management
        self.cookie = (await self.accounts.open_session(self.ann.id, address=bytes((192, 0, 2, 1))))[0]
        self.key = (await management.mint(Principal(self.root), self.ann.id, Scope.REST, "hers"))[1]
        self.passkey = await self.accounts.passkeys.passkey(self.ann.id)
        self.torrent = await curation.publish(me, torrent("hers"), "test")
        self.theirs = await curation.publish(Principal(self.other), torrent("theirs"), "test")
        group = self.theirs.group.id
        self.comment = (await catalogue.comments.add(group, self.ann.id, "said by her")).id
        self.collage = (
            await catalogue.collages.add(CollageChange.read({"name": "hers", "kind": 0}), self.ann.id)
        ).id
        await catalogue.collages.bookmark(self.ann.id, BookmarkKind.TORRENT, self.theirs.id, on=True)
        await catalogue.collages.bookmark(self.other.id, BookmarkKind.COLLAGE, self.collage, on=True)
        await catalogue.moderation.report(Subject.USER, self.ann.id, self.other.id, "she is rude")
        for about in (Subject.GROUP, Subject.TORRENT):
            await catalogue.moderation.report(about, group, self.ann.id, "look here")
        await curation.assign_torrent(
            Principal(self.root), self.theirs.id, Person(self.ann.id, self.ann.name)
        )
        await management.set_role(Principal(self.root), self.ann.id, Role.USER)
        await management.set_role(Principal(self.root), self.ann.id, Role.MODERATOR)
        await curation.post_news(me, "news", "of hers")
        await self.application.list_moderation.block(me, InfoHash(b"b" * 20), "asked")
        await self.application.list_moderation.allow(me, InfoHash(b"a" * 20), "asked")
        await self.application.invitations.grant(Principal(self.root), self.ann.id, 3)
        await self.application.invitations.send(me)
        await self.application.downloads.downloads.begin()
        await self.application.downloads.downloads.create(
            self.ann.id, JobRequest(magnet=f"magnet:?xt=urn:btih:{'cd' * 20}")
        )
        waiting = torrent("not sent yet")
        await self.application.drafts.put(self.ann.id, Draft(parsed(waiting).infohash, waiting))
        addresses = SqlMailAddresses(self.application.stores.records)
        await addresses.propose(self.ann.id, "ann.lee@home.example", b"d" * 32, NOW + 9)
        await addresses.confirm(b"d" * 32, NOW)
        await self.application.ledger.restore()
        self.announce(0)
        self.announce(100)
        return self

    def announce(self, uploaded):
        peer = bytes((10, 0, 0, 1, 26, 225))
        self.application.tracker.tracker.store.announce(
            Announce(
                self.theirs.infohash, peer, Event.NONE, False, 50, account=self.ann.id, peer_id=b"p" * 20,
                uploaded=uploaded, downloaded=0,
            ),
            NOW,
        )  # fmt: skip

    async def erase(self, principal, user, writings=Writings.KEEP, **proof):
        await self.application.erasure.erase(principal, user, writings, **proof)

    async def everything(self):
        """Return every row of the database as text, by table."""
        rows = {}
        for table in PEERAGE.sorted_tables:
            if "search" not in table.name and "fts" not in table.name:
                names = ", ".join(f'"{column.name}"' for column in table.columns)
                rows[table.name] = await self.application.stores.records.rows(
                    f'SELECT {names} FROM "{table.name}"'
                )
        return rows


@pytest.fixture
async def site(tmp_path):
    async with Erasing(tmp_path).opened() as site:
        yield await site.fill()


def test_every_column_that_names_an_account_has_a_fate():
    naming = {
        column
        for table in PEERAGE.tables.values()
        for column in table.columns
        if (
            column.name in NUMBERS
            and not isinstance(column.type, type(PEERAGE.tables["account"].c.name.type))
        )
        or any(key.target_fullname == "account.id" for key in column.foreign_keys)
    }
    assert naming == set(FATES)


async def test_what_is_erased_opens_nothing_from_then_on(site):
    tracker = site.application.tracker.tracker
    assert tracker.account_of(site.passkey.encode()) == site.ann.id
    await site.accounts.session(site.cookie)
    await site.accounts.authenticate(site.key, Scope.REST)
    await site.erase(Principal(site.root), site.ann.id)
    assert await site.accounts.session(site.cookie) is None
    for refused, code in (
        (site.accounts.authenticate(site.key, Scope.REST), "bad-token"),
        (site.accounts.log_in("Ann.Lee", PASSWORD, b""), "bad-credentials"),
        (site.accounts.issue_link(site.ann.id), "not-found"),
        (site.accounts.set_enabled(site.ann.id, enabled=True), "not-found"),
    ):
        with pytest.raises(Refusal) as raised:
            await refused
        assert raised.value.code == code
    with pytest.raises(Refusal, match="unknown"):
        tracker.account_of(site.passkey.encode())
    assert await site.accounts.user(site.ann.id) is None
    assert [user.name for user in (await site.accounts.users("", 0, 10))[0]] == ["Other", "root"]
    assert (await site.accounts.totals(NOW))["users"] == 2
    assert (await site.accounts.add("ann.lee", PASSWORD)).id > site.ann.id


@pytest.mark.parametrize("writings", list(Writings))
async def test_no_row_names_an_erased_account(site, writings):
    before = await site.everything()
    await site.erase(Principal(site.root), site.ann.id, writings)
    after = await site.everything()
    assert "ann.lee" in repr(before).lower()
    assert "ann.lee" not in repr(after).lower()
    for column in FATES:
        position = [each.name for each in column.table.columns].index(column.name)
        left = {row[position] for row in after[column.table.name]}
        assert site.ann.id not in left, column
        had = {row[position] for row in before[column.table.name]}
        assert site.ann.id in had or f"{column.table.name}.{column.name}" in UNFILLED
    assert after["erasure"] == []
    assert len(site.engine.removed) == 1
    assert await site.application.drafts.waiting(site.ann.id) == []
    assert after["job"] == []
    assert after["traffic"] == []


async def test_what_others_built_on_stays_without_a_name(site):
    await site.erase(Principal(site.root), site.ann.id)
    store = site.catalogue.store
    shown = await store.torrents.torrent(site.torrent.id, UNRESTRICTED_VIEWER)
    assert shown.uploader is None
    comment = await store.comments.comment(site.comment, UNRESTRICTED_VIEWER)
    assert (comment.author.name, comment.body) == (ERASED_NAME, "said by her")
    collage = await store.collages.collage(site.collage, UNRESTRICTED_VIEWER)
    assert collage.creator.name == ERASED_NAME
    reports = (await store.moderation.reports(0, 10, resolved=False)).items
    assert {(each.subject, each.reporter.name) for each in reports} == {
        (Subject.GROUP, ERASED_NAME),
        (Subject.TORRENT, ERASED_NAME),
    }
    log = (await store.moderation.log_entries(0, 50)).items
    newest = log[0]
    assert (newest.verb, newest.target, newest.detail, newest.actor.name) == (
        "erase",
        ERASED_NAME,
        "",
        "root",
    )
    assert {each.detail for each in log if each.verb in {"set-role", "mint"}} == {""}
    assert any(each.detail == f"Other to {ERASED_NAME}" for each in log)
    assert any(each.actor is not None and each.actor.name == ERASED_NAME for each in log)
    (entry,) = await site.application.lists.find([InfoHash(b"b" * 20)], ListKind.DENY)
    assert (entry.by, entry.reason) == ("", "asked")


async def test_writings_are_deleted_where_that_is_asked(site):
    await site.catalogue.moderation.report(Subject.COMMENT, site.comment, site.other.id, "rude")
    await site.erase(Principal(site.ann), site.ann.id, Writings.DELETE, password=PASSWORD)
    store = site.catalogue.store
    assert await store.comments.comment(site.comment, UNRESTRICTED_VIEWER) is None
    assert await store.collages.collage(site.collage, UNRESTRICTED_VIEWER) is None
    rows = await site.everything()
    assert rows["bookmark"] == []
    (closed,) = (await store.moderation.reports(0, 10, resolved=True)).items
    assert closed.subject is Subject.COMMENT
    log = (await store.moderation.log_entries(0, 1)).items[0]
    assert (log.verb, log.actor, log.detail) == ("erase", None, "by its owner")


async def test_an_account_is_erased_by_whoever_knows_its_password_and_code_or_by_admins(site):
    me, root = Principal(site.ann), Principal(site.root)
    secret = await site.accounts.second_factors.begin(site.ann.id)
    step = NOW // one_time_codes.PERIOD
    await site.accounts.second_factors.confirm(site.ann, one_time_codes.code_of(secret, step))
    site.clock.now += 60
    code = one_time_codes.code_of(secret, step + 2)
    rest = Principal(site.ann, await site.accounts.key(1))
    limited = (await site.accounts.mint(site.ann.id, Scope.FEED))[0]
    for who, user, proof, refusal in (
        (me, site.ann.id, {"password": "wrong", "code": code}, "bad-credentials"),
        (rest, site.ann.id, {}, "bad-credentials"),
        (me, site.ann.id, {"password": PASSWORD, "code": "000000"}, "bad-code"),
        (Principal(site.ann, limited), site.ann.id, {"password": PASSWORD, "code": code}, "forbidden"),
        (me, site.other.id, {"password": PASSWORD}, "forbidden"),
        (NOBODY, site.other.id, {}, "unauthenticated"),
        (root, 99, {}, "not-found"),
        (root, site.root.id, {"password": PASSWORD}, "last-admin"),
        (Principal(operator="op"), site.root.id, {}, "last-admin"),
    ):
        with pytest.raises(Refusal) as raised:
            await site.erase(who, user, **proof)
        assert raised.value.code == refusal
    await site.erase(me, site.ann.id, password=PASSWORD, code=code)
    assert await site.accounts.user(site.ann.id) is None
    await site.erase(Principal(operator="op"), site.other.id)
    (entry,) = (await site.catalogue.store.moderation.log_entries(0, 1)).items
    assert (entry.verb, entry.actor, entry.detail) == ("erase", None, "by op at a terminal")


async def test_what_was_interrupted_is_finished_by_the_next_start(tmp_path):
    site = Erasing(tmp_path)
    async with site.opened():
        await site.fill()

        async def stop():
            raise OSError("the disk is full")

        site.application.erasure._write_counts = stop
        await site.erase(Principal(site.root), site.ann.id)
        rows = await site.everything()
        assert (len(rows["erasure"]), len(rows["job"])) == (1, 1)
        assert "ann.lee" not in repr(rows).lower()
        assert await site.accounts.user(site.ann.id) is None
    async with site.opened():
        await site.application.erasure.finish()
        rows = await site.everything()
        assert [rows[name] for name in ("erasure", "job", "traffic", "client_session")] == [[]] * 4
        assert site.ann.id not in {row[0] for row in rows["account"]}


async def test_what_announces_counted_is_not_written_after_the_account(site):
    site.announce(500)
    await site.erase(Principal(site.root), site.ann.id)
    await site.application.ledger.flush()
    rows = await site.everything()
    assert (rows["traffic"], rows["client_session"]) == ([], [])


async def test_nothing_is_left_of_it_in_the_list_of_log_ins(site):
    await site.accounts.log_in("ANN.LEE", PASSWORD, b"\x0a\0\0\1")
    await site.accounts.log_in("other", PASSWORD, b"\x0a\0\0\1")
    await site.erase(Principal(site.root), site.ann.id)
    assert {each.account.lower() for each in site.accounts.log.recent()} == {"other"}


async def test_webhooks_keep_no_delivery_that_names_it(site):
    webhooks, operator = site.application.webhooks, Principal(operator="op")
    records = site.application.stores.records
    for name in ("Ann.Lee", "AnnXLee"):
        body = json.dumps({"data": {"by": name}}, separators=(",", ":"))
        async with records.transaction() as transaction:
            await transaction.run(
                "INSERT INTO webhook (id, url, events, created) VALUES (1, 'u', '', 1) ON CONFLICT DO NOTHING"
            )
            await transaction.run(
                "INSERT INTO webhook_delivery (webhook_id, event, body, created, state, attempts, due, answer)"
                " VALUES (1, :event, :body, 1, :state, 1, 0, '')",
                {"body": body, "event": EventKind.EDIT.value, "state": DeliveryState.DELIVERED.value},
            )
    await site.erase(Principal(site.root), site.ann.id)
    kept = (await webhooks.deliveries(operator, 0, 9))[0]
    assert [json.loads(each.body)["data"]["by"] for each in kept] == ["AnnXLee"]


async def test_a_dump_takes_along_what_erased_accounts_left(site, tmp_path):
    await site.erase(Principal(site.root), site.ann.id)
    await site.application.catalogue_dump.write(tmp_path / "dump")
    (tmp_path / "other").mkdir()
    async with open_test_application(settings_in(tmp_path / "other"), site.clock) as other:
        results = [
            each async for each in other.catalogue_dump_import.read(tmp_path / "dump" / DUMP_FILE_NAME)
        ]
        assert {str(each.outcome) for each in results} <= {"new", "same", "changed"}
        store = other.catalogue.catalogue.store
        group = (await store.torrents.torrent(site.theirs.infohash, UNRESTRICTED_VIEWER)).group.id
        comments = (await store.comments.comments(group, 0, 9, UNRESTRICTED_VIEWER)).items
        assert [(each.author.name, each.body) for each in comments] == [(ERASED_NAME, "said by her")]
        assert await other.accounts.accounts.user(comments[0].author.id) is None
