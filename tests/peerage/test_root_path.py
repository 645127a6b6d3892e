"""The service below the path of `public_url`, behind a proxy that strips the path and behind one that leaves it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from peerage.listeners import Listeners
from peerage.routes import make_served
from peerage.sections import LimitsSection
from peerage.setting_values import ListenAddress
from tests.support.application import open_test_application, settings_in
from tests.support.clock import Clock
from tests.support.site_visit import PASSWORD, Visitor, visit

ROOT = "/peerage"
BASE = f"https://example.org{ROOT}"
GENEROUS = dict.fromkeys(LimitsSection.__struct_fields__, "100000/minute")
PATHS = ["/", "/search", "/login", "/api/docs", "/static/none.css", "/nowhere", "/nowhere/"]
TICKETS = re.compile(rb'data-device="[^"]*"|name="asked" value="[^"]*"')
"""What a page asks of a device, which is another thing each time."""
TRACKED = ["/announce?info_hash=short", "/announce/no-key?port=1", f"/scrape?info_hash={'a' * 20}"]


def proxied(app: ASGIApp, *, strips: bool) -> ASGIApp:
    """What answers for the host: below the root the service, without TLS, and another site beside it."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == ROOT and strips:  # as nginx does
            await PlainTextResponse("", 307, {"Location": f"{ROOT}/"})(scope, receive, send)
        elif path == ROOT or path.startswith(f"{ROOT}/"):
            passed = path.removeprefix(ROOT) if strips else path
            await app({**scope, "path": passed, "scheme": "http"}, receive, send)
        else:
            await PlainTextResponse("another site", 404)(scope, receive, send)

    return answer


@asynccontextmanager
async def served(folder: Path, public_url: str = BASE) -> AsyncIterator[tuple[ASGIApp, str]]:
    """The whole service without sockets, and the first admin's link."""
    settings = replace(settings_in(folder, limits=GENEROUS), public_url=public_url)
    async with open_test_application(settings, Clock()) as application:
        links = application.accounts.one_time_links
        await links.open([ListenAddress("127.0.0.1", 6969)])
        assert links.pending is not None
        yield make_served(application, Listeners(application)), links.pending.read_text().strip()


def browser(app: ASGIApp) -> httpx.AsyncClient:
    """A browser on this machine."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=("127.0.0.1", 1)))


@pytest.mark.parametrize("strips", [True, False], ids=["stripped", "left"])
async def test_nothing_leads_out_of_the_root(tmp_path: Path, strips: bool) -> None:
    async with served(tmp_path) as (app, link):
        await visit(lambda: browser(proxied(app, strips=strips)), BASE, link)


async def test_both_ways_are_answered_and_alike(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, _), browser(app) as client:
        for path in (*PATHS, *TRACKED):
            plain, below = [await client.get(f"{base}{path}") for base in ("https://example.org", BASE)]
            same = [(each.status_code, TICKETS.sub(b"", each.content)) for each in (plain, below)]
            assert same[0] == same[1], path
            for each in (plain, below):
                each.headers.pop("x-ratelimit-remaining", None)
                each.headers.pop("content-length", None)  # of a body that was compared, packed
            assert dict(plain.headers) == dict(below.headers), path


async def test_the_root_is_taken_off_once(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, _), browser(app) as client:
        assert (await client.get(f"{BASE}{ROOT}/login")).status_code == 404
        assert (await client.get(f"{BASE}x/login")).status_code == 404


async def test_the_cookie_of_another_site_on_the_host_hides_no_session(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, link), browser(app) as client:
        visitor = Visitor(client, BASE)
        await visitor.post(link.removeprefix(BASE), {"password": PASSWORD, "again": PASSWORD})
        cookies = f"session={client.cookies['session']}; session=another; other=1"
        async with browser(app) as again:
            answer = await again.get(f"{BASE}/account", headers={"Cookie": cookies})
        assert answer.status_code == 200


async def test_a_form_of_another_host_is_refused(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, _), browser(app) as client:
        form = {"name": "admin", "password": PASSWORD}
        for origin, status in {
            "https://example.org": 401,
            "https://evil.org": 403,
            "http://example.org": 403,
        }.items():
            answer = await client.post(f"{BASE}/login", data=form, headers={"Origin": origin})
            assert answer.status_code == status, origin


async def test_without_a_path_nothing_stands_before_links(tmp_path: Path) -> None:
    async with served(tmp_path, "https://example.org") as (app, link), browser(app) as client:
        text = (await client.get("https://example.org/")).text
        assert '<a class="brand" href="/">' in text
        sent = await client.post(
            link, data={"password": PASSWORD, "again": PASSWORD}, headers={"Origin": "https://example.org"}
        )
        assert sent.headers["location"] == "/account"
        assert "; Path=/; " in sent.headers["set-cookie"]
