"""A test client of the Torrent API: SQLite stores in a folder, and a clock set by hand."""

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher
from starlette.applications import Starlette

from accounts.accounts import Accounts
from accounts.login_throttle import LoginThrottle
from accounts.model import Role, Scope
from accounts.passwords import Passwords
from accounts.rights import Right, Rights
from accounts.secrets import Secrets
from actions.account_management import AccountManagement
from actions.curation import Curation
from actions.list_moderation import ListModeration
from actions.release_parser import ImdbReleaseParser
from actions.takedowns import Takedowns
from actions.uploads import Uploads
from bittorrent.infohash import InfoHash
from cache.torrents import Quota, TorrentCache
from catalogue.catalogue import Catalogue
from catalogue.fields import GroupChange
from catalogue.imdb_titles import ImdbTitle
from catalogue.model import PUBLIC_VIEWER, Contents, MetainfoSummary, ParsedRelease, Torrent
from catalogue.search import Search
from doors import cache as cache_door
from doors import torrent_api
from doors.authentication import Authenticator
from doors.client_address import ClientAddress
from doors.rate_limits import RateLimits
from doors.request_limits import BodyMemory, RateLimiter
from doors.services import Services
from doors.transfers import Transfers
from doors.upload_admission import CacheCounters, UploadAdmission
from downloads.downloads import Downloads
from downloads.limits import DownloadLimits
from downloads.links import KEY_BYTES, DownloadLinks
from lists.infohashes import Lists
from storage import schema
from storage.accounts import SqlAccounts
from storage.cache_records import SqlCacheRecords
from storage.catalogue import catalogue_store
from storage.files import FileBlobs
from storage.lists import SqlListEntries
from storage.sqlite.search.index import SqliteSearchIndex
from tests.support import census
from tests.support.cache_server import NoPolicy
from tests.support.clock import Clock
from tests.support.databases import open_database
from tests.support.lookups import make_lookups
from tracker.model import ZERO_COUNTS, Counts, SwarmTotals

FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class SomeTitles:
    """IMDb titles in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[int, ImdbTitle] = {}

    async def find(self, title: str, year: int | None, series: bool) -> ImdbTitle | None:
        return None

    async def get(self, number: int) -> ImdbTitle | None:
        return self.kept.get(number)


class TorrentApiClient:
    """A client of the API and of the cache's routes, with their stores; `swarms` are the counts of live swarms."""

    def __init__(self, folder: Path, rate: str, *, documented_errors: bool, readable: bool) -> None:
        self.swarms: dict[InfoHash, Counts] = {}
        self.titles = SomeTitles()
        self.clock = Clock()
        self._runner = asyncio.Runner()
        self._stack = contextlib.AsyncExitStack()
        try:
            self.services = self.run(self._open(folder, rate, readable))
        except BaseException:
            # An open connection has a thread, which would outlive the tests.
            self.run(self._stack.aclose())
            raise
        admission = UploadAdmission(
            self.services.uploads,
            self.services.clients,
            RateLimiter("60/minute"),
            BodyMemory(1 << 20),
            CacheCounters(),
            None,
        )
        routes = [
            *torrent_api.routes(self.services, self.titles, documented_errors=documented_errors),
            *cache_door.routes(self.services.cache, admission),
        ]
        transport = httpx.ASGITransport(Starlette(routes=routes), client=("127.0.0.1", 1))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://api.test")
        self.user = self.run(self.accounts.add("ann", "correct horse battery staple", Role.USER))
        self.key = self.mint()

    def run(self, coroutine: Any) -> Any:
        """Await something in the client's event loop."""
        return self._runner.run(coroutine)

    def close(self) -> None:
        """End what was opened."""
        self.run(self.client.aclose())
        self.run(self.accounts.close())
        self.run(self._stack.aclose())
        self._runner.close()

    async def _open(self, folder: Path, rate: str, readable: bool) -> Services:
        clock = self.clock
        counted = await self._stack.enter_async_context(census.open_census(folder / "data", clock))
        self.counted = counted
        database = await open_database(folder / "peerage.db", schema.PEERAGE, "FULL")
        self._stack.push_async_callback(database.close)
        blobs = FileBlobs(folder / "torrents")
        await blobs.open()
        cache = TorrentCache(blobs, SqlCacheRecords(database), Quota(1000, 1 << 40, 0), clock)
        self.accounts = Accounts(
            SqlAccounts(database),
            Secrets(bytes(32), _random()),
            Passwords(2, _random(), hasher=FAST),
            LoginThrottle("1000/minute", clock),
            clock,
            session_lifetime=86_400,
            keys_per_user=100,
        )
        rights = Rights(frozenset({Right.READ} if readable else ()))
        index = SqliteSearchIndex(database, 10_000, 10.0)
        self.catalogue = catalogue = Catalogue.over(catalogue_store(database, index, clock), clock)
        takedowns = Takedowns(
            cache,
            catalogue.store.torrents,
            Lists(SqlListEntries(database)),
            NoPolicy(),
            clock,
            on_blocked=(counted.census.forget,),
        )
        uploads = Uploads(cache, takedowns, catalogue, ImdbReleaseParser(self.titles), clock)
        return Services(
            catalogue=catalogue.store,
            search=Search(index),
            curation=Curation(catalogue, uploads, takedowns, rights),
            account_management=AccountManagement(
                self.accounts, catalogue.moderation, rights, registration=False
            ),
            accounts=self.accounts,
            rights=rights,
            uploads=uploads,
            takedowns=takedowns,
            list_moderation=ListModeration(takedowns, catalogue.moderation, rights),
            cache=cache,
            lookups=make_lookups(uploads, cache, takedowns),
            downloads=Downloads(DownloadLimits(), None),
            links=DownloadLinks(bytes(KEY_BYTES), 3600, clock),
            transfers=Transfers(8, 8),
            files_url=None,
            census=counted.census,
            scrape=lambda infohash: self.swarms.get(infohash, ZERO_COUNTS),
            swarms=lambda: SwarmTotals(0, 0, 0, 0),
            authenticator=Authenticator(self.accounts, secure=False),
            rate_limits=RateLimits({"torrent_api": rate}, clock),
            clients=ClientAddress([], "x-forwarded-for"),
            memory=BodyMemory(1 << 20),
            public_url=None,
            site_name="The Site",
            token_lifetime=86_400,
            clock=clock,
        )

    def mint(self, scope: Scope = Scope.TORRENT_API, **more: Any) -> str:
        """Make a key of the account."""
        return self.run(self.accounts.mint(self.user.id, scope, **more))[1]

    def enter(self, name: str, *, group: Mapping[str, object] | None = None, **more: Any) -> Torrent:
        """Add a torrent to the catalogue, and edit its group."""
        infohash = InfoHash(hashlib.sha1(name.encode("utf-8", "replace")).digest())
        known: dict[str, Any] = {"infohash": infohash, "alias": None, "name": name, "root": "", "size": 1000}
        known |= {"private": False, "held": False, "comment": "", "contents": Contents()}
        known |= {"added": int(self.clock.now)} | more
        torrent, _ = self.run(
            self.catalogue.torrents.add(
                MetainfoSummary(**known), ParsedRelease("read from " + name, "Unsorted")
            )
        )
        if group:
            self.run(self.catalogue.groups.edit(torrent.group.id, GroupChange.read(group)))
        return self.run(self.catalogue.store.torrents.torrent(torrent.id, PUBLIC_VIEWER))

    def ask(self, path: str, method: str = "GET", **parameters: Any) -> httpx.Response:
        """Send a request with the client's key, unless another is given or None."""
        asked = {"key": self.key} | parameters
        query = {name: value for name, value in asked.items() if value is not None}
        return self.run(self.client.request(method, path, params=query))

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the body of a request that succeeds."""
        answer = self.ask(path, **parameters)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        return answer.json()

    def post(self, path: str = "/torrent/add", **options: Any) -> httpx.Response:
        """Send a form or any other body."""
        return self.run(self.client.post(path, **options))


@contextlib.contextmanager
def open_torrent_api(
    folder: Path, rate: str = "100000/minute", *, documented_errors: bool = False, readable: bool = True
) -> Iterator[TorrentApiClient]:
    """A client over stores in a folder; it is closed with the block."""
    api = TorrentApiClient(folder, rate, documented_errors=documented_errors, readable=readable)
    try:
        yield api
    finally:
        api.close()


def _random() -> Any:
    count = iter(range(1 << 30))
    return lambda size: hashlib.shake_128(str(next(count)).encode()).digest(size)
