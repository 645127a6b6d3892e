"""Admission is the same for every dialect: address, guesses, keys, methods, rights, bodies, crashes, headers."""

import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from accounts.model import Role, Scope
from bittorrent.refusal import Refusal
from doors import cache, gazelle, torrent_api
from doors.client_address import ClientAddress
from doors.feeds import door as feeds
from doors.feeds import torznab
from doors.feeds.items import FeedServices
from doors.gazelle.context import GazelleServices
from doors.qbittorrent.context import QbittorrentServices
from doors.qbittorrent.door import routes as qbittorrent_routes
from doors.request_limits import RateLimiter
from doors.rest.door import routes as rest_routes
from doors.rest.operation import RestServices
from doors.security_headers import TABLE, SecurityHeaders
from doors.torbox.context import TorboxServices
from doors.torbox.door import routes as torbox_routes
from doors.torrent_api import TorrentApiServices
from doors.upload_admission import CacheCounters, UploadAdmission
from peerage.config import Settings
from peerage.listeners import Listeners
from peerage.routes import make_app
from peerage.sections import LimitsSection
from peerage.wiring.application import open_application
from soap.door import routes as soap_routes
from tests.support.services import AllServices, open_services
from tests.support.torrents import torrent
from web.page_context import PageServices
from web.pages import routes as page_routes

PASSWORD = "correct horse battery staple"
INFOHASH = "ab" * 20
CALL = (
    '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>'
    '<n:cacheTorrent xmlns:n="urn:xmethods-delayed-quotes"><torrent>AAAA</torrent></n:cacheTorrent>'
    "</S:Body></S:Envelope>"
)
Answer = httpx.Response


@dataclass(frozen=True)
class DialectCase:
    """How a dialect is asked, and how it says each kind of refusal."""

    name: str
    scope: Scope
    other: Scope
    path: str
    routes: Callable[[AllServices, UploadAdmission], list[Route]]
    key: Callable[[str], dict[str, Any]]
    refusal: Callable[[Answer], object]
    said: dict[str, object]
    method: str = "GET"
    content: dict[str, Any] = field(default_factory=dict)
    allowed: str = "nothing"
    large: str = ""


def bearer(key: str) -> dict[str, Any]:
    """Send a key in `Authorization`."""
    return {"headers": {"Authorization": f"Bearer {key}"}}


def in_query(key: str) -> dict[str, Any]:
    """Send a key in the query."""
    return {"params": {"key": key}}


def status_and_code(answer: Answer) -> object:
    """Return the status and error code of a JSON answer."""
    error = answer.json()["error"]
    return answer.status_code, error["code"] if isinstance(error, dict) else error


def failure(answer: Answer) -> object:
    """Return the failure of a Gazelle answer."""
    assert answer.status_code == 200
    return answer.json()["error"]


def autoupload(answer: Answer) -> object:
    """Return the number in the answer of autoupload.php."""
    assert answer.status_code == 200
    return answer.text.split(":")[0]


def torznab_error(answer: Answer) -> object:
    """Return the status and error code of an answer of Torznab."""
    return answer.status_code, ElementTree.fromstring(answer.content).get("code")


INTERNAL = Refusal("internal").reason.sentence

REST = DialectCase(
    "rest",
    Scope.REST,
    Scope.GAZELLE,
    "/api/torrents",
    lambda services, _: rest_routes(services.of(RestServices)),
    bearer,
    status_and_code,
    {
        "bad-token": (401, "UNAUTHENTICATED"),
        "key-suspended": (403, "FORBIDDEN"),
        "token-expired": (401, "UNAUTHENTICATED"),
        "method-forbidden": (403, "FORBIDDEN"),
        "too-many-requests": (429, "RATE_LIMITED"),
        "internal": (500, "SERVER_ERROR"),
        "bad-method": (405, "METHOD_NOT_ALLOWED"),
        "too-large": (413, "TOO_LARGE"),
    },
    large="/api/login",
)
TORRENT_API = DialectCase(
    "torrent_api",
    Scope.TORRENT_API,
    Scope.REST,
    "/torrent/list/imdb/tt0000001",
    lambda services, _: torrent_api.routes(services.of(TorrentApiServices)),
    in_query,
    status_and_code,
    {
        "bad-token": (403, "API_KEY_UNKNOWN"),
        "key-suspended": (403, "API_KEY_SUSPENDED"),
        "token-expired": (403, "API_KEY_UNKNOWN"),
        "method-forbidden": (403, "ACCESS_FORBIDDEN"),
        "too-many-requests": (429, "RATE_LIMIT_EXCEEDED"),
        "internal": (500, "INTERNAL_ERROR"),
        "bad-method": (405, "METHOD_NOT_ALLOWED"),
        "too-large": (413, "REQUEST_TOO_LARGE"),
    },
    allowed="add",
    large="/torrent/add",
)
TORBOX = DialectCase(
    "torbox",
    Scope.TORBOX,
    Scope.REST,
    "/v1/api/torrents/mylist",
    lambda services, _: torbox_routes(services.of(TorboxServices)),
    bearer,
    status_and_code,
    {
        "bad-token": (403, "BAD_TOKEN"),
        "key-suspended": (403, "AUTH_ERROR"),
        "token-expired": (403, "BAD_TOKEN"),
        "method-forbidden": (403, "PLAN_RESTRICTED_FEATURE"),
        "too-many-requests": (429, "RATE_LIMIT"),
        "internal": (500, "UNKNOWN_ERROR"),
        "bad-method": (405, "ENDPOINT_NOT_FOUND"),
        "too-large": (413, "TOO_MUCH_DATA"),
    },
    allowed="user",
    large="/v1/api/torrents/controltorrent",
)
QBITTORRENT = DialectCase(
    "qbittorrent",
    Scope.QBITTORRENT,
    Scope.TORBOX,
    "/qbittorrent/api/v2/torrents/info",
    lambda services, _: qbittorrent_routes(services.of(QbittorrentServices)),
    bearer,
    lambda answer: answer.status_code,
    {
        "bad-token": 403,
        "key-suspended": 403,
        "token-expired": 403,
        "method-forbidden": 403,
        "too-many-requests": 429,
        "internal": 500,
        "bad-method": 405,
        "too-large": 413,
    },
    allowed="app.version",
    large="/qbittorrent/api/v2/torrents/add",
)
GAZELLE = DialectCase(
    "gazelle",
    Scope.GAZELLE,
    Scope.REST,
    "/ajax.php?action=index",
    lambda services, _: gazelle.routes(services.of(GazelleServices)),
    bearer,
    failure,
    {
        "bad-token": "invalid token",
        "key-suspended": "token revoked",
        "token-expired": "token revoked",
        "method-forbidden": Refusal("method-forbidden").reason.sentence,
        "too-many-requests": "rate limit exceeded",
        "internal": INTERNAL,
    },
    allowed="browse",
)
FEEDS = DialectCase(
    "feeds",
    Scope.FEED,
    Scope.REST,
    "/search.rss",
    lambda services, _: feeds.routes(services.of(FeedServices)),
    in_query,
    lambda answer: answer.status_code,
    {
        "bad-token": 401,
        "key-suspended": 403,
        "token-expired": 401,
        "method-forbidden": 403,
        "too-many-requests": 429,
        "internal": 500,
    },
    allowed="torznab",
)
TORZNAB = DialectCase(
    "torznab",
    Scope.FEED,
    Scope.REST,
    "/torznab/api?t=search",
    lambda services, _: torznab.routes(services.of(FeedServices)),
    lambda key: {"params": {"t": "search", "apikey": key}},
    torznab_error,
    {
        "bad-token": (200, "100"),
        "key-suspended": (200, "101"),
        "token-expired": (200, "100"),
        "method-forbidden": (200, "102"),
        "too-many-requests": (429, "500"),
        "internal": (200, "900"),
    },
    allowed="feeds",
)
UPLOADS = DialectCase(
    "uploads",
    Scope.REST,
    Scope.GAZELLE,
    "/autoupload.php",
    lambda services, uploads: cache.routes(services.cache, uploads, services.files),
    bearer,
    autoupload,
    {
        "bad-token": "Error 401",
        "key-suspended": "Error 403",
        "token-expired": "Error 401",
        "method-forbidden": "Error 403",
        "too-many-requests": "Error 429",
        "internal": "Error 500",
        "too-large": "Error 413",
    },
    method="POST",
    content={"files": {"torrent": ("x", torrent("a file"))}},
    large="/autoupload.php",
)
CASES = (REST, TORRENT_API, TORBOX, QBITTORRENT, GAZELLE, FEEDS, TORZNAB, UPLOADS)
each_dialect = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


class Downloads:
    """Downloads that are available and hold nothing."""

    available = True

    async def jobs(self, *_: Any, **__: Any) -> list[Any]:
        """Return no jobs."""
        return []

    async def all_jobs(self, *_: Any) -> list[Any]:
        """Return no jobs."""
        return []

    async def missing(self, _: Any) -> frozenset[int]:
        """Return that none is gone."""
        return frozenset()


class Titles:
    """A list of titles that is empty."""

    async def get(self, number: int) -> None:
        """Return none."""
        return


class Gate:
    """One dialect over real stores: its client, an account and the time."""

    def __init__(self, case: DialectCase, services: AllServices, client: httpx.AsyncClient) -> None:
        self.case = case
        self.services = services
        self.client = client
        self.now = 1_700_000_000.0

    async def key(self, scope: Scope | None = None, **more: Any) -> str:
        """Make a key of the account."""
        user = await self.services.accounts.user("ann")
        assert user is not None
        return (await self.services.accounts.mint(user.id, scope or self.case.scope, **more))[1]

    async def ask(self, key: str | None, path: str = "", method: str = "", **more: Any) -> Answer:
        """Ask for the dialect's path with a key."""
        case = self.case
        sent = {**({} if key is None else case.key(key)), **case.content, **more}
        return await self.client.request(method or case.method, path or case.path, **sent)

    async def refused(self, key: str | None, **more: Any) -> object:
        """Ask, and return how it was refused."""
        return self.case.refusal(await self.ask(key, **more))


@asynccontextmanager
async def opened(
    case: DialectCase, folder: Any, rate: str = "1000/minute", proxy: bool = False
) -> AsyncIterator[Gate]:
    """Open a dialect; with `proxy` its client is a trusted proxy that names no client."""
    gate: Gate | None = None

    def clock() -> float:
        return gate.now if gate is not None else 1_700_000_000.0

    names = (*LimitsSection.__struct_fields__, "downloads_create")
    stores = await open_services(folder, clock, {}, rates=dict.fromkeys(names, rate))
    admission = stores.services.admission
    if proxy:
        trusted = ClientAddress([ip_network("127.0.0.0/8")], "x-forwarded-for")
        admission = replace(admission, clients=trusted)
    services = replace(stores.services, admission=admission, downloads=Downloads(), titles=Titles())
    uploads = UploadAdmission(
        services.uploads, admission, RateLimiter(rate), CacheCounters(), anonymous=False
    )
    app = SecurityHeaders(Starlette(routes=case.routes(services, uploads)))
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 1), raise_app_exceptions=False)
    try:
        await services.accounts.add("ann", PASSWORD, Role.USER)
        async with httpx.AsyncClient(transport=transport, base_url="http://door.test") as client:
            gate = Gate(case, services, client)
            yield gate
    finally:
        await stores.close()


def is_success(answer: Answer) -> bool:
    """Return whether an answer is a success in its dialect."""
    return answer.status_code == 200 and '"failure"' not in answer.text and "Error" not in answer.text


async def test_every_dialect_has_a_case_and_an_import_contract(tmp_path):
    settings = Settings.of(data=tmp_path / "data", tracker={"door": "uvicorn"})
    async with open_application(settings) as application:
        routes = make_app(application, Listeners(application)).routes
    found = {route.dialect.name: route.dialect for route in routes if hasattr(route, "dialect")}
    dialects = {name: found[name] for name in found.keys() & set(LimitsSection.__struct_fields__)}
    assert dialects.keys() == {case.name for case in CASES} - {"uploads"} | {"pages"}
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    contracts = {each["name"]: each for each in project["tool"]["importlinter"]["contracts"]}
    modules = contracts["no dialect imports another"]["modules"]
    for dialect in dialects.values():
        assert any(f"{dialect.render.__module__}.".startswith(f"{module}.") for module in modules), (
            dialect.name
        )


@each_dialect
async def test_a_key_of_the_dialect_is_admitted(case, tmp_path):
    async with opened(case, tmp_path) as gate:
        assert is_success(await gate.ask(await gate.key()))


@each_dialect
async def test_a_client_without_an_address_is_served_and_counted(case, tmp_path):
    async with opened(case, tmp_path, "2/minute", proxy=True) as gate:
        key = await gate.key()
        assert is_success(await gate.ask(key))
        assert is_success(await gate.ask(key))
        assert await gate.refused(key) == case.said["too-many-requests"]


@each_dialect
@pytest.mark.parametrize("proxy", [False, True])
async def test_guesses_are_counted_by_address(case, tmp_path, proxy):
    async with opened(case, tmp_path, "3/minute", proxy=proxy) as gate:
        heard = [await gate.refused("0" * 32) for _ in range(4)]
    assert heard == [case.said["bad-token"]] * 3 + [case.said["too-many-requests"]]


@each_dialect
async def test_keys_that_are_foreign_suspended_or_expired(case, tmp_path):
    async with opened(case, tmp_path) as gate:
        user = await gate.services.accounts.user("ann")
        key, suspended = await gate.services.accounts.mint(user.id, case.scope)
        await gate.services.accounts.suspend(key.id, suspended=True)
        expired = await gate.key(lifetime=400)
        heard = [await gate.refused(await gate.key(case.other)), await gate.refused(suspended)]
        gate.now += 500
        heard.append(await gate.refused(expired))
    assert heard == [case.said[code] for code in ("bad-token", "key-suspended", "token-expired")]


@each_dialect
async def test_a_key_that_is_limited_to_another_method(case, tmp_path):
    async with opened(case, tmp_path) as gate:
        limited = await gate.key(methods=frozenset({case.allowed}))
        assert await gate.refused(limited) == case.said["method-forbidden"]


@each_dialect
async def test_a_refused_request_is_counted_once(case, tmp_path):
    async with opened(case, tmp_path, "2/minute") as gate:
        limited = await gate.key(methods=frozenset({case.allowed}))
        heard = [await gate.refused(limited) for _ in range(2)]
        heard.append(await gate.refused(await gate.key()))
    assert heard == [case.said["method-forbidden"]] * 2 + [case.said["too-many-requests"]]


async def test_the_torrent_api_says_forbidden_before_it_says_too_many(tmp_path):
    async with opened(TORRENT_API, tmp_path, "2/minute") as gate:
        limited = await gate.key(methods=frozenset({"add"}))
        heard = [await gate.refused(limited) for _ in range(4)]
    assert heard == [TORRENT_API.said["method-forbidden"]] * 4


@pytest.mark.parametrize("case", [each for each in CASES if each.large], ids=lambda case: case.name)
async def test_a_body_that_is_too_large(case, tmp_path):
    content = {"content": b"x" * (32 << 20)}
    kind = "multipart/form-data; boundary=x" if case is UPLOADS else "application/json"
    if case in (TORRENT_API, QBITTORRENT):
        kind = "application/x-www-form-urlencoded"
    async with opened(case, tmp_path) as gate:
        key = None if case.large == "/api/login" else await gate.key()
        sent = {} if key is None else case.key(key)
        headers = {**sent.pop("headers", {}), "Content-Type": kind}
        answer = await gate.client.post(case.large, headers=headers, **sent, **content)
        assert case.refusal(answer) == case.said["too-large"]
        assert answer.headers["connection"] == "close"


@each_dialect
async def test_a_crash_stays_in_the_dialects_envelope(case, tmp_path, monkeypatch, caplog):
    async def broken(*_: Any, **__: Any) -> None:
        raise OSError("disk on fire")

    async with opened(case, tmp_path) as gate:
        services = gate.services
        monkeypatch.setattr(services.search, "torrents", broken)
        monkeypatch.setattr(services.uploads, "accept", broken)
        monkeypatch.setattr(services.downloads, "jobs", broken)
        monkeypatch.setattr(services.downloads, "all_jobs", broken)
        monkeypatch.setattr(type(services.accounts.passkeys), "authkey", broken_now)
        answer = await gate.ask(await gate.key())
        assert case.refusal(answer) == case.said["internal"]
        assert "fire" not in answer.text


def broken_now(*_: Any) -> None:
    """Fail as a disk does."""
    raise OSError("disk on fire")


def assert_secured(answer: Answer, kind: str = "data") -> None:
    """Check the security headers of an answer."""
    for name, value in TABLE[kind].items():
        assert answer.headers[name] == value, name
    assert answer.headers["x-content-type-options"] == "nosniff"


@each_dialect
async def test_every_answer_has_the_security_headers(case, tmp_path):
    async with opened(case, tmp_path) as gate:
        assert_secured(await gate.ask(await gate.key()))
        assert_secured(await gate.ask("0" * 32))
        assert_secured(await gate.ask(None, method="PROPFIND"))
        assert_secured(await gate.ask(None, path="/nothing/here"))


@pytest.mark.parametrize("case", [REST, TORRENT_API, TORBOX], ids=lambda case: case.name)
async def test_a_wrong_method_is_answered_in_the_dialect_with_allow(case, tmp_path):
    async with opened(case, tmp_path) as gate:
        answer = await gate.ask(await gate.key(), method="DELETE")
    assert "GET" in answer.headers["allow"]
    if case is not REST:
        assert case.refusal(answer) == case.said["bad-method"]


async def test_a_page_is_counted_by_its_session_and_refused_as_a_page(tmp_path):
    case = replace(REST, routes=lambda services, _: page_routes(services.of(PageServices)))
    async with opened(case, tmp_path, "2/minute", proxy=True) as gate:
        heard = [await gate.client.get("/search/help") for _ in range(3)]
    assert [answer.status_code for answer in heard] == [200, 200, 429]
    assert int(heard[-1].headers["retry-after"]) > 0
    for answer in heard:
        assert_secured(answer, "page")


async def test_soap_answers_a_refusal_as_a_result(tmp_path):
    case = replace(UPLOADS, routes=lambda _, uploads: soap_routes(uploads))
    async with opened(case, tmp_path, "1/minute", proxy=True) as gate:
        heard = [await gate.client.post("/api/", content=CALL) for _ in range(2)]
    assert ["401" in heard[0].text, "429" in heard[1].text] == [True, True]
    for answer in heard:
        assert_secured(answer)
