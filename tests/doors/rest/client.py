"""A test client of the REST API, in process: SQLite stores in a folder, and a clock set by hand."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

from accounts.model import Role, Scope, User
from bittorrent.infohash import InfoHash
from doors.rest.door import routes
from doors.rest.operation import RestServices
from doors.security_headers import SecurityHeaders
from tests.support.services import OpenedServices, open_services
from tests.support.torrents import names, torrent
from tracker.model import Counts

PASSWORD = "correct horse battery staple"
ROLES = {"user": Role.USER, "other": Role.USER, "moderator": Role.MODERATOR, "admin": Role.ADMIN}


class RestClient:
    """A client of the API and its accounts: `as_` of each request is a name of ROLES, or None for anonymous."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.now = 1_700_000_000.0
        self.swarms: dict[InfoHash, Counts] = {}
        self._runner = asyncio.Runner()
        settings = {"rates": {"rest": "100000/minute", "rest_anonymous": "100000/minute"}} | settings
        self.opened: OpenedServices = self.run(
            open_services(folder, lambda: self.now, self.swarms, **settings)
        )
        self.services = self.opened.services
        app = SecurityHeaders(Starlette(routes=routes(self.services.of(RestServices))))
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://rest.test")
        self.users: dict[str, User] = {}
        self._tokens: dict[str, str] = {}

    def run(self, coroutine: Any) -> Any:
        """Await something in the client's event loop."""
        return self._runner.run(coroutine)

    def close(self) -> None:
        """End what was opened."""
        self.run(self.client.aclose())
        self.run(self.opened.close())
        self._runner.close()

    def user(self, name: str) -> User:
        """Return one of ROLES, made when it is first asked for."""
        if name not in self.users:
            self.users[name] = self.run(self.services.accounts.add(name, PASSWORD, ROLES[name]))
        return self.users[name]

    def token(self, name: str) -> str:
        """Return a token of one of ROLES."""
        if name not in self._tokens:
            self._tokens[name] = self.run(self.services.accounts.mint(self.user(name).id, Scope.REST))[1]
        return self._tokens[name]

    def ask(self, method: str, path: str, as_: str | None = None, **more: Any) -> httpx.Response:
        """Send a request."""
        headers: Mapping[str, str] = more.pop("headers", {})
        proof = {"Authorization": f"Bearer {self.token(as_)}"} if as_ else {}
        return self.run(self.client.request(method, f"/api{path}", headers={**proof, **headers}, **more))

    def done(self, method: str, path: str, as_: str | None = None, status: int = 200, **more: Any) -> Any:
        """Send a request that must succeed; return its data, or the whole of a collection."""
        answer = self.ask(method, path, as_, **more)
        assert answer.status_code == status, answer.text
        if status == 204:
            assert answer.content == b""
            return None
        content = answer.json()
        assert content["success"] is True
        return content if "meta" in content else content["data"]

    def refused(self, status: int, method: str, path: str, as_: str | None = None, **more: Any) -> Any:
        """Send a request that must be refused so; return the error."""
        answer = self.ask(method, path, as_, **more)
        assert answer.status_code == status, answer.text
        content = answer.json()
        assert content["success"] is False
        return content["error"]

    def upload(self, name: str = "a file", as_: str = "user", **fields: Any) -> Any:
        """Upload a torrent; return its object in the response."""
        data = {"title": name} | fields
        return self.done(
            "POST", "/torrents", as_, 201, files={"file": ("x.torrent", torrent(name))}, data=data
        )


__all__ = ["PASSWORD", "ROLES", "RestClient", "names", "torrent"]
