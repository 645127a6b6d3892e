"""The page of downloads over real jobs, with an engine that finishes on demand."""

import re
from dataclasses import replace
from html import unescape
from types import SimpleNamespace
from urllib.parse import urlencode

import httpx
import pytest
from starlette.applications import Starlette

from doors.torbox.context import TorboxServices
from doors.torbox.door import routes as torbox_routes
from downloads.model import JobState
from tests.support.torbox import hash_of, open_torbox, torrent_of
from web.page_context import PageServices
from web.pages import routes

FILM = torrent_of("film.mkv")


@pytest.fixture
def site(tmp_path):
    with open_torbox(tmp_path, rates={"pages": "100000/minute"}) as opened:
        app = Starlette(routes=routes(opened.services.of(PageServices)))
        opened.browser = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=("127.0.0.1", 1)), base_url="http://box.test"
        )
        yield opened
        opened.run(opened.browser.aclose())


def ask(site, user, path, form=None):
    """Load a page as an account, or send a form with its token."""
    cookie, _ = site.run(site.services.accounts.open_session(user))
    principal = site.run(site.services.accounts.session(cookie))
    headers = {"cookie": f"session={cookie}"}
    if form is None:
        return site.run(site.browser.get(path, headers=headers))
    form |= {"csrf": site.services.accounts.csrf_token(principal.session)}
    headers |= {"content-type": "application/x-www-form-urlencoded", "origin": "http://box.test"}
    return site.run(site.browser.post(path, headers=headers, content=urlencode(form)))


def test_an_active_download_is_shown_and_the_page_reloads(site):
    site.add(FILM)
    page = ask(site, site.users[0], "/downloads")

    assert '<progress max="100" value="25">' in page.text
    assert "seeds 3, peers 4" in page.text
    assert page.headers["refresh"] == "5"


def test_a_complete_download_has_a_link_and_no_reload(site):
    site.add(FILM)
    site.finish(FILM)
    site.engine.state = replace(site.engine.state, state=JobState.UPLOADING)
    page = ask(site, site.users[0], "/downloads")
    assert "refresh" not in page.headers

    link = unescape(re.search(r'href="([^"]*/dld/[^"]+)"', page.text)[1])
    assert site.services.links.read(link.rpartition("/")[2]).matches(
        site.run(site.downloads.job(site.users[0], 1))
    )


def test_links_below_a_path_are_below_it_on_the_page_and_in_the_api(site):
    base = "https://example.org/peerage"
    services = replace(site.services, admission=replace(site.services.admission, public_url=base))
    below = SimpleNamespace(services=services, run=site.run, browser=None)
    app = Starlette(routes=[*routes(services.of(PageServices)), *torbox_routes(services.of(TorboxServices))])
    below.browser = httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=("127.0.0.1", 1)), base_url="http://box.test"
    )
    site.add(FILM)
    site.finish(FILM)
    assert f'href="{base}/dld/' in ask(below, site.users[0], "/downloads").text

    asked = {"token": site.key, "torrent_id": "1"}
    answer = site.run(below.browser.get("/v1/api/torrents/requestdl", params=asked))
    assert answer.json()["data"].startswith(f"{base}/dld/")
    answer = site.run(below.browser.get("/v1/api/torrents/requestdl", params=asked | {"redirect": "true"}))
    assert answer.headers["location"].startswith(f"{base}/dld/")
    site.run(below.browser.aclose())


def test_a_magnet_link_is_fetched_and_its_job_controlled(site):
    user, magnet = site.users[0], f"magnet:?xt=urn:btih:{hash_of(FILM)}&dn=Film"
    assert ask(site, user, "/downloads", {"magnet": magnet}).status_code == 303
    assert ask(site, user, "/downloads/1/pause", {}).status_code == 303
    assert site.run(site.downloads.job(user, 1)).paused
    assert ask(site, user, "/downloads/1/delete", {}).status_code == 303
    assert site.run(site.downloads.job(user, 1)) is None


@pytest.mark.parametrize("magnet", ["", "nonsense", "magnet:?xt=urn:btih:zz", "http://x/"])
def test_an_invalid_magnet_link_shows_an_error(site, magnet):
    answer = ask(site, site.users[0], "/downloads", {"magnet": magnet})
    assert answer.status_code == 400
    assert "magnet" in answer.text


def test_another_accounts_job_is_not_there(site):
    site.add(FILM)
    assert "film" not in ask(site, site.users[1], "/downloads").text
    for action in ("pause", "resume", "start", "delete", "nonsense"):
        assert ask(site, site.users[1], f"/downloads/1/{action}", {}).status_code == 404
    assert site.run(site.downloads.job(site.users[0], 1)) is not None


def test_nobody_is_asked_to_log_in(site):
    assert site.run(site.browser.get("/downloads")).headers["location"].startswith("/login")


def test_without_the_extra_the_page_says_so(tmp_path):
    with open_torbox(tmp_path, installed=False, rates={"pages": "100/minute"}) as opened:
        app = Starlette(routes=routes(opened.services.of(PageServices)))
        opened.browser = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=("127.0.0.1", 1)), base_url="http://box.test"
        )
        assert "not installed" in ask(opened, opened.users[0], "/downloads").text
        opened.run(opened.browser.aclose())
