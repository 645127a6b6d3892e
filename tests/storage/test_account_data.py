"""What is kept of an account is exported whole, without secrets and without what is another's."""

import json

import pytest
from sqlalchemy import Table

from accounts.model import Principal, Role, Scope
from catalogue.fields import CollageChange
from catalogue.model import BookmarkKind, Subject
from storage.account_data import SqlAccountData
from storage.statements.account_data import account_queries
from tests.support.clock import Clock
from tests.support.services import open_services
from tests.support.tables import PEERAGE
from tests.support.torrents import parsed, torrent

# What is no record of a person's own, or is told otherwise.
ELSEWHERE = {
    "one_time_link": "a secret",
    "recovery_code": "a secret",
    "collected": "who put a group into a collage is told by the collage",
    "content": "told by its downloads",
    "client_session": "its totals are those of the traffic",
    "erasure": "what is under way",
    "seen_address": "hashes of one day, that tell nobody an address",
}


@pytest.fixture
async def opened(tmp_path):
    opened = await open_services(tmp_path, Clock(1_700_000_000.0), {}, rates={})
    yield opened
    await opened.close()


def test_every_table_with_an_account_is_exported_or_named_here():
    owned = {
        table.name
        for table in PEERAGE.tables.values()
        if any(column.name in {"account_id", "uploader_id"} for column in table.columns)
    }
    read = {
        column.table.name
        for query in account_queries().values()
        for column in query.selected_columns
        if isinstance(getattr(column, "table", None), Table)
    }
    read.add("job")  # its columns beside those of its content
    assert owned == (read | set(ELSEWHERE)) - {"account"}


async def test_everything_of_an_account_is_told_and_nothing_of_another(opened):
    accounts, application = opened.services.accounts, opened.application
    ann, eve = [await accounts.add(name, "a good password", Role.MODERATOR) for name in ("ann", "eve")]
    catalogue, secrets = application.catalogue.catalogue, []
    for user in (ann, eve):
        secrets.append((await accounts.open_session(user.id, address=bytes((192, 0, 2, user.id))))[0])
        secrets.append((await accounts.mint(user.id, Scope.REST, f"of {user.name}"))[1])
        made = await opened.services.curation.publish(Principal(user), torrent(f"by {user.name}"), "test")
        await catalogue.comments.add(made.group.id, user.id, f"said {user.name}")
        await catalogue.collages.add(CollageChange.read({"name": f"kept by {user.name}", "kind": 0}), user.id)
        await catalogue.collages.bookmark(user.id, BookmarkKind.TORRENT, made.id, on=True)
        await catalogue.moderation.report(Subject.USER, user.id, user.id, f"seen by {user.name}")
        await catalogue.moderation.log(user.id, "hide", Subject.TORRENT, "1", f"done by {user.name}")
    store = SqlAccountData(application.stores.records)
    records = [record async for batch in store.records(ann.id) for record in batch]
    kinds = [record["kind"] for record in records]
    assert set(kinds) == {
        "account",
        "session",
        "key",
        "torrent",
        "comment",
        "collage",
        "bookmark",
        "report",
        "log",
    }
    assert kinds == sorted(kinds, key=list(account_queries()).index)
    by_kind = {record["kind"]: record for record in records}
    assert by_kind["account"]["name"] == "ann"
    assert by_kind["account"]["enabled"] is True
    assert by_kind["session"]["address"] == f"192.0.2.{ann.id}"
    assert by_kind["torrent"]["info_hash"] == parsed(torrent("by ann")).infohash.lower
    assert by_kind["bookmark"]["of"] == "torrent"
    text = json.dumps(records)
    assert "eve" not in text
    assert "password" not in text
    assert "digest" not in text
    assert not any(secret in text for secret in secrets)
