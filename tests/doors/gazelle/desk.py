"""Hides how Gazelle's door is asked in this process: real stores in a folder, and a clock that stands still."""

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bencodepy
import httpx
from argon2 import PasswordHasher
from starlette.applications import Starlette

from accounts.accounts import Accounts
from accounts.attempts import Attempts
from accounts.model import Principal, Role, Scope, User
from accounts.passwords import Passwords
from accounts.rights import Right, Rights
from accounts.secrets import Secrets
from actions.curation import Curation
from actions.membership import Membership
from actions.takedowns import Takedowns
from actions.uploads import Uploads
from bittorrent.infohash import InfoHash
from cache.torrents import Quota, TorrentCache
from catalogue.model import EVERYONE, Details, Torrent
from doors.allowance import Allowances
from doors.client import ClientAddress
from doors.gazelle import routes
from doors.identity import Identity
from doors.limits import BodyMemory
from doors.office import Office
from lists.infohashes import Lists
from storage import schema
from storage.accounts import SqliteAccounts
from storage.catalogue import catalogue_shelf
from storage.database import Database
from storage.files import FileBlobs
from storage.lists import SqliteEntries
from storage.records import SqliteRecords
from storage.search import SearchIndex
from tests.cache_service import NoPolicy
from tracker.census import Census
from tracker.model import NOTHING, Counts, Totals

PASSWORD = "correct horse battery staple"
START = 1_700_000_000
FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


class Desk:
    """Gazelle's door, who asks at it, and what lies behind it; `now` is its time, `swarms` what is live."""

    def __init__(self, folder: Path, rate: str) -> None:
        self.now = float(START)
        self.swarms: dict[InfoHash, Counts] = {}
        self._runner = asyncio.Runner()
        self._folder = folder
        self._rate = rate
        self.office = self.run(self._open())
        app = Starlette(routes=routes(self.office))
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://gazelle.test")

    def run(self, coroutine: Any) -> Any:
        """Await something in the desk's event loop."""
        return self._runner.run(coroutine)

    def close(self) -> None:
        """End what was opened."""
        self.run(self.client.aclose())
        self.run(self._close())
        self._runner.close()

    async def _open(self) -> Office:
        clock = lambda: self.now  # noqa: E731
        self.database = await Database.open(self._folder / "peerage.db", schema.PEERAGE, "FULL")
        blobs = FileBlobs(self._folder / "torrents")
        await blobs.open()
        cache = TorrentCache(blobs, SqliteRecords(self.database), Quota(1000, 1 << 40, 0), clock)
        lists = Lists(SqliteEntries(self.database))
        secrets = Secrets(bytes(32), _random())
        self.passwords = Passwords(2, _random(), hasher=FAST)
        self.accounts = Accounts(
            SqliteAccounts(self.database),
            secrets,
            self.passwords,
            Attempts("20/minute", clock),
            clock,
            session_lifetime=86_400,
            keys_per_user=100,
        )
        rights = Rights(frozenset({Right.READ, Right.DOWNLOAD}))
        index = SearchIndex(self.database, 10_000, 5.0)
        catalogue = Catalogue(catalogue_shelf(self.database, index, clock), clock)
        takedowns = Takedowns(cache, lists, NoPolicy(), clock)
        uploads = Uploads(cache, takedowns)
        return Office(
            catalogue=catalogue,
            search=Search(index),
            curation=Curation(catalogue, uploads, takedowns, rights),
            membership=Membership(self.accounts, catalogue, rights, registration=False),
            accounts=self.accounts,
            rights=rights,
            uploads=uploads,
            takedowns=takedowns,
            cache=cache,
            census=Census(),
            scrape=lambda infohash: self.swarms.get(infohash, NOTHING),
            swarms=lambda: Totals(3, 9, 5, 4),
            identity=Identity(self.accounts, secure=False),
            allowances=Allowances({"gazelle": self._rate}, clock),
            clients=ClientAddress([], "x-forwarded-for"),
            memory=BodyMemory(1 << 20),
            public_url=None,
            site_name="The Site",
            token_lifetime=86_400,
            clock=clock,
        )

    async def _close(self) -> None:
        await self.accounts.close()
        await self.database.close()

    # Who asks

    def user(self, name: str, role: Role = Role.USER) -> User:
        """Make an account."""
        return self.run(self.accounts.add(name, PASSWORD, role))

    def token(self, user: User, scope: Scope = Scope.GAZELLE, **more: Any) -> str:
        """Make a key of an account."""
        return self.run(self.accounts.mint(user.id, scope, **more))[1]

    # What they ask

    def get(self, path: str, token: str = "", cookie: str = "", **parameters: Any) -> httpx.Response:
        """Ask for a path."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Cookie": f"session={cookie}"} if cookie else {}
        return self.run(self.client.get(path, params=parameters, headers=headers))

    def call(self, token: str, action: str, **parameters: Any) -> dict[str, Any]:
        """Return the whole answer of an action."""
        answer = self.get("/ajax.php", token, action=action, **parameters)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        content: dict[str, Any] = answer.json()
        assert content["info"] == {"source": "The Site", "version": 1}
        return content

    def ask(self, token: str, action: str, **parameters: Any) -> Any:
        """Return the response of an action that succeeds."""
        content = self.call(token, action, **parameters)
        assert content["status"] == "success", content
        assert set(content) == {"status", "response", "info"}
        return content["response"]

    def fail(self, token: str, action: str, **parameters: Any) -> str:
        """Return the text of an action that fails."""
        content = self.call(token, action, **parameters)
        assert content["status"] == "failure", content
        assert set(content) == {"status", "error", "info"}
        error: str = content["error"]
        return error

    # What lies there

    def upload(self, user: User | None, name: str, details: Details, **more: Any) -> Torrent:
        """Bring a torrent in, as an account or as the cache's own doors do."""
        data = torrent_file(name, **more)
        if user is None:
            return self.run(self.office.uploads.accept(data, "test", details=details)).torrent
        return self.run(self.office.curation.publish(Principal(user), data, "test", details))

    def see(self, torrent: Torrent) -> Torrent:
        """Return a torrent as it is now."""
        return self.run(self.office.catalogue.torrent(torrent.id, EVERYONE))


def torrent_file(name: str, files: dict[str, int] | None = None, size: int = 1000) -> bytes:
    """A version 1 .torrent of files by their paths, or of one file."""
    piece = 1 << 24
    total = sum(files.values()) if files else size
    count = -(-total // piece)
    info: dict[bytes, Any] = {
        b"name": name.encode(),
        b"piece length": piece,
        b"pieces": hashlib.sha1(name.encode()).digest() * count,
    }
    if files:
        info[b"files"] = [
            {b"length": length, b"path": [part.encode() for part in path.split("/")]}
            for path, length in files.items()
        ]
    else:
        info[b"length"] = size
    return bencodepy.encode({b"announce": b"http://tracker.example/announce", b"info": info})


@contextlib.contextmanager
def desk_in(folder: Path, rate: str = "100000/minute") -> Iterator[Desk]:
    """A desk over stores in a folder; it is closed with the block."""
    desk = Desk(folder, rate)
    try:
        yield desk
    finally:
        desk.close()


def _random() -> Any:
    count = iter(range(1 << 30))
    return lambda size: hashlib.shake_128(str(next(count)).encode()).digest(size)
