"""A test client of the Torrent API: SQLite stores in a folder, and a clock set by hand."""

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from accounts.model import Role, Scope
from accounts.rights import Right
from bittorrent.infohash import InfoHash
from catalogue.fields import GroupChange
from catalogue.imdb_titles import ImdbTitle
from catalogue.model import PUBLIC_VIEWER, Contents, MetainfoSummary, ParsedRelease, Torrent
from doors import cache as cache_door
from doors import torrent_api
from doors.request_limits import RateLimiter
from doors.security_headers import SecurityHeaders
from doors.torrent_api import TorrentApiServices
from doors.upload_admission import CacheCounters, UploadAdmission
from tests.support.census import CensusDriver
from tests.support.clock import Clock
from tests.support.services import AllServices, open_services
from tracker.model import Counts


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

    def __init__(self, folder: Path, rate: str, *, readable: bool, **options: Any) -> None:
        self.swarms: dict[InfoHash, Counts] = {}
        self.titles = SomeTitles()
        self.clock = Clock()
        self._runner = asyncio.Runner()
        self.services = self.run(self._open(folder, rate, readable))
        uploads = UploadAdmission(
            self.services.uploads, self.services.admission, RateLimiter("60/minute"), CacheCounters()
        )
        routes = [
            *torrent_api.routes(self.services.of(TorrentApiServices), **options),
            *cache_door.routes(self.services.cache, uploads, self.services.files),
        ]
        transport = httpx.ASGITransport(SecurityHeaders(Starlette(routes=routes)), client=("127.0.0.1", 1))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://api.test")
        self.user = self.run(self.accounts.add("ann", "correct horse battery staple", Role.USER))
        self.key = self.mint()

    def run(self, coroutine: Any) -> Any:
        """Await something in the client's event loop."""
        return self._runner.run(coroutine)

    def close(self) -> None:
        """End what was opened."""
        self.run(self.client.aclose())
        self.run(self.opened.close())
        self._runner.close()

    async def _open(self, folder: Path, rate: str, readable: bool) -> AllServices:
        self.opened = await open_services(
            folder,
            self.clock,
            self.swarms,
            rates={"torrent_api": rate},
            anonymous=frozenset({Right.READ} if readable else ()),
            titles=self.titles,
            release_parser=None,
        )
        application = self.opened.application
        self.accounts = application.accounts.accounts
        self.catalogue = application.catalogue.catalogue
        tracker = application.tracker
        self.counted = CensusDriver(tracker.census, tracker.tracker.store, self.clock)
        return self.opened.services

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
    folder: Path, rate: str = "100000/minute", *, readable: bool = True, **options: Any
) -> Iterator[TorrentApiClient]:
    """A client over stores in a folder; it is closed with the block. `options` are those of the dialect's routes."""
    api = TorrentApiClient(folder, rate, readable=readable, **options)
    try:
        yield api
    finally:
        api.close()
