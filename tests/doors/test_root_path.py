"""The root path in requests and in markup."""

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from doors.page_layout import PageSite, render_layout
from doors.root_path import below, root_path, rooted, strip_root


@pytest.mark.parametrize(
    ("url", "root"),
    [(None, ""), ("https://x.example", ""), ("https://x.example/", ""), ("http://x.example:81/a/b/", "/a/b")],
)
def test_the_root_path_is_that_of_the_public_url(url: str | None, root: str) -> None:
    assert root_path(url) == root


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("/p/t/1", "/t/1"),
        ("/p/", "/"),
        ("/p", "/p"),
        ("/px/t", "/px/t"),
        ("/t/1", "/t/1"),
        ("/p/p/x", "/p/x"),
    ],
)
def test_what_is_below_a_root_loses_it_once(path: str, inside: str) -> None:
    assert below(path, "/p") == inside
    assert below(path.encode(), b"/p") == inside.encode()
    assert below(path, "") == path


def test_links_of_our_own_are_put_below_the_root_and_others_are_left() -> None:
    markup = '<a href="/t/1"><form action="/"><a data-href="/x" href="//other"><a href="?q"><a href="https://h/">/t'
    expected = '<a href="/p/t/1"><form action="/p/"><a data-href="/x" href="//other"><a href="?q"><a href="https://h/">/t'
    assert rooted(markup, "/p") == expected
    assert rooted(markup, "") is markup


def test_the_layout_is_below_the_root() -> None:
    page = render_layout("x", '<a href="/body">', site=PageSite("Site", "/p"))
    for link in ('"/p/"', '"/p/search"', '"/p/static/style.', '"/p/account"', '"/p/api/docs"', '"/body"'):
        assert link in page


async def seen(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the path that arrives."""
    await PlainTextResponse(scope["path"])(scope, receive, send)


async def test_requests_lose_the_longest_root_that_they_are_below() -> None:
    app = strip_root(seen, ["/p", "", "/p/files"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x.example") as client:
        for path, inside in {
            "/p/t/1": "/t/1",
            "/p/files/dld/x": "/dld/x",
            "/t/1": "/t/1",
            "/p%2Fx": "/x",
        }.items():
            assert (await client.get(path)).text == inside, path
        moved = await client.get("/p?a=1")
        assert (moved.status_code, moved.headers["location"]) == (307, "/p/?a=1")
        assert moved.headers["x-content-type-options"] == "nosniff"


def test_without_a_root_nothing_is_wrapped() -> None:
    assert strip_root(seen, ["", ""]) is seen
