"""A reader of feeds: the doors of feeds and of the cache over SQLite stores in a folder, and a clock set by hand."""

import asyncio
import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import bencodepy
import feedparser
import httpx
from starlette.applications import Starlette

from accounts.model import Principal, Role, Scope, User
from accounts.rights import Right
from bittorrent.infohash import InfoHash
from catalogue.categories import BUILTIN_CATEGORIES
from catalogue.fields import CollageChange, GroupChange, TorrentDetails
from catalogue.model import PUBLIC_VIEWER, BookmarkKind, Contents, MetainfoSummary, ParsedRelease, Torrent
from doors import cache as cache_door
from doors.feeds import discovery, door, torznab
from doors.feeds.items import FeedServices
from doors.request_limits import RateLimiter
from doors.security_headers import SecurityHeaders
from doors.upload_admission import CacheCounters, UploadAdmission
from tests.support.clock import Clock
from tests.support.services import ANYONE, AllServices, open_services
from tracker.model import Counts

SPACES = {
    "torznab": "http://torznab.com/schemas/2015/feed",
    "newznab": "http://www.newznab.com/DTD/2010/feeds/attributes/",
    "torrent": "http://xmlns.ezrss.it/0.1/",
    "atom": "http://www.w3.org/2005/Atom",
}
GIB = 2**30


class FeedReader:
    """A program that reads feeds; `swarms` are the counts of live swarms."""

    def __init__(self, folder: Path, rate: str, anonymous: frozenset[Right], sitemap_part: int) -> None:
        self.swarms: dict[InfoHash, Counts] = {}
        self.clock = Clock()
        self._runner = asyncio.Runner()
        self.services = self.run(self._open(folder, rate, anonymous))
        uploads = UploadAdmission(
            self.services.uploads, self.services.admission, RateLimiter("60/minute"), CacheCounters()
        )
        services = self.services.of(FeedServices)
        routes = [
            *door.routes(services, sitemap_part=sitemap_part),
            *torznab.routes(services),
            *cache_door.routes(self.services.cache, uploads, self.services.files),
        ]
        transport = httpx.ASGITransport(SecurityHeaders(Starlette(routes=routes)), client=("127.0.0.1", 1))
        self.client = httpx.AsyncClient(transport=transport, base_url="http://feeds.test")
        self.user = self.add_user("ann")

    def run(self, coroutine: Any) -> Any:
        """Await something in the reader's event loop."""
        return self._runner.run(coroutine)

    def close(self) -> None:
        """End what was opened."""
        self.run(self.client.aclose())
        self.run(self.opened.close())
        self._runner.close()

    async def _open(self, folder: Path, rate: str, anonymous: frozenset[Right]) -> AllServices:
        self.opened = await open_services(
            folder,
            self.clock,
            self.swarms,
            rates={"feeds": rate, "torznab": rate},
            anonymous=anonymous,
            site_name="The Site",
            release_parser=None,
        )
        self.accounts = self.opened.application.accounts.accounts
        self.catalogue = self.opened.application.catalogue.catalogue
        return self.opened.services

    def add_user(self, name: str, role: Role = Role.USER) -> User:
        """Make an account."""
        return self.run(self.accounts.add(name, "correct horse battery staple", role))

    def mint(self, scope: Scope = Scope.FEED, **more: Any) -> str:
        """Make a key of the account."""
        return self.run(self.accounts.mint(self.user.id, scope, **more))[1]

    def enter(self, name: str, category: str = "Unsorted", **more: Any) -> Torrent:
        """Add a record without a file to the catalogue; `group` are changes of its group, `title` is its own."""
        group: Mapping[str, Any] = {"category_id": BUILTIN_CATEGORIES[category]} | more.pop("group", {})
        title = more.pop("title", None)
        infohash = InfoHash(hashlib.sha1(name.encode("utf-8", "replace")).digest())
        known: dict[str, Any] = {"infohash": infohash, "alias": None, "name": name, "root": "", "size": GIB}
        known |= {"private": False, "held": False, "comment": "", "contents": Contents()}
        known |= {"added": int(self.clock.now)} | more
        details = TorrentDetails.read({} if title is None else {"title": title})
        adding = self.catalogue.torrents.add(
            MetainfoSummary(**known), ParsedRelease(name, "Unsorted"), details
        )
        torrent, _ = self.run(adding)
        self.run(self.catalogue.groups.edit(torrent.group.id, GroupChange.read(group)))
        return self.run(self.catalogue.store.torrents.torrent(torrent.id, PUBLIC_VIEWER))

    def upload(
        self, name: str, *, private: bool = False, user: User | None = None, **details: Any
    ) -> Torrent:
        """Upload a .torrent of one file, as the account unless another is given."""
        info = {b"name": name.encode(), b"piece length": 1 << 24, b"length": 4 << 20, b"pieces": bytes(20)}
        info |= {b"private": 1} if private else {}
        data = bencodepy.encode({b"announce": b"http://there.test/secret/announce", b"info": info})
        given = TorrentDetails.read(details)
        publishing = self.services.curation.publish(Principal(user or self.user), data, "test", given)
        return self.run(publishing)

    def hide(self, torrent: Torrent) -> None:
        """Hide a torrent, as a moderator does."""
        principal = Principal(self.add_user("root", Role.ADMIN))
        self.run(self.services.curation.mark_torrent(principal, torrent.id, hidden=True))

    def bookmark(self, user: User, kind: BookmarkKind, target: int) -> None:
        """Bookmark something."""
        self.run(self.catalogue.collages.bookmark(user.id, kind, target, on=True))

    def collage(self, *groups: int) -> int:
        """Make a collage of groups, and return its id."""
        made = self.run(
            self.catalogue.collages.add(CollageChange.read({"name": "Mine", "kind": 1}), self.user.id)
        )
        for group in groups:
            self.run(self.catalogue.collages.add_group(made.id, group, self.user.id))
        return made.id

    def ask(self, path: str, headers: Mapping[str, str] | None = None, **parameters: Any) -> httpx.Response:
        """Send a request; parameters of None are left out."""
        query = {name: value for name, value in parameters.items() if value is not None}
        return self.run(self.client.get(path, params=query or None, headers=headers or {}))

    def parsed(self, path: str, **parameters: Any) -> Any:
        """Read a feed as feedparser does, which finds no fault with it."""
        answer = self.ask(path, **parameters)
        assert answer.status_code == 200, answer.text
        found = feedparser.parse(
            answer.content, response_headers={"content-type": answer.headers["content-type"]}
        )
        assert not found.bozo, found.bozo_exception
        return found

    def titles(self, path: str, **parameters: Any) -> list[str]:
        """Return the titles of a feed's items, in order."""
        return [entry.title for entry in self.parsed(path, **parameters).entries]

    def torznab(self, **parameters: Any) -> ET.Element:
        """Return the document that Torznab answers at status 200."""
        return self.torznab_text(urlencode({name: str(v) for name, v in parameters.items() if v is not None}))

    def torznab_text(self, query: str) -> ET.Element:
        """Return the same for a query as it stands in the URL."""
        answer = self.ask(f"/torznab/api?{query}")
        assert answer.status_code == 200, answer.text
        assert "xml" in answer.headers["content-type"]
        return ET.fromstring(answer.content)

    def names(self, **parameters: Any) -> list[str]:
        """Return the titles of a search's items, in order."""
        tree = self.torznab(**parameters)
        assert tree.tag == "rss", ET.tostring(tree)
        return [item.findtext("title") or "" for item in tree.iter("item")]


@contextlib.contextmanager
def open_feeds(
    folder: Path,
    rate: str = "100000/minute",
    anonymous: frozenset[Right] = ANYONE,
    sitemap_part: int = discovery.PART,
) -> Iterator[FeedReader]:
    """A reader over stores in a folder; it is closed with the block."""
    reader = FeedReader(folder, rate, anonymous, sitemap_part)
    try:
        yield reader
    finally:
        reader.close()


def attributes(item: ET.Element) -> dict[str, list[str]]:
    """Return the values of an item's torznab attributes, by name."""
    found: dict[str, list[str]] = {}
    for each in item.iterfind("torznab:attr", SPACES):
        found.setdefault(each.attrib["name"], []).append(each.attrib["value"])
    return found
