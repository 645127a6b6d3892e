"""The pages over real stores in this process, and browsers that keep cookies."""

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import bencodepy
import httpx
from starlette.applications import Starlette

from accounts.model import NOBODY, Principal, Role, User
from accounts.rights import Right
from bittorrent.infohash import InfoHash
from catalogue.fields import TorrentDetails
from catalogue.model import Torrent
from doors.security_headers import SecurityHeaders
from tests.support.services import AllServices, open_services
from tracker.model import Counts
from web.page_context import PageServices
from web.pages import routes

PASSWORD = "correct horse battery staple"
START = 1_700_000_000
URL = "http://site.test"
EVERYTHING = frozenset({Right.READ, Right.DOWNLOAD})
VOID = {"meta", "link", "input", "br", "hr", "img"}


class Site:
    """The pages and the services behind them; `now` is their time, `swarms` the live counts."""

    def __init__(
        self,
        folder: Path,
        anonymous: frozenset[Right],
        rate: str,
        public_url: str | None = None,
        **settings: Any,
    ) -> None:
        self.url = public_url or URL
        self.now = float(START)
        self.swarms: dict[InfoHash, Counts] = {}
        self._runner = asyncio.Runner()
        self.services = self.run(self._open(folder, anonymous, rate, public_url, settings))
        self.pages = self.services.of(PageServices)
        self.routes = [*routes(self.pages), self.pages.site.assets.route()]
        self.app = SecurityHeaders(Starlette(routes=self.routes))

    def run(self, coroutine: Any) -> Any:
        """Await something in the site's event loop."""
        return self._runner.run(coroutine)

    def close(self) -> None:
        """Close the databases and the event loop."""
        self.run(self._opened.close())
        self._runner.close()

    async def _open(
        self,
        folder: Path,
        anonymous: frozenset[Right],
        rate: str,
        public_url: str | None,
        settings: dict[str, Any],
    ) -> AllServices:
        self._opened = await open_services(
            folder,
            lambda: self.now,
            self.swarms,
            rates={"pages": rate, "feeds": rate},
            anonymous=anonymous,
            site_name="The Site",
            public_url=public_url,
            release_parser=None,
            **settings,
        )
        self.accounts = self._opened.services.accounts
        return self._opened.services

    def user(self, name: str, role: Role = Role.USER) -> User:
        """Make an account."""
        return self.run(self.accounts.add(name, PASSWORD, role))

    def upload(
        self, user: User | None, name: str, details: Mapping[str, object] | None = None, **more: Any
    ) -> Torrent:
        """Upload a torrent, as an account or, without one, as through the cache's own routes."""
        data, given = torrent_file(name, **more), TorrentDetails.read(details or {})
        if user is None:
            accepted = self.run(self.services.uploads.accept(data, "test", details=given))
            return self.run(self.services.uploads.record(accepted.infohash))
        return self.run(self.services.curation.publish(Principal(user), data, "test", given))

    def browser(self, user: User | None = None) -> "Browser":
        """A browser, logged in as somebody."""
        browser = Browser(self)
        if user is not None:
            answer = browser.send("/login", name=user.name, password=PASSWORD)
            assert answer.status_code == 303, answer.text
        return browser

    def catalogued(self, torrent: Torrent) -> Torrent:
        """Return a torrent as a moderator sees it now."""
        viewer = self.services.curation.viewer(NOBODY)
        return self.run(self.services.catalogue.torrents.torrent(torrent.id, viewer))


class Browser:
    """Keeps cookies, follows nothing, runs nothing."""

    def __init__(self, site: Site) -> None:
        self._site = site
        transport = httpx.ASGITransport(site.app, client=("127.0.0.1", 1))
        self.client = httpx.AsyncClient(transport=transport, base_url=site.url)

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Load a page."""
        return self._site.run(self.client.get(path, headers=headers))

    def page(self, path: str, status: int = 200) -> "Parsed":
        """Load a page and read it."""
        answer = self.get(path)
        assert answer.status_code == status, (answer.status_code, answer.text)
        return Parsed(answer.text)

    def send(
        self, path: str, /, headers: dict[str, str] | None = None, files: Any = None, **form: str
    ) -> httpx.Response:
        """Send a form as a program would, with just these fields."""
        return self._site.run(self.client.post(path, data=form, files=files, headers=headers or {}))

    def submit(self, page: str, action: str, /, **changes: str) -> httpx.Response:
        """Load a page and send one of its forms, with what stands in it but for the changes."""
        forms = [form for form in self.page(page).forms if form.action == action]
        fitting = [form for form in forms if changes.keys() <= form.fields.keys()]
        assert fitting, f"no form leads from {page} to {action} with {set(changes)}"
        return self.send(action, **fitting[-1].fields | changes)


class Form:
    """A form of a page."""

    def __init__(self, action: str) -> None:
        self.action = action
        self.fields: dict[str, str] = {}


class Parsed(HTMLParser):
    """A page as a browser reads it; malformed nesting is an error."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.links: list[dict[str, str | None]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self.unlabelled: list[dict[str, str | None]] = []
        self._open: list[str] = []
        self._choosing = ""
        self.feed(text)
        self.close()
        assert self._open == []

    @property
    def text(self) -> str:
        """What a person reads."""
        return " ".join("".join(self.pieces).split())

    @property
    def csrf(self) -> str:
        """The token of the session, from the last form that has it."""
        return [form.fields["csrf"] for form in self.forms if "csrf" in form.fields][-1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag in {"input", "select", "textarea"} and given.get("type") != "hidden" and "hidden" not in given:
            self.unlabelled += [] if "label" in self._open or "aria-label" in given else [given]
        if tag not in VOID:
            self._open.append(tag)
        if tag == "a":
            self.links.append(given)
        if tag == "form":
            self.forms.append(Form(given.get("action") or ""))
        self._field(tag, given)

    def _field(self, tag: str, given: dict[str, str | None]) -> None:
        name = given.get("name") or self._choosing
        if not self.forms or not name or "form" not in self._open:
            return
        fields = self.forms[-1].fields
        if tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            fields[name] = given.get("value") or ""
        elif tag == "input":
            fields.setdefault(name, "")
        elif tag == "select":
            self._choosing = name
        elif tag == "option" and ("selected" in given or name not in fields):
            fields[name] = given.get("value") or ""
        elif tag == "textarea":
            fields[name] = ""

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, tag
        if tag == "select":
            self._choosing = ""

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)
        if self._open and self._open[-1] == "textarea":
            fields = self.forms[-1].fields
            fields[next(reversed(fields))] += data.removeprefix("\n")


def torrent_file(name: str, files: dict[str, int] | None = None, size: int = 1000) -> bytes:
    """A version 1 .torrent of files by their paths, or of one file."""
    piece = 1 << 24
    total = sum(files.values()) if files else size
    info: dict[bytes, Any] = {
        b"name": name.encode(),
        b"piece length": piece,
        b"pieces": hashlib.sha1(name.encode()).digest() * -(-total // piece),
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
def site_in(
    folder: Path,
    anonymous: frozenset[Right] = EVERYTHING,
    rate: str = "100000/minute",
    public_url: str | None = None,
    **settings: Any,
) -> Iterator[Site]:
    """The site over stores in a folder; it is closed with the block."""
    site = Site(folder, anonymous, rate, public_url, **settings)
    try:
        yield site
    finally:
        site.close()
