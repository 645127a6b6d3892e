"""The pages over real stores in this process, and browsers that keep cookies."""

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import bencodepy
import httpx
from argon2 import PasswordHasher
from starlette.applications import Starlette

from accounts.accounts import Accounts
from accounts.login_throttle import LoginThrottle
from accounts.model import NOBODY, Principal, Role, User
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
from catalogue.fields import TorrentDetails
from catalogue.model import Torrent
from catalogue.search import Search
from doors.authentication import Authenticator
from doors.client_address import ClientAddress
from doors.page_layout import style_route
from doors.rate_limits import RateLimits
from doors.request_limits import BodyMemory
from doors.services import Services
from doors.transfers import Transfers
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
from tests.support.cache_server import NoPolicy
from tests.support.databases import open_database
from tests.support.lookups import make_lookups
from tracker.model import ZERO_COUNTS, Counts
from tracker.model import SwarmTotals as Swarms
from web.pages import routes

PASSWORD = "correct horse battery staple"
START = 1_700_000_000
URL = "http://site.test"
EVERYTHING = frozenset({Right.READ, Right.DOWNLOAD})
FAST = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
VOID = {"meta", "link", "input", "br", "hr"}


class NoTitles:
    """A list of titles that is empty."""

    async def find(self, title: str, year: int | None, series: bool) -> None:
        return None

    async def get(self, number: int) -> None:
        return None


class Site:
    """The pages and the services behind them; `now` is their time, `swarms` the live counts."""

    def __init__(self, folder: Path, anonymous: frozenset[Right], rate: str) -> None:
        self.now = float(START)
        self.swarms: dict[InfoHash, Counts] = {}
        self._runner = asyncio.Runner()
        self.services = self.run(self._open(folder, anonymous, rate))
        self.app = Starlette(routes=[*routes(self.services), style_route()])

    def run(self, coroutine: Any) -> Any:
        """Await something in the site's event loop."""
        return self._runner.run(coroutine)

    def close(self) -> None:
        """Close the databases and the event loop."""
        self.run(self._close())
        self._runner.close()

    async def _open(self, folder: Path, anonymous: frozenset[Right], rate: str) -> Services:
        clock: Callable[[], float] = lambda: self.now  # noqa: E731
        self.database = await open_database(folder / "peerage.db", schema.PEERAGE, "FULL")
        blobs = FileBlobs(folder / "torrents")
        await blobs.open()
        cache = TorrentCache(blobs, SqlCacheRecords(self.database), Quota(1000, 1 << 40, 0), clock)
        self.accounts = Accounts(
            SqlAccounts(self.database),
            Secrets(bytes(32), _random()),
            Passwords(2, _random(), hasher=FAST),
            LoginThrottle("1000/minute", clock),
            clock,
            session_lifetime=86_400,
            keys_per_user=100,
        )
        rights = Rights(anonymous)
        index = SqliteSearchIndex(self.database, 1000, 10.0)
        catalogue = Catalogue.over(catalogue_store(self.database, index, clock), clock)
        takedowns = Takedowns(
            cache, catalogue.store.torrents, Lists(SqlListEntries(self.database)), NoPolicy(), clock
        )
        uploads = Uploads(cache, takedowns, catalogue, ImdbReleaseParser(NoTitles()), clock)
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
            census=None,  # no page asks it
            scrape=lambda infohash: self.swarms.get(infohash, ZERO_COUNTS),
            swarms=lambda: Swarms(3, 9, 5, 4),
            authenticator=Authenticator(self.accounts, secure=False),
            rate_limits=RateLimits({"pages": rate}, clock),
            clients=ClientAddress([], "x-forwarded-for"),
            memory=BodyMemory(32 << 20),
            public_url=None,
            site_name="The Site",
            token_lifetime=86_400,
            clock=clock,
        )

    async def _close(self) -> None:
        await self.accounts.close()
        await self.database.close()

    def user(self, name: str, role: Role = Role.USER) -> User:
        """Make an account."""
        return self.run(self.accounts.add(name, PASSWORD, role))

    def upload(
        self, user: User | None, name: str, details: Mapping[str, object] | None = None, **more: Any
    ) -> Torrent:
        """Upload a torrent, as an account or, without one, as through the cache's own routes."""
        data, given = torrent_file(name, **more), TorrentDetails.read(details or {})
        if user is None:
            return self.run(self.services.uploads.accept(data, "test", details=given)).torrent
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
        self.client = httpx.AsyncClient(transport=transport, base_url=URL)

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

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag in {"input", "select", "textarea"} and given.get("type") != "hidden":
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
    folder: Path, anonymous: frozenset[Right] = EVERYTHING, rate: str = "100000/minute"
) -> Iterator[Site]:
    """The site over stores in a folder; it is closed with the block."""
    site = Site(folder, anonymous, rate)
    try:
        yield site
    finally:
        site.close()


def _random() -> Callable[[int], bytes]:
    count = iter(range(1 << 30))
    return lambda size: hashlib.shake_128(str(next(count)).encode()).digest(size)
