"""A test client of Gazelle's API, in process: SQLite stores in a folder, and a clock set by hand."""

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import bencodepy
import httpx
from starlette.applications import Starlette

from accounts.model import Principal, Role, Scope, User
from bittorrent.infohash import InfoHash
from catalogue.fields import TorrentDetails
from catalogue.model import PUBLIC_VIEWER, Torrent
from doors.gazelle import routes
from doors.gazelle.context import GazelleLimits, GazelleServices
from doors.security_headers import SecurityHeaders
from tests.support.services import open_services
from tracker.model import Counts

PASSWORD = "correct horse battery staple"
START = 1_700_000_000
INFO = {"source": "Peerage", "version": 1}
LIMITS = GazelleLimits()


class GazelleClient:
    """A client of the API with its accounts and stores; `now` is the time, `swarms` the counts of live swarms."""

    def __init__(self, folder: Path, rate: str, limits: GazelleLimits) -> None:
        self.now = float(START)
        self.swarms: dict[InfoHash, Counts] = {}
        self._runner = asyncio.Runner()
        opening = open_services(folder, lambda: self.now, self.swarms, rates={"gazelle": rate})
        self._opened = self.run(opening)
        self.services = self._opened.services
        self.accounts = self.services.accounts
        services = replace(self.services.of(GazelleServices), limits=limits)
        app = SecurityHeaders(Starlette(routes=routes(services)))
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://gazelle.test")

    def run(self, coroutine: Any) -> Any:
        """Await something in the client's event loop."""
        return self._runner.run(coroutine)

    def close(self) -> None:
        """End what was opened."""
        self.run(self.client.aclose())
        self.run(self._opened.close())
        self._runner.close()

    # Accounts

    def user(self, name: str, role: Role = Role.USER) -> User:
        """Make an account."""
        return self.run(self.accounts.add(name, PASSWORD, role))

    def token(self, user: User, scope: Scope = Scope.GAZELLE, **more: Any) -> str:
        """Make a key of an account."""
        return self.run(self.accounts.mint(user.id, scope, **more))[1]

    # Requests

    def get(self, path: str, token: str = "", cookie: str = "", **parameters: Any) -> httpx.Response:
        """Send a GET request."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Cookie": f"session={cookie}"} if cookie else {}
        return self.run(self.client.get(path, params=parameters, headers=headers))

    def post(
        self,
        fields: list[tuple[str, str]],
        files: Sequence[tuple[str, bytes]],
        token: str = "",
        cookie: str = "",
        **more: str,
    ) -> httpx.Response:
        """Send an upload as a form."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= {"Cookie": f"session={cookie}"} if cookie else {}
        parts = [(name, (None, value.encode())) for name, value in fields]
        sent = [(name, (f"{number}.torrent", data)) for number, (name, data) in enumerate(files)]
        request = self.client.post("/ajax.php?action=upload", files=[*parts, *sent], headers=headers | more)
        return self.run(request)

    def call(self, token: str, action: str, **parameters: Any) -> dict[str, Any]:
        """Return the whole response of an action."""
        answer = self.get("/ajax.php", token, action=action, **parameters)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        content: dict[str, Any] = answer.json()
        assert content["info"] == INFO
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

    # Records

    def upload(self, user: User | None, name: str, details: Mapping[str, object], **more: Any) -> Torrent:
        """Upload a torrent, as an account or with None as the cache's own routes do."""
        data, given = torrent_file(name, **more), TorrentDetails.read(details)
        if user is None:
            accepted = self.run(self.services.uploads.accept(data, "test", details=given))
            return self.run(self.services.uploads.record(accepted.infohash))
        return self.run(self.services.curation.publish(Principal(user), data, "test", given))

    def see(self, torrent: Torrent) -> Torrent:
        """Return a torrent as it is now."""
        return self.run(self.services.catalogue.torrents.torrent(torrent.id, PUBLIC_VIEWER))


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
def open_gazelle(
    folder: Path, rate: str = "100000/minute", limits: GazelleLimits = LIMITS
) -> Iterator[GazelleClient]:
    """A client over stores in a folder; it is closed with the block."""
    api = GazelleClient(folder, rate, limits)
    try:
        yield api
    finally:
        api.close()
