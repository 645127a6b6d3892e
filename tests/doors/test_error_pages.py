"""What no route answers: a page for browsers, a line for everybody else."""

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from doors.error_pages import ErrorPages
from doors.page_layout import PageSite
from peerage.app import App

BROWSER = {"accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}


async def text(_: Request) -> Response:
    return PlainTextResponse("text")


async def ask(path: str, method: str = "GET", **headers: str) -> httpx.Response:
    site = PageSite("The <Site>", "/p")
    several = Route("/several", text, methods=["PUT", "POST", "PATCH", "GET", "DELETE"])
    app = App({}, [Route("/text", text), several], "/p", errors=ErrorPages(site).answer)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://site.test") as client:
        return await client.request(method, path, headers=headers)


@pytest.mark.parametrize(
    ("path", "method", "status", "words"),
    [("/ubuntu-24.04_<b>", "GET", 404, "ubuntu 24 04 b"), ("/text", "DELETE", 405, "")],
)
async def test_a_browser_gets_a_page_with_a_search_for_what_it_asked(path, method, status, words):
    answer = await ask(path, method, **BROWSER)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")
    assert f'name="q" value="{words}"' in answer.text
    assert 'action="/p/search"' in answer.text
    assert "The &lt;Site&gt;" in answer.text
    assert "<b>" not in answer.text
    assert answer.headers["vary"] == "Accept, Accept-Language, Cookie, Accept-Encoding"


async def test_everybody_else_gets_a_line():
    answer = await ask("/nothing", accept="*/*")
    assert (answer.status_code, answer.text) == (404, "Not Found")
    answer = await ask("/text", "DELETE")
    assert (answer.status_code, answer.text) == (405, "Method Not Allowed")
    assert answer.headers["allow"] == "GET, HEAD"
    assert (await ask("/several", "OPTIONS")).headers["allow"] == "DELETE, GET, HEAD, PATCH, POST, PUT"


@pytest.mark.parametrize("path", ["/%ff%fe", "/%ed%a0%80", "/" + "a" * 5000, "/{title}%s"])
async def test_no_address_is_too_odd_for_the_page(path):
    assert (await ask(path, **BROWSER)).status_code == 404
