"""Lookups caused by a request: `?wait=` of the cache, and `add` of the Torrent API."""

from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
from starlette.applications import Starlette

from accounts.model import Role, Scope
from bittorrent.metainfo import Metainfo
from doors import cache, torrent_api
from doors.lookup_on_miss import LookupOnMiss
from doors.request_limits import RateLimiter
from doors.torrent_api import TorrentApiServices
from doors.upload_admission import CacheCounters, UploadAdmission
from tests.support.lookups import FakeSource, make_lookups
from tests.support.services import open_services
from tests.support.tasks import until
from tests.support.torrents import torrent

DATA = torrent("waited for")
HASH = Metainfo.parse(DATA).infohash
PATH = f"/torrent/{HASH.upper}.torrent"


class NoTitles:
    async def get(self, number):
        return None


@asynccontextmanager
async def asking(folder, place, *, rate="1000/minute", **terms):
    """A client of the routes, their services, and what makes a key of a scope."""
    opened = await open_services(folder, lambda: 1_800_000_000.0, {}, rates={"torrent_api": "1000/minute"})
    services = opened.services
    user = await services.accounts.add("ann", "correct horse battery staple", Role.USER)
    lookups = make_lookups(services.uploads, services.cache, services.takedowns, (place,), **terms)
    object.__setattr__(services, "lookups", lookups)
    uploads = UploadAdmission(services.uploads, services.admission, RateLimiter(rate), CacheCounters())
    routes = [
        *torrent_api.routes(replace(services, titles=NoTitles()).of(TorrentApiServices)),
        *cache.routes(services.cache, uploads, services.files, lookups=LookupOnMiss(lookups, uploads)),
    ]
    transport = httpx.ASGITransport(Starlette(routes=routes), client=("127.0.0.1", 1))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as client:

            async def key(scope):
                return (await services.accounts.mint(user.id, scope))[1]

            yield client, services, key
    finally:
        await lookups.close()
        await opened.close()


async def test_wait_fetches_a_torrent_and_names_its_source(tmp_path):
    async with asking(tmp_path, FakeSource(answers={HASH: DATA})) as (client, _, key):
        headers = {"Authorization": f"Bearer {await key(Scope.REST)}"}
        first, second = [await client.get(PATH, params={"wait": 10}, headers=headers) for _ in range(2)]
    assert (first.status_code, first.content, first.headers["x-peerage-source"]) == (200, DATA, "swarm")
    assert (second.content, "x-peerage-source" in second.headers) == (DATA, False)


async def test_no_lookup_without_an_account_or_without_wait(tmp_path):
    place = FakeSource(answers={HASH: DATA})
    async with asking(tmp_path, place) as (client, _, _):
        assert (await client.get(PATH)).status_code == 404
        assert (await client.get(PATH, params={"wait": 10})).status_code == 403
    assert place.asked == []


async def test_anonymous_lookups_where_allowed_count_as_uploads(tmp_path):
    async with asking(tmp_path, FakeSource(), anonymous=True, rate="2/minute") as (client, _, _):
        answers = [await client.get(PATH, params={"wait": 1}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [404, 404, 429]


@pytest.mark.parametrize("wait", ["", "-1", "1e9", "x", "٣", "0", "9" * 500])
async def test_any_value_of_wait_is_answered_in_time(tmp_path, wait):
    async with asking(tmp_path, FakeSource(), anonymous=True) as (client, _, _):
        answer = await client.get(PATH, params={"wait": wait})
    assert answer.status_code == 404
    assert "no-store" in answer.headers["cache-control"]


async def test_another_site_causes_no_lookup(tmp_path):
    place = FakeSource(answers={HASH: DATA})
    async with asking(tmp_path, place, anonymous=True) as (client, _, _):
        answer = await client.get(PATH, params={"wait": 1}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert place.asked == []


async def test_a_torrent_added_by_infohash_is_looked_up(tmp_path):
    async with asking(tmp_path, FakeSource(answers={HASH: DATA})) as (client, services, key):
        secret = await key(Scope.TORRENT_API)
        answer = await client.post("/torrent/add", params={"key": secret, "infohash": HASH.lower})
        await until(lambda: not services.lookups.under_way)
        info = await client.get(f"/torrent/info/{HASH.lower}", params={"key": secret})
    assert answer.status_code == 200
    assert info.json()["torrentName"] == "waited for"
