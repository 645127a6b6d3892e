"""Races that one writer hid: two processes over one database, and who wins is decided there."""

import asyncio
import json
import subprocess
import sys

import pytest
from sqlalchemy import insert, select

from storage.postgresql.database import PostgresqlDatabase
from storage.schema import PEERAGE
from storage.statements.rows import new_row
from storage.tables.accounts import account
from storage.tables.cache import record
from storage.tables.catalogue import torrent
from storage.tables.jobs import content, job
from storage.tables.members import invitation
from tests.support.postgresql import shared_server
from tests.support.processes import ROOT, environment
from tests.support.racing_node import NOW, ROUNDS, torrent_of
from tests.support.torrents import parsed

pytestmark = pytest.mark.clients


@pytest.fixture
async def database():
    opened = await PostgresqlDatabase.open(await shared_server().migrated(PEERAGE), PEERAGE, 2)
    add = opened.dialect.compile(insert(account).values(**new_row(account)))
    blank = {"password": None, "role": "user", "enabled": 1, "joined": 1, "seen": None}
    async with opened.transaction() as transaction:
        await transaction.run_many(add, [{"name": f"U{n}", "folded": f"u{n}", **blank} for n in (1, 2)])
    yield opened
    await opened.close()


@pytest.fixture
def race(database, tmp_path):
    """Run two acts in a process each, begun together; return what came of the rounds of both."""
    url = database._writers._server.url

    def run(*acts):
        nodes = []
        try:
            for number, act in enumerate(acts, start=1):
                (tmp_path / str(number)).mkdir()
                arguments = [url, str(tmp_path / str(number)), act, str(number)]
                nodes.append(
                    subprocess.Popen(
                        [sys.executable, "-m", "tests.support.racing_node", *arguments],
                        stdin=subprocess.PIPE,
                        stdout=subprocess.PIPE,
                        cwd=ROOT,
                        env=environment({}),
                        text=True,
                    )
                )
            for node in nodes:
                while "ready" not in (line := node.stdout.readline()):
                    assert line, "a node ended"
            for node in nodes:
                node.stdin.write("\n")
                node.stdin.flush()
            found = []
            for node in nodes:
                while not (line := node.stdout.readline()).startswith("["):
                    assert line, "a node ended"
                found.append(json.loads(line))
            return found
        finally:
            for node in nodes:
                node.communicate("\n", timeout=60)

    return lambda *acts: asyncio.to_thread(run, *acts)


async def column(database, *columns):
    return await database.rows(database.dialect.compile(select(*columns)))


async def test_a_torrent_that_enters_over_two_nodes_has_one_record_and_one_owner(database, race):
    first, second = await race("upload", "upload")
    owners = dict(await column(database, torrent.c.infohash, torrent.c.uploader_id))
    assert len(owners) == len(await column(database, record.c.infohash)) == ROUNDS
    for number, (one, other) in enumerate(zip(first, second, strict=True)):
        owner = owners[parsed(torrent_of(number)).infohash]
        # Whoever comes second is told that it is another's.
        assert (other if owner == 1 else one) == "owned"
        assert (one if owner == 1 else other) in {True, False}


async def test_of_a_torrent_that_is_blocked_while_it_enters_nothing_is_left(database, race):
    uploaded, blocked = await race("upload", "block")
    assert blocked == [True] * ROUNDS
    assert set(uploaded) <= {True, "blocked"}
    assert await column(database, torrent.c.infohash) == []
    assert await column(database, record.c.infohash) == []


async def test_an_invitation_is_claimed_once(database, race):
    add = database.dialect.compile(insert(invitation).values(**new_row(invitation)))
    blank = {"inviter": 1, "created": NOW, "expires": NOW + 1000, "claimed": 0, "account_id": None}
    async with database.transaction() as transaction:
        await transaction.run_many(add, [{"digest": b"%032d" % n, **blank} for n in range(ROUNDS)])
    first, second = await race("claim", "claim")
    assert [one + other for one, other in zip(first, second, strict=True)] == [1] * ROUNDS


async def test_content_that_two_nodes_take_is_there_once(database, race):
    first, second = await race("take", "take")
    assert len(await column(database, content.c.id)) == len(await column(database, job.c.id)) == ROUNDS
    for one, other in zip(first, second, strict=True):
        assert (one == "there") != (other == "there")
