"""A test client of the TorBox and qBittorrent APIs: real jobs in a folder, and an engine that fetches when told to."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha1
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from accounts.model import Role, Scope
from actions.download_hooks import DownloadHooks
from actions.lookups import Lookups, LookupSettings
from bittorrent.bencode import encode
from bittorrent.infohash import InfoHash
from bittorrent.metainfo import Metainfo
from doors.qbittorrent.context import QbittorrentServices
from doors.qbittorrent.door import routes as qbittorrent_routes
from doors.security_headers import SecurityHeaders
from doors.torbox.context import TorboxServices
from doors.torbox.door import routes
from downloads.downloads import DownloadBackend, Downloads
from downloads.engine import Finished, MetadataReceived
from downloads.folder import ContentFolder
from downloads.limits import DownloadLimits
from downloads.links import DownloadLinks
from downloads.model import ContentKey, ContentStatus, JobState
from storage.jobs import SqlJobs
from tests.support.clock import Clock
from tests.support.downloads import FakeEngine
from tests.support.services import open_services
from tracker.model import Counts

BASE = "/v1/api"
FETCHING = ContentStatus(
    JobState.DOWNLOADING,
    progress=0.25,
    down_rate=2**33,
    up_rate=7,
    seeds=3,
    peers=4,
    eta=60,
    downloaded=25,
    uploaded=5,
    availability=1.5,
    tracker="http://t/a",
    tracker_message="ok",
)
NOON = 1_729_555_623.0  # 2024-10-22T00:07:03Z
RATES = {"torbox": "1000000/minute", "qbittorrent": "1000000/minute", "downloads_create": "60/hour"}


class TorboxClient:
    """A client of the API with two accounts, and the services behind it."""

    def __init__(self, folder: Path, *, installed: bool, rates: dict[str, str], **limits: int) -> None:
        self.clock = Clock(NOON)
        self.swarms: dict[InfoHash, Counts] = {}
        self.engine = FakeEngine(FETCHING)
        self._runner = asyncio.Runner()
        self.run(self._open(folder, rates, DownloadLimits(**{"min_free_disk": 0, **limits}), installed))
        transport = httpx.ASGITransport(
            SecurityHeaders(
                Starlette(
                    routes=[
                        *routes(self.services.of(TorboxServices)),
                        *qbittorrent_routes(self.services.of(QbittorrentServices)),
                    ]
                )
            ),
            client=("127.0.0.1", 1),
        )
        self.client = httpx.AsyncClient(transport=transport, base_url="http://box.test")
        self.users = [self.run(self._user(name)) for name in ("ann", "bob")]
        self.key, self.other = (self.mint(each) for each in self.users)

    async def _user(self, name: str) -> int:
        user = await self.services.accounts.add(name, "correct horse battery staple", Role.USER)
        return int(user.id)

    async def _open(
        self, folder: Path, rates: dict[str, str], limits: DownloadLimits, installed: bool
    ) -> None:
        self.opened = await open_services(folder, self.clock, self.swarms, rates=RATES | rates)
        services = self.opened.services
        content = self.folder = ContentFolder(folder / "content")
        hooks = DownloadHooks(services.takedowns, services.uploads)
        jobs = SqlJobs(self.opened.application.stores.records)
        backend = DownloadBackend(self.engine, jobs, content, hooks, self.clock)
        self.downloads = Downloads(limits, backend if installed else None)
        await self.downloads.load()
        await self.downloads.begin()
        self.lookups = Lookups(
            services.uploads, services.cache, services.takedowns, (), LookupSettings(), timer=self.clock
        )
        links = DownloadLinks(bytes(32), 3600, self.clock)
        self.pages: dict[str, bytes] = {}
        self.services = replace(
            services,
            downloads=self.downloads,
            lookups=self.lookups,
            links=links,
            download_limits=limits,
            fetch_torrent=self._fetch,
        )

    async def _fetch(self, url: str) -> bytes | None:
        return self.pages.get(url)

    def run(self, coroutine: Any) -> Any:
        """Await something in the client's event loop."""
        return self._runner.run(coroutine)

    def close(self) -> None:
        """End what was opened."""
        self.run(self.client.aclose())
        self.run(self.lookups.close())
        self.run(self.downloads.stop())
        self.run(self.opened.close())
        self._runner.close()

    def mint(self, user: int, scope: Scope = Scope.TORBOX, **more: Any) -> str:
        """Make a key of an account."""
        return str(self.run(self.services.accounts.mint(user, scope, **more))[1])

    def ask(self, verb: str, path: str, *, key: str | None = "", **options: Any) -> httpx.Response:
        """Ask with the first account's key, another one or, with None, none."""
        headers = {} if key is None else {"Authorization": f"Bearer {key or self.key}"}
        headers |= options.pop("headers", {})
        return self.run(self.client.request(verb, BASE + path, headers=headers, **options))

    def get(self, path: str, **options: Any) -> Any:
        """Return the data of an answer that must be a success."""
        return data(self.ask("GET", path, **options))

    def add(self, torrent: bytes, *, key: str = "", **fields: Any) -> int:
        """Add a torrent; return the job's id."""
        answer = self.ask(
            "POST", "/torrents/createtorrent", key=key, files={"file": ("file", torrent)}, data=fields
        )
        return int(data(answer)["torrent_id"])

    def finish(self, torrent: bytes) -> None:
        """Let the engine finish a torrent."""
        names = set(Metainfo.parse(torrent).infohashes)
        for key in [key for key in self.engine.requests if key.infohash in names]:
            self.run(self._emit(Finished(key)))

    def learn(self, torrent: bytes) -> None:
        """Let the engine receive the metadata of a torrent that was added by its hash."""
        self.run(self._emit(MetadataReceived(ContentKey(Metainfo.parse(torrent).infohash), torrent)))

    async def _emit(self, event: Any) -> None:
        self.engine.on_event(event)
        await self.downloads.jobs(1, 0, 1)
        await self.settle()

    async def settle(self) -> None:
        """Wait until the jobs' background work has ended."""
        await self.downloads.drain()


@contextlib.contextmanager
def open_torbox(
    folder: Path, *, installed: bool = True, rates: dict[str, str] | None = None, **limits: int
) -> Iterator[TorboxClient]:
    """A client over stores in a folder; it is closed with the block."""
    api = TorboxClient(folder, installed=installed, rates=rates or {}, **limits)
    try:
        yield api
    finally:
        api.close()


def data(answer: httpx.Response) -> Any:
    """Check the envelope of a success; return its data."""
    body = answer.json()
    assert answer.status_code == 200, answer.text
    assert list(body) == ["success", "error", "detail", "data"]
    assert (body["success"], body["error"]) == (True, None)
    assert body["detail"]
    return body["data"]


def error(answer: httpx.Response) -> tuple[int, str]:
    """Check the envelope of an error; return its status and code."""
    body = answer.json()
    assert list(body) == ["success", "error", "detail", "data"]
    assert body["success"] is False
    assert isinstance(body["detail"], str)
    assert body["detail"]
    return answer.status_code, body["error"]


def torrent_of(name: str, *files: str, private: bool = False) -> bytes:
    """A torrent of several files in a folder, or without any of one file."""
    info: dict[bytes, Any] = {b"name": name.encode(), b"piece length": 16384}
    info |= {b"private": 1} if private else {}
    if files:
        info[b"files"] = [
            {b"length": 5, b"path": [part.encode() for part in file.split("/")]} for file in files
        ]
    else:
        info[b"length"] = 5
    info[b"pieces"] = sha1(name.encode(), usedforsecurity=False).digest()
    return encode({b"announce": b"http://tracker.test/announce", b"info": info})


def hash_of(torrent: bytes) -> str:
    """The lower-case hash of a torrent."""
    return Metainfo.parse(torrent).infohash.lower
