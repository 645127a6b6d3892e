"""A visit to a whole site below a root path: set up by its first admin, filled by its forms, every link followed."""

import json
import re
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import bencodepy
import httpx

from bittorrent.metainfo import Metainfo
from tests.support.crawler import Crawl
from tests.support.torrents import torrent
from tests.web.site import Parsed

PASSWORD = "correct horse battery staple"
FILE, PRIVATE = torrent("a film of 2001"), torrent("a private one", private=True)
HASH = Metainfo.parse(FILE).infohash
LINKED = ["/", "/search", "/search/help", "/api/docs", "/api/openapi.json", "/t/1", "/g/1"]
UNLINKED = ["/login.php", "/upload.php", "/index.php", "/logout.php", "/api/torrents", "/api/torrents/1"]
UNLINKED += ["/api/groups/1", "/ajax.php?action=browse", "/ajax.php?action=torrent&id=1"]
OpenClient = Callable[[], httpx.AsyncClient]
"""Makes a browser without cookies."""


class Visitor:
    """A browser that sends the forms of pages as they stand; `base` is the site's URL, without a slash at its end."""

    def __init__(self, client: httpx.AsyncClient, base: str) -> None:
        self.client = client
        self.base = base
        self.root = urlsplit(base).path
        self.origin = base.removesuffix(self.root)

    async def page(self, path: str) -> Parsed:
        """Load a page."""
        answer = await self.client.get(self.base + path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return Parsed(answer.text)

    async def csrf(self, path: str) -> dict[str, str]:
        """Return the field of every form of this session, from those of a page."""
        return {"csrf": (await self.page(path)).csrf}

    async def submit(self, path: str, action: str, *, files: object = None, **fields: str) -> str:
        """Send the form of a page that leads to an action; return where it redirects to, both below the root."""
        forms = [form for form in (await self.page(path)).forms if form.action == self.root + action]
        fitting = [form for form in forms if fields.keys() <= form.fields.keys()]
        assert fitting, f"no form leads from {path} to {action}"
        return await self.post(action, fitting[0].fields | fields, files)

    async def send(self, path: str, fields: dict[str, str], files: object = None) -> httpx.Response:
        """Send a form as a browser does."""
        headers = {"Origin": self.origin}
        return await self.client.post(self.base + path, data=fields, files=files, headers=headers)

    async def post(self, path: str, fields: dict[str, str], files: object = None) -> str:
        """Send a form; return where it redirects to below the root."""
        answer = await self.send(path, fields, files)
        assert answer.status_code == 303, (path, answer.status_code, answer.text)
        for cookie in answer.headers.get_list("set-cookie"):
            assert f"; path={self.root}/;" in f"{cookie.lower()};", cookie
        where = answer.headers["location"]
        assert where.startswith(f"{self.root}/"), where
        return where.removeprefix(self.root)


async def fill(visitor: Visitor, first_admin_link: str) -> None:
    """Become the first admin by the link, log in by the form, upload, edit, and say something of everything."""
    link = first_admin_link.removeprefix(visitor.base)
    assert link.startswith("/welcome/"), first_admin_link
    await visitor.page(link)
    assert await visitor.post(link, {"password": PASSWORD, "again": PASSWORD}) == "/account"
    assert await visitor.submit("/account", "/logout") == "/"
    asked = await visitor.client.get(f"{visitor.base}/account")
    login = asked.headers["location"].removeprefix(visitor.root)
    assert login.startswith("/login?next=")
    assert await visitor.submit(login, "/login", name="admin", password=PASSWORD) == "/account"
    for number, data in enumerate((FILE, PRIVATE), 1):
        files = {"torrent": ("a.torrent", data, "application/x-bittorrent")}
        assert await visitor.submit("/upload", "/upload", files=files) == f"/t/{number}"
    assert await visitor.submit("/t/1/edit", "/t/1/edit", title="A film, edited") == "/t/1"
    assert "A film, edited" in (await visitor.page("/t/1")).text
    assert await visitor.submit("/g/1/edit", "/g/1/edit", tags="space, monolith", year="2001") == "/g/1"
    assert await visitor.submit("/t/1", "/g/1/comments", body="[b]Good.[/b]") == "/t/1#comments"
    assert await visitor.submit("/t/1", "/g/1/bookmark") == "/t/1"
    csrf = await visitor.csrf("/account")
    for subject in ("torrent/1", "group/1", "comment/1"):
        assert (await visitor.send(f"/report/{subject}", csrf | {"reason": "look"})).status_code == 200
    await visitor.submit("/moderation", "/moderation/reports/1/resolve", resolution="seen")
    assert await visitor.submit("/people", "/people", name="somebody") == "/u/2"


async def invited(visitor: Visitor, client: httpx.AsyncClient) -> Visitor:
    """Make a one-time link for the second account on its page, and redeem it in another browser."""
    page = await visitor.send("/u/2/link", await visitor.csrf("/account"))
    links = re.findall(re.escape(visitor.base) + r"(/welcome/[\w.-]+)", page.text)
    assert links, page.text
    member = Visitor(client, visitor.base)
    assert await member.post(links[0], {"password": PASSWORD, "again": PASSWORD}) == "/account"
    return member


async def follow(visitor: Visitor) -> Crawl:
    """Follow every link there is for a visitor; none leads out of the root, nowhere, or to an error."""
    crawl = await Crawl(visitor.client, visitor.base).run(*UNLINKED)
    assert crawl.faults == [], crawl.faults
    for path in LINKED:
        assert visitor.base + path in crawl.answers, path
    assert any("/static/style." in url for url in crawl.answers)
    return crawl


async def check_dialects(member: Visitor, anybody: Visitor) -> None:
    """Find what each dialect says of its own address below the root, and use it."""
    base, get = member.base, anybody.client.get
    assert json.loads((await get(f"{base}/api/openapi.json")).content)["servers"] == [{"url": f"{base}/api"}]
    assert f'location="{base}/api/index.php"' in (await get(f"{base}/api/torrage.wsdl")).text
    shown = (await member.client.get(f"{base}/api/torrents/2")).json()["data"]
    assert shown["trackers"] == [[f"{base}/announce"]]
    own = await member.client.get(f"{base}/api/torrents/2/download")
    assert bencodepy.decode(own.content)[b"announce"] == f"{base}/announce".encode()
    lower = await get(f"{base}/torrent/{HASH.lower}.torrent")
    assert (lower.status_code, lower.headers["location"]) == (301, f"{base}/torrent/{HASH.upper}.torrent")
    assert (await get(lower.headers["location"])).content == FILE
    uploaded = await anybody.client.post(f"{base}/autoupload.php", files={"torrent": FILE})
    assert uploaded.text == f"{HASH.upper}\n"
    assert f"Disallow: {member.root}/torrent/" in (await get(f"{base}/robots.txt")).text
    feed = (await get(f"{base}/search.rss")).text
    assert all(f"{before}{base}/" in feed for before in ("<link>", 'href="', 'url="'))
    assert f"<loc>{base}/t/1</loc>" in (await get(f"{base}/sitemaps/0.xml")).text
    moved = await get(base)  # some proxies do this themselves
    assert (moved.is_redirect, urljoin(base, moved.headers["location"])) == (True, f"{base}/")
    for path, where in {"/t/1/": "/t/1", "/search/?q=%22a+b%22": "/search?q=%22a+b%22"}.items():
        moved = await get(base + path)
        assert (moved.status_code, moved.headers["location"]) == (307, member.root + where)


async def visit(open_client: OpenClient, base: str, first_admin_link: str) -> None:
    """Do all of this as the first admin, then as nobody in particular."""
    async with open_client() as client, open_client() as another, open_client() as third:
        visitor, anybody = Visitor(client, base), Visitor(another, base)
        await fill(visitor, first_admin_link)
        seen = await follow(visitor)
        torrents = [answer for url, answer in seen.answers.items() if url.endswith(".torrent")]
        assert FILE in [answer.content for answer in torrents]
        for path in ("/account", "/people", "/moderation", "/moderation/log", "/upload", "/t/1/edit", "/u/1"):
            assert seen.answers[base + path].status_code == 200, path
        assert {base + path for path in ("/logout", "/upload", "/account/keys", "/t/1/edit")} <= seen.posts
        seen = await follow(anybody)
        assert {base + "/login", base + "/login.php", base + "/upload.php"} <= seen.posts
        await check_dialects(await invited(visitor, third), anybody)
