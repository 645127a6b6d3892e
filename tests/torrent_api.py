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
from accounts.attempts import Attempts
from accounts.model import Role, Scope
from accounts.passwords import Passwords
from accounts.rights import Right, Rights
from accounts.secrets import Secrets
from actions.cataloguing import Cataloguer
from actions.curation import Curation
from actions.membership import Membership
from actions.takedowns import Takedowns
from actions.uploads import Uploads
from actions.verdicts import Verdicts
from bittorrent.infohash import InfoHash
from cache.torrents import Quota, TorrentCache
from catalogue.catalogue import Catalogue
from catalogue.model import EVERYONE, Contents, Reading, Sheet, Torrent
from catalogue.search import Search
from catalogue.titles import Title
from doors import cache as cache_door
from doors import torrent_api
from doors.allowance import Allowances
from doors.client import ClientAddress
from doors.identity import Identity
from doors.intake import Intake, Tally
from doors.limits import BodyMemory, Rates
from doors.office import Office
from doors.transfers import Transfers
from downloads.downloads import Downloads
from downloads.limits import Limits
from downloads.links import KEY_BYTES, Links
from lists.infohashes import Lists
from storage import schema
from storage.accounts import SqliteAccounts
from storage.catalogue import catalogue_shelf
from storage.files import FileBlobs
from storage.lists import SqliteEntries
from storage.records import SqliteRecords
from storage.search import SearchIndex
from tests import census
from tests.cache_service import NoPolicy
from tests.databases import open_database
from tests.places import lookups_over
from tracker.model import NOTHING, Counts, Totals

FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class SomeTitles:
    """IMDb titles in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[int, Title] = {}

    async def find(self, title: str, year: int | None, series: bool) -> Title | None:
        return None

    async def get(self, number: int) -> Title | None:
        return self.kept.get(number)


class Desk:
    """A client of the API and of the cache's routes, with their stores; `swarms` are the counts of live swarms."""

    def __init__(self, folder: Path, rate: str, *, documented_errors: bool, readable: bool) -> None:
        self.swarms: dict[InfoHash, Counts] = {}
        self.titles = SomeTitles()
        self.clock = census.Clock()
        self._runner = asyncio.Runner()
        self._stack = contextlib.AsyncExitStack()
        try:
            self.office = self.run(self._open(folder, rate, readable))
        except BaseException:
            # An open connection has a thread, which would outlive the tests.
            self.run(self._stack.aclose())
            raise
        admission = Intake(
            self.office.uploads, self.office.clients, Rates("60/minute"), BodyMemory(1 << 20), Tally(), None
        )
        routes = [
            *torrent_api.routes(self.office, self.titles, documented_errors=documented_errors),
            *cache_door.routes(self.office.cache, admission),
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

    async def _open(self, folder: Path, rate: str, readable: bool) -> Office:
        clock = self.clock
        counted = await self._stack.enter_async_context(census.office(folder / "data", clock))
        self.counted = counted
        database = await open_database(folder / "peerage.db", schema.PEERAGE, "FULL")
        self._stack.push_async_callback(database.close)
        blobs = FileBlobs(folder / "torrents")
        await blobs.open()
        cache = TorrentCache(blobs, SqliteRecords(database), Quota(1000, 1 << 40, 0), clock)
        self.accounts = Accounts(
            SqliteAccounts(database),
            Secrets(bytes(32), _random()),
            Passwords(2, _random(), hasher=FAST),
            Attempts("1000/minute", clock),
            clock,
            session_lifetime=86_400,
            keys_per_user=100,
        )
        rights = Rights(frozenset({Right.READ} if readable else ()))
        index = SearchIndex(database, 10_000, 10.0)
        catalogue = Catalogue(catalogue_shelf(database, index, clock), clock)
        takedowns = Takedowns(
            cache,
            catalogue,
            Lists(SqliteEntries(database)),
            NoPolicy(),
            clock,
            blocked=(counted.census.forget,),
        )
        uploads = Uploads(cache, takedowns, catalogue, Cataloguer(self.titles), clock)
        return Office(
            catalogue=catalogue,
            search=Search(index),
            curation=Curation(catalogue, uploads, takedowns, rights),
            membership=Membership(self.accounts, catalogue, rights, registration=False),
            accounts=self.accounts,
            rights=rights,
            uploads=uploads,
            takedowns=takedowns,
            verdicts=Verdicts(takedowns, catalogue, rights),
            cache=cache,
            lookups=lookups_over(uploads, cache, takedowns),
            downloads=Downloads(Limits(), None),
            links=Links(bytes(KEY_BYTES), 3600, clock),
            transfers=Transfers(8, 8),
            files_url=None,
            census=counted.census,
            scrape=lambda infohash: self.swarms.get(infohash, NOTHING),
            swarms=lambda: Totals(0, 0, 0, 0),
            identity=Identity(self.accounts, secure=False),
            allowances=Allowances({"torrent_api": rate}, clock),
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
            self.office.catalogue.enter(Sheet(**known), Reading("read from " + name, "Unsorted"))
        )
        if group:
            self.run(self.office.catalogue.edit_group(torrent.group.id, group))
        return self.run(self.office.catalogue.torrent(torrent.id, EVERYONE))

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
def desk_in(
    folder: Path, rate: str = "100000/minute", *, documented_errors: bool = False, readable: bool = True
) -> Iterator[Desk]:
    """A client over stores in a folder; it is closed with the block."""
    api = Desk(folder, rate, documented_errors=documented_errors, readable=readable)
    try:
        yield api
    finally:
        api.close()


def _random() -> Any:
    count = iter(range(1 << 30))
    return lambda size: hashlib.shake_128(str(next(count)).encode()).digest(size)
