"""The page of downloads over real jobs, with an engine that fetches when it is told to."""

import re
from dataclasses import replace
from html import unescape
from urllib.parse import urlencode

import httpx
import pytest
from starlette.applications import Starlette

from downloads.model import State
from tests.torbox import desk_in, hash_of, torrent_of
from web.pages import routes

FILM = torrent_of("film.mkv")


@pytest.fixture
def desk(tmp_path):
    with desk_in(tmp_path, rates={"pages": "100000/minute"}) as opened:
        app = Starlette(routes=routes(opened.office))
        opened.browser = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=("127.0.0.1", 1)), base_url="http://box.test"
        )
        yield opened
        opened.run(opened.browser.aclose())


def ask(desk, user, path, form=None):
    """Load a page as an account, or send a form with its token."""
    cookie, _ = desk.run(desk.office.accounts.open_session(user))
    principal = desk.run(desk.office.accounts.session(cookie))
    headers = {"cookie": f"session={cookie}"}
    if form is None:
        return desk.run(desk.browser.get(path, headers=headers))
    form |= {"csrf": desk.office.accounts.csrf_token(principal.session)}
    headers |= {"content-type": "application/x-www-form-urlencoded", "origin": "http://box.test"}
    return desk.run(desk.browser.post(path, headers=headers, content=urlencode(form)))


def test_what_moves_is_shown_and_loaded_again(desk):
    desk.add(FILM)
    page = ask(desk, desk.users[0], "/downloads")

    assert '<progress max="100" value="25">' in page.text
    assert "3 seeds, 4 peers" in page.text
    assert page.headers["refresh"] == "5"


def test_what_is_whole_has_a_link_and_rests(desk):
    desk.add(FILM)
    desk.finish(FILM)
    desk.engine.state = replace(desk.engine.state, state=State.UPLOADING)
    page = ask(desk, desk.users[0], "/downloads")
    assert "refresh" not in page.headers

    link = unescape(re.search(r'href="([^"]*/dld/[^"]+)"', page.text)[1])
    assert desk.office.links.read(link.rpartition("/")[2]).fits(
        desk.run(desk.downloads.job(desk.users[0], 1))
    )


def test_a_magnet_link_is_fetched_and_its_job_steered(desk):
    user, magnet = desk.users[0], f"magnet:?xt=urn:btih:{hash_of(FILM)}&dn=Film"
    assert ask(desk, user, "/downloads", {"magnet": magnet}).status_code == 303
    assert ask(desk, user, "/downloads/1/pause", {}).status_code == 303
    assert desk.run(desk.downloads.job(user, 1)).paused
    assert ask(desk, user, "/downloads/1/delete", {}).status_code == 303
    assert desk.run(desk.downloads.job(user, 1)) is None


@pytest.mark.parametrize("magnet", ["", "nonsense", "magnet:?xt=urn:btih:zz", "http://x/"])
def test_what_is_no_magnet_link_is_told(desk, magnet):
    answer = ask(desk, desk.users[0], "/downloads", {"magnet": magnet})
    assert answer.status_code == 400
    assert "magnet" in answer.text


def test_another_accounts_job_is_not_there(desk):
    desk.add(FILM)
    assert "film" not in ask(desk, desk.users[1], "/downloads").text
    for deed in ("pause", "resume", "start", "delete", "nonsense"):
        assert ask(desk, desk.users[1], f"/downloads/1/{deed}", {}).status_code == 404
    assert desk.run(desk.downloads.job(desk.users[0], 1)) is not None


def test_nobody_is_asked_to_log_in(desk):
    assert desk.run(desk.browser.get("/downloads")).headers["location"].startswith("/login")


def test_without_the_extra_the_page_says_so(tmp_path):
    with desk_in(tmp_path, installed=False, rates={"pages": "100/minute"}) as opened:
        app = Starlette(routes=routes(opened.office))
        opened.browser = httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=("127.0.0.1", 1)), base_url="http://box.test"
        )
        assert "not installed" in ask(opened, opened.users[0], "/downloads").text
        opened.run(opened.browser.aclose())
