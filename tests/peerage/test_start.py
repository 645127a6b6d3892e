"""What a service answers while it is still starting: everything that is right, and nothing that is blocked."""

import asyncio
from pathlib import Path
from urllib.parse import quote_from_bytes

import httpx

from bittorrent.infohash import InfoHash
from lists.infohashes import ListEntry, ListKind
from peerage.listeners import Listeners
from peerage.routes import make_served
from peerage.wiring.application import open_application
from peerage.wiring.environment import Environment
from storage.leftovers import SqlLeftovers
from tests.support.application import QUICK, open_test_application, settings_in
from tests.support.clock import NOON
from tests.support.torrents import hybrid_torrent, parsed, v1_torrent

HELD, BLOCKED, LOST = (v1_torrent(name) for name in ("held", "blocked", "lost"))
NAMES = {data: parsed(data).infohash for data in (HELD, BLOCKED, LOST)}


async def left_by_a_kill(folder: Path) -> None:
    """Make a data folder: a torrent that is held, one whose block was written alone, and a file without its record."""
    async with open_test_application(settings_in(folder), lambda: float(NOON)) as application:
        for data in (HELD, BLOCKED, LOST):
            await application.torrents.uploads.accept(data, "test")
        await application.lists.set(ListEntry(NAMES[BLOCKED], ListKind.DENY, "law", "op", NOON))
        async with application.stores.records.transaction() as transaction:
            await transaction.run(
                "DELETE FROM record WHERE infohash = :infohash", {"infohash": bytes(NAMES[LOST])}
            )


def announce(infohash: InfoHash) -> str:
    """The path of an announce."""
    return f"/announce?info_hash={quote_from_bytes(infohash)}&peer_id={'p' * 20}&port=1&left=0"


def file(data: bytes) -> str:
    """The path of a torrent's file."""
    return f"/torrent/{NAMES[data].upper}.torrent"


async def test_requests_wait_for_takedowns_and_not_for_files(tmp_path: Path) -> None:
    await left_by_a_kill(tmp_path)
    environment = Environment(password_hasher=QUICK)
    async with open_application(settings_in(tmp_path), environment, started=False) as application:
        await application.prepare()
        application.tracker.tracker.restoring = True
        finished = asyncio.Event()
        app = make_served(application, Listeners(application), finished)
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            held, blocked = [asyncio.create_task(client.get(file(data))) for data in (HELD, BLOCKED)]
            record = asyncio.create_task(client.get(f"/api/torrents/{NAMES[BLOCKED].upper}"))
            assert b"Torrent is blocked" in (await client.get(announce(NAMES[BLOCKED]))).content
            assert b"Tracker is starting" in (await client.get(announce(NAMES[HELD]))).content
            health = await client.get("/healthz")
            assert (health.status_code, health.json()["files"]) == (200, "reconciling, 0 % done")
            assert "peerage_files_reconciled_ratio 0.0" in (await client.get("/metrics")).text
            assert [each.done() for each in (held, blocked, record)] == [False] * 3

            await application.takedowns.finish()
            finished.set()
            assert [(await each).status_code for each in (held, blocked, record)] == [200, 404, 404]
            assert (await client.get(file(LOST))).status_code == 404

            await application.take_up()
            await application.reconciliation.run()
            assert (await client.get(file(LOST))).content == LOST
            assert "peerage_files_reconcile_recorded_total 1.0" in (await client.get("/metrics")).text


def content_row(infohash: InfoHash) -> dict[str, object]:
    """A row of content that nobody downloads."""
    numbers = ("size", "known", "private", "begun", "complete", "rested", "downloaded", "uploaded", "added")
    return {"infohash": infohash, "name": "", "files": b""} | dict.fromkeys(numbers, 0)


async def test_what_is_left_of_blocked_torrents_is_found_by_any_of_their_names(tmp_path: Path) -> None:
    hybrid = hybrid_torrent()
    async with open_test_application(settings_in(tmp_path), lambda: float(NOON)) as application:
        for data in (HELD, BLOCKED, hybrid):
            await application.torrents.uploads.accept(data, "test")
        left = SqlLeftovers(application.stores.records)

        async def found() -> list[InfoHash]:
            return sorted({name async for names in left.names(1) for name in names})

        first, second = parsed(hybrid).infohash, parsed(hybrid).v2
        assert second is not None
        assert await found() == []
        await application.lists.set(ListEntry(NAMES[BLOCKED], ListKind.DENY, "law", "op", NOON))
        await application.lists.set(ListEntry(second, ListKind.DENY, "law", "op", NOON))
        await application.lists.set(ListEntry(NAMES[LOST], ListKind.DENY, "law", "op", NOON))
        await application.lists.set(ListEntry(NAMES[HELD], ListKind.ALLOW, "ours", "op", NOON))
        stored = sorted([NAMES[BLOCKED], second.truncated])
        assert await found() == stored
        async with application.stores.records.transaction() as transaction:
            await transaction.run("DELETE FROM record")
        assert await found() == stored
        await application.takedowns.finish()
        assert await found() == []
        assert await application.catalogue_records.store.torrents.known([first, NAMES[HELD]]) == {NAMES[HELD]}
        async with application.stores.records.transaction() as transaction:
            for name, long in ((NAMES[LOST], None), (first, second)):
                row = content_row(name) | {"v2": long}
                await transaction.run(
                    f"INSERT INTO content ({', '.join(row)}) VALUES (:{', :'.join(row)})", row
                )
        assert await found() == sorted([NAMES[LOST], first, second.truncated])
        async with application.stores.records.transaction() as transaction:
            await transaction.run("DELETE FROM spelling WHERE hash = :hash", {"hash": NAMES[LOST]})
        assert NAMES[LOST] in await found()
