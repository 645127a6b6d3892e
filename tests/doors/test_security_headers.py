"""The security headers of every answer, whoever makes it, and none on announces."""

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from doors.page_assets import usual_assets
from doors.security_headers import TABLE, kind_of
from peerage.app import App


async def text(_: Request) -> Response:
    return PlainTextResponse("text")


async def page(_: Request) -> Response:
    return HTMLResponse("<p>page</p>")


async def strict_page(_: Request) -> Response:
    return HTMLResponse("<p>page</p>", headers={"Referrer-Policy": "no-referrer"})


async def file(_: Request) -> Response:
    return Response(b"x", headers={"Content-Disposition": 'attachment; filename="x"'})


async def redirect(_: Request) -> Response:
    return RedirectResponse("/page?key=secret")


async def crash(_: Request) -> Response:
    raise OSError("disk on fire")


async def announce(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"de"})


ROUTES = [
    Route("/text", text),
    Route("/page", page),
    Route("/strict", strict_page),
    Route("/file", file),
    Route("/redirect", redirect),
    Route("/crash", crash),
    usual_assets().route(),
]


async def ask(path: str, method: str = "GET") -> httpx.Response:
    transport = httpx.ASGITransport(App({"/announce": announce}, ROUTES), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as client:
        return await client.request(method, path)


@pytest.mark.parametrize(
    ("path", "method", "status", "kind"),
    [
        ("/text", "GET", 200, "data"),
        ("/page", "GET", 200, "page"),
        ("/page", "HEAD", 200, "page"),
        ("/file", "GET", 200, "file"),
        ("/redirect", "GET", 307, "data"),
        ("/nothing", "GET", 404, "data"),
        ("/text", "DELETE", 405, "data"),
        ("/crash", "GET", 500, "data"),
        ("/static/style.css", "GET", 200, "data"),
    ],
)
async def test_every_answer_has_the_headers_of_its_kind(path, method, status, kind):
    answer = await ask(path, method)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in TABLE[kind]} == dict(TABLE[kind])
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_what_an_answer_sets_itself_is_kept():
    answer = await ask("/strict")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["content-security-policy"] == TABLE["page"]["Content-Security-Policy"]


async def test_an_announce_is_answered_without_them():
    assert dict((await ask("/announce")).headers) == {}


def test_a_policy_never_allows_scripts_but_our_file_nor_frames():
    for headers in TABLE.values():
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert policy.count("script-src") == policy.count("script-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy or "sandbox" in policy
    assert kind_of({"content-type": "TEXT/HTML; charset=utf-8"}) == "page"
