import random

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route, Router

from peerage.route_index import IndexedRouter


def answer(name):
    async def endpoint(request):
        return PlainTextResponse(f"{name} {sorted(request.path_params.items())}")

    return endpoint


PATHS = [
    "/", "/about", "/api/torrents", "/api/torrents/{id:int}", "/api/torrents/{id:int}/files", "/api/{rest:path}",
    "/api/users/me", "/api/users/{name}", "/{passkey}/announce", "/announce/{passkey}", "/t/{id}", "/t{number}/x",
    "/torrent/{name}", "/slash/", "/deep/a/b/c",
]  # fmt: skip
ASKED = [
    *(path.replace("{id:int}", "7").replace("{rest:path}", "x/y").replace("{", "").replace("}", "") for path in PATHS),
    "/about/", "/slash", "/api", "/api/", "/api/torrents/", "/api/torrents/seven", "/nothing", "/t/", "/static/a.css",
    "/static", "/static/", "//", "//about", "/%61bout", "/api//torrents", "/deep/a/b", "/deep/a/x/c", "/T/5", "/t5/x",
]  # fmt: skip


def make_routes(paths):
    routes = [
        Route(path, answer(f"{number} {path}"), methods=["POST"] if number % 4 == 3 else ["GET"])
        for number, path in enumerate(paths)
    ]
    return [*routes, Mount("/static", Router([Route("/{name}", answer("static"))]))]


async def ask(router, method, path):
    transport = httpx.ASGITransport(router)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        got = await client.request(method, f"http://x{path}")
    return got.status_code, got.text, got.headers


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("redirect_slashes", [True, False])
async def test_it_answers_as_starlettes_own(seed, redirect_slashes):
    paths = random.Random(seed).sample(PATHS, len(PATHS) - seed % 5)
    plain = Router(make_routes(paths), redirect_slashes)
    indexed = IndexedRouter(make_routes(paths), redirect_slashes=redirect_slashes)
    for path in ASKED:
        for method in ("GET", "POST", "HEAD", "DELETE"):
            assert await ask(indexed, method, path) == await ask(plain, method, path), (method, path)


def test_a_request_is_asked_of_few_routes():
    router = IndexedRouter(make_routes([*PATHS, *(f"/api/part{number}" for number in range(200))]))
    assert len(router._part("/api/torrents").routes) < 10
    assert len(router._part("/nowhere/at/all").routes) < 8
