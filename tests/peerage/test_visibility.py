"""The table of visibility crossed with the whole site: every door, field and viewer of every kind of torrent."""

import re
from html import unescape
from urllib.parse import unquote

import bencodepy
import pytest
import pytest_asyncio

from accounts.model import Principal, Scope
from catalogue.fields import TorrentDetails
from catalogue.visibility import (
    FIELDS_OF_DOORS,
    Audience,
    Restriction,
    TorrentField,
    VisibilityDoor,
    shown_at,
)
from peerage.config import Settings
from peerage.listeners import Listeners
from peerage.routes import make_app
from peerage.wiring.application import open_application
from tests.peerage.test_rights import GENEROUS, Site
from tests.support.torrents import v1_torrent

ROLES = {
    Audience.NOBODY: "nobody",
    Audience.ACCOUNT: "user",
    Audience.UPLOADER: "owner",
    Audience.MODERATOR: "moderator",
    Audience.ADMIN: "admin",
}
TRACKER, SEED = "http://there.test/passkey/announce", "http://there.test/seedkey"
RECORD, FILE, ORIGINAL = TorrentField.RECORD, TorrentField.FILE, TorrentField.ORIGINAL
CACHE, PAGES, REST, GAZELLE, TORRENT_API, TORBOX, FEEDS = VisibilityDoor


class Crossing:
    """A site with one torrent of each kind, and what each door shows of one to a role."""

    def __init__(self, site, number, infohash, data, title):
        self.site, self.number, self.infohash, self.data, self.title = site, number, infohash, data, title

    async def ask(self, role, url, scope=None):
        """The answer to a role, by a key of a scope or by a session."""
        headers = {}
        if role != "nobody" and scope is None:
            headers["cookie"] = f"session={(await self.site.session(role))[0]}"
        elif role != "nobody":
            key = await self.site.key(role, scope)
            headers["authorization"] = f"Bearer {key}"
            if scope is Scope.TORRENT_API:
                headers, url = {}, f"{url}?key={key}"
            if scope is Scope.FEED:
                headers, url = {}, f"{url}&key={key}&apikey={key}"
        self.site.client.cookies.clear()
        return await self.site.client.get(url, headers=headers)

    def file(self, answer):
        """What an answer shows of the file."""
        if answer.status_code != 200 or b"4:info" not in answer.content:
            return set()
        info = bencodepy.encode(bencodepy.decode(self.data)[b"info"])
        assert info in answer.content
        if answer.content == self.data:
            return {FILE, ORIGINAL}
        assert b"there.test" not in answer.content
        return {FILE}

    def texts(self, answer, *, uploader="owner"):
        """What a page or object shows of the rest."""
        text = unquote(unescape(answer.text)).replace("\\/", "/")
        if answer.status_code != 200 or self.title not in text:
            assert "there.test" not in text
            return set()
        marks = {
            TorrentField.TRACKERS: TRACKER in text,
            TorrentField.WEB_SEEDS: SEED in text,
            TorrentField.UPLOADER_NAME: re.search(uploader, text) is not None,
        }
        return {RECORD} | {field for field, shown in marks.items() if shown}

    async def cache(self, role):
        url = f"/torrent/{self.infohash.upper}.torrent"
        by_session = self.file(await self.ask(role, url))
        assert self.file(await self.ask(role, url, Scope.REST)) == by_session
        assert self.file(await self.ask(role, f"{url}?wait=0")) == by_session
        return by_session

    async def pages(self, role):
        uploader, page = r'by <a href="/u/\d+"><bdi>owner', f"/t/{self.number}"
        shown = self.texts(await self.ask(role, page), uploader=uploader)
        shown |= self.texts(await self.ask(role, f"{page}?tab=trackers"), uploader=uploader)
        assert RECORD in self.texts(await self.ask(role, f"/g/{self.number}")) or RECORD not in shown
        listed = self.texts(await self.ask(role, "/search?q=title"))
        assert (RECORD in listed) == (
            RECORD in shown
        ) or role == "owner"  # a search finds hidden ones for moderators
        return shown

    async def rest(self, role):
        base, uploader = f"/api/torrents/{self.number}", '"username": ?"owner"'
        shown = self.texts(await self.ask(role, base, Scope.REST), uploader=uploader)
        listed = self.texts(
            await self.ask(role, "/api/torrents?search=title", Scope.REST), uploader="nobody at all"
        )
        assert (RECORD in listed) == (RECORD in shown) or role == "owner"
        commented = await self.ask(role, f"{base}/comments", Scope.REST)
        assert (commented.status_code == 200) == (RECORD in shown)
        return shown | self.file(await self.ask(role, f"{base}/download", Scope.REST))

    async def gazelle(self, role):
        url = f"/ajax.php?action=torrent&id={self.number}"
        shown = self.texts(await self.ask(role, url, Scope.GAZELLE), uploader='"username": ?"owner"')
        url = f"/torrents.php?action=download&id={self.number}"
        return shown | self.file(await self.ask(role, url, Scope.GAZELLE))

    async def torrent_api(self, role):
        answer = await self.ask(role, f"/torrent/info/{self.infohash.lower}", Scope.TORRENT_API)
        return self.texts(answer)

    async def torbox(self, role):
        url = f"/v1/api/torrents/torrentinfo?hash={self.infohash.lower}"
        return self.texts(await self.ask(role, url, Scope.TORBOX))

    async def feeds(self, role):
        urls = ("/search.rss?q=title", "/search.atom?q=title", "/torznab/api?t=search&q=title")
        shown = [self.texts(await self.ask(role, url, Scope.FEED), uploader="<[^>]*>owner<") for url in urls]
        assert all(each == shown[0] for each in shown)
        return shown[0]

    async def shown(self, door, role):
        """Every field that a door shows to a role."""
        probes = {
            CACHE: self.cache,
            PAGES: self.pages,
            REST: self.rest,
            GAZELLE: self.gazelle,
            TORRENT_API: self.torrent_api,
            TORBOX: self.torbox,
            FEEDS: self.feeds,
        }
        return await probes[door](role)


async def bring(site, restriction):
    """Upload a torrent of a kind as the owner."""
    title = f"title-{restriction}"
    inside = {"private": 1} if restriction is Restriction.PRIVATE else {}
    document = bencodepy.decode(v1_torrent(title))
    document[b"info"] |= {key.encode(): value for key, value in inside.items()}
    data = bencodepy.encode({b"announce": TRACKER, b"info": document[b"info"], b"url-list": [SEED]})
    details = TorrentDetails.read({"title": title, "anonymous": restriction is Restriction.ANONYMOUS})
    curation = site.application.catalogue.curation
    torrent = await curation.publish(Principal(site.users["owner"]), data, "test", details)
    if restriction is Restriction.HIDDEN:
        await curation.mark_torrent(Principal(site.users["admin"]), torrent.id, hidden=True)
    assert torrent.id == torrent.group.id
    return Crossing(site, torrent.id, torrent.infohash, data, title)


async def crossed(folder):
    """What every door shows of every kind of torrent to every viewer."""
    settings = Settings.of(
        data=folder / "data", limits=GENEROUS, accounts={"keys_per_user": 10_000}, tracker={"door": "uvicorn"}
    )
    found = {}
    async with open_application(settings) as application:
        site = Site(application, make_app(application, Listeners(application)))
        await site.open()
        async with site.client:
            for restriction in Restriction:
                crossing = await bring(site, restriction)
                for door in VisibilityDoor:
                    for viewer, role in ROLES.items():
                        found[door, restriction, viewer] = await crossing.shown(door, role)
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def found(tmp_path_factory):
    return await crossed(tmp_path_factory.mktemp("visibility"))


@pytest.mark.parametrize("door", VisibilityDoor)
def test_a_door_shows_what_the_table_says(found, door):
    wrong = {}
    for (where, restriction, viewer), shown in found.items():
        expected = {field for field in TorrentField if viewer in shown_at(door, field, restriction)}
        if where is door and shown != expected:
            wrong[restriction, viewer] = (shown, expected)
    assert wrong == {}


@pytest.mark.parametrize("door", VisibilityDoor)
def test_each_field_of_a_door_is_seen_by_somebody(found, door):
    seen = {field for (where, _, _), shown in found.items() if where is door for field in shown}
    assert seen == FIELDS_OF_DOORS[door]
