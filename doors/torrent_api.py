"""The Torrent API: list, info, peers and add, with the key in the query and errors as code and message."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import NamedTuple
from urllib.parse import parse_qsl

import structlog
from starlette.datastructures import ImmutableMultiDict
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from accounts.model import NOBODY, Principal, Scope
from accounts.rights import Right
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.imdb_titles import ImdbTitles
from catalogue.model import PUBLIC_VIEWER, Category, Torrent
from catalogue.query import ImdbTerm, SearchQuery, SortOrder
from doors.request_limits import Body
from doors.services import Services

DIALECT = "torrent_api"
METHODS = frozenset({"list", "info", "peers", "add"})
"""The methods that a key of this dialect can be restricted to."""

_BODY_LIMIT = 16 * 1024
_MAX_FIELDS = 32
_PAGE = 500
_MAX_LIST = 10_000
_NO_ADDRESS = bytes(4)
_VERBS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_HASH = re.compile(r"[0-9A-Fa-f]{40}")
_IMDB = re.compile(r"tt[0-9]{7,10}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_COUNTRY = re.compile(r"[A-Za-z]{2}")

TorrentApiParameters = ImmutableMultiDict[str, str]

log = structlog.get_logger()


class TorrentApiCode(NamedTuple):
    """An error code of this dialect and its HTTP status."""

    name: str
    status: HTTPStatus


_UNKNOWN_KEY = TorrentApiCode("API_KEY_UNKNOWN", HTTPStatus.FORBIDDEN)
_SUSPENDED = TorrentApiCode("API_KEY_SUSPENDED", HTTPStatus.FORBIDDEN)
_FORBIDDEN = TorrentApiCode("ACCESS_FORBIDDEN", HTTPStatus.FORBIDDEN)
_INVALID = TorrentApiCode("INVALID_REQUEST", HTTPStatus.BAD_REQUEST)
_UNAVAILABLE = TorrentApiCode("SERVICE_UNAVAILABLE", HTTPStatus.SERVICE_UNAVAILABLE)
_CODES = {
    "bad-token": _UNKNOWN_KEY,
    "token-revoked": _UNKNOWN_KEY,
    "token-expired": _UNKNOWN_KEY,
    "key-suspended": _SUSPENDED,
    "user-disabled": _SUSPENDED,
    "method-forbidden": _FORBIDDEN,
    "forbidden": _FORBIDDEN,
    "unauthenticated": _FORBIDDEN,
    "blocked": _FORBIDDEN,
    "bad-imdb": TorrentApiCode("INVALID_IMDB", HTTPStatus.BAD_REQUEST),
    "bad-infohash": TorrentApiCode("INVALID_INFOHASH", HTTPStatus.BAD_REQUEST),
    "not-found": TorrentApiCode("INFOHASH_NOT_FOUND", HTTPStatus.NOT_FOUND),
    "bad-day": TorrentApiCode("INVALID_DAY", HTTPStatus.BAD_REQUEST),
    "bad-country": TorrentApiCode("INVALID_COUNTRY_CODE", HTTPStatus.BAD_REQUEST),
    "too-many-requests": TorrentApiCode("RATE_LIMIT_EXCEEDED", HTTPStatus.TOO_MANY_REQUESTS),
    "bad-method": TorrentApiCode("METHOD_NOT_ALLOWED", HTTPStatus.METHOD_NOT_ALLOWED),
    "too-large": TorrentApiCode("REQUEST_TOO_LARGE", HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    "busy": _UNAVAILABLE,
    "search-too-slow": _UNAVAILABLE,
    "internal": TorrentApiCode("INTERNAL_ERROR", HTTPStatus.INTERNAL_SERVER_ERROR),
}
"""By the code of the refusal; any other is INVALID_REQUEST."""


def routes(services: Services, titles: ImdbTitles, *, documented_errors: bool = False) -> list[Route]:
    """Return the dialect's routes, which must precede the cache's below `/torrent/`.

    With `documented_errors` every error has status 500, as the dialect's documentation says.
    """
    methods = _Methods(services, titles)
    table = (
        ("/torrent/list/imdb/{imdb:path}", "list", methods.list_torrents, "GET"),
        ("/torrent/info/{infohash:path}", "info", methods.info, "GET"),
        ("/torrent/peers/{infohash:path}", "peers", methods.peers, "GET"),
        ("/torrent/add", "add", methods.add, "POST"),
    )
    return [
        Route(path, _Method(services, method, answer, verb, documented_errors).answer, methods=_VERBS)
        for path, method, answer, verb in table
    ]


@dataclass(frozen=True, slots=True)
class _Context:
    request: Request
    parameters: TorrentApiParameters
    principal: Principal


@dataclass(frozen=True, slots=True)
class _Method:
    """One method of the dialect: admission in its order, and the rendering of errors."""

    services: Services
    method: str
    serve: Callable[[_Context], Awaitable[dict[str, object]]]
    verb: str
    documented_errors: bool

    async def answer(self, request: Request) -> Response:
        try:
            self._check_verb(request)
            parameters = await self._parameters(request)
            principal = await self._admit(request, parameters.getlist("key"))
            content = await self.serve(_Context(request, parameters, principal))
            return JSONResponse(content, headers=_HEADERS)
        except Refusal as refusal:
            return self._error(refusal)
        except Exception:
            log.exception("torrent_api.failed", method=self.method)
            return self._error(Refusal("internal"))

    def _check_verb(self, request: Request) -> None:
        taken = {self.verb, "HEAD"} if self.verb == "GET" else {self.verb}
        if request.method not in taken:
            raise Refusal("bad-method")

    async def _parameters(self, request: Request) -> TorrentApiParameters:
        """Return the query's parameters, and of a POST the form's as well."""
        pairs = request.query_params.multi_items()
        if request.method == "POST":
            async with Body(request, _BODY_LIMIT, self.services.memory) as body:
                pairs = [*pairs, *await _read_form(request, body)]
        return ImmutableMultiDict(pairs)

    async def _admit(self, request: Request, keys: Sequence[str]) -> Principal:
        """Check in this order: the key, its methods, the right, the rate limit."""
        try:
            # Two different keys are ambiguous, so they count as none.
            secret = keys[0] if len(set(keys)) == 1 else ""
            principal = await self.services.authenticator.by_secret(secret, Scope.TORRENT_API)
        except Refusal:
            # Guesses count by address.
            self._count(request, NOBODY)
            raise
        key = principal.key
        if key is not None and key.methods is not None and self.method not in key.methods:
            raise Refusal("method-forbidden")
        self.services.rights.require(principal, Right.UPLOAD if self.method == "add" else Right.READ)
        self._count(request, principal)
        return principal

    def _count(self, request: Request, principal: Principal) -> None:
        """Count a request by its account, else by its address; requests without an address share one count."""
        try:
            address = self.services.clients.of(request.scope)
        except Refusal:
            # A request of a trusted proxy itself, as by an operator on its machine.
            address = _NO_ADDRESS
        if not self.services.rate_limits.take(DIALECT, principal, address).granted:
            raise Refusal("too-many-requests")

    def _error(self, refusal: Refusal) -> Response:
        code = _CODES.get(refusal.code, _INVALID)
        status = HTTPStatus.INTERNAL_SERVER_ERROR if self.documented_errors else code.status
        headers = dict(_HEADERS)
        if refusal.code == "bad-method":
            headers["Allow"] = "GET, HEAD" if self.verb == "GET" else self.verb
        if refusal.code == "too-large":
            headers["Connection"] = "close"
        return JSONResponse({"error": code.name, "message": str(refusal)}, status, headers)


@dataclass(frozen=True, slots=True)
class _Methods:
    services: Services
    titles: ImdbTitles

    async def list_torrents(self, context: _Context) -> dict[str, object]:
        """Return every torrent of a title at IMDb, newest first."""
        imdb = context.request.path_params["imdb"]
        if not _IMDB.fullmatch(imdb):
            raise Refusal("bad-imdb")
        torrents = await self._of_title(int(imdb[2:]))
        alive = await self._alive(torrents)
        return {
            "imdb": imdb,
            "title": await self._title_of(int(imdb[2:]), torrents),
            "torrents": [
                {
                    "infohash": torrent.infohash.lower,
                    "size": torrent.size,
                    "dateAdded": _time(torrent.added),
                    "name": torrent.name,
                    "alive": torrent.infohash in alive,
                }
                for torrent in torrents
            ],
        }

    async def info(self, context: _Context) -> dict[str, object]:
        """Return one torrent; `imdbId` only where it has one."""
        torrent = await self._torrent(context)
        imdb = torrent.group.imdb
        title = torrent.name if imdb is None else await self._title_of(imdb, (torrent,))
        answer: dict[str, object] = {
            "infohash": torrent.infohash.lower,
            "torrentName": torrent.name,
            "size": torrent.size,
            "category": await self._category(torrent.group.category),
            "title": title,
        }
        if imdb is not None:
            answer["imdbId"] = f"tt{imdb:07d}"
        alive = await self._alive((torrent,))
        return answer | {"dateAdded": _time(torrent.added), "alive": torrent.infohash in alive}

    async def peers(self, context: _Context) -> dict[str, object]:
        """Return how many peers a torrent had on a day, by country unless `short` is set."""
        infohash, day, country = _infohash_of(context), _day_of(context), _country_of(context)
        torrent = await self._find(infohash)
        report = await self.services.census.report(torrent.infohash, day)
        countries = [(code, peers) for code, peers in report.countries if country in (None, code)]
        answer: dict[str, object] = {
            "day": report.day.isoformat(),
            "infohash": torrent.infohash.lower,
            "totalPeers": sum(peers for _, peers in countries),
        }
        if _single(context.parameters, "short", "bad-request").lower() != "true":
            answer["countries"] = [{"code": code, "peers": peers} for code, peers in countries]
        return answer

    async def add(self, context: _Context) -> dict[str, object]:
        """Add a torrent by its infohash; an existing one is left unchanged.

        A lookup of its metadata is started.
        """
        text = _single(context.parameters, "infohash", "bad-infohash")
        infohash = _parse_infohash(text)
        await self.services.curation.add_by_infohash(context.principal, infohash)
        await self.services.lookups.begin(infohash, account=context.principal.id)
        return {}

    async def _torrent(self, context: _Context) -> Torrent:
        return await self._find(_infohash_of(context))

    async def _find(self, infohash: InfoHash) -> Torrent:
        torrent = await self.services.catalogue.torrents.torrent(infohash, PUBLIC_VIEWER)
        if torrent is None:
            raise Refusal("not-found")
        return torrent

    async def _of_title(self, number: int) -> list[Torrent]:
        torrents: list[Torrent] = []
        as_of, offset = None, 0
        while offset < _MAX_LIST:
            wanted = SearchQuery(ImdbTerm(number), SortOrder.TIME, offset=offset, limit=_PAGE, as_of=as_of)
            found = await self.services.search.torrents(wanted)
            torrents += await self.services.catalogue.torrents.torrents(found.ids, PUBLIC_VIEWER)
            as_of, offset = found.as_of, offset + _PAGE
            if len(found.ids) < _PAGE:
                break
        return sorted(torrents, key=lambda torrent: (torrent.added, torrent.id), reverse=True)

    async def _title_of(self, number: int, torrents: Sequence[Torrent]) -> str | None:
        """Return a title's name at IMDb where that is imported, else the newest group's name."""
        title = await self.titles.get(number)
        if title is not None:
            return title.title
        return torrents[0].group.name if torrents else None

    async def _alive(self, torrents: Sequence[Torrent]) -> frozenset[InfoHash]:
        counted = await self.services.census.alive([torrent.infohash for torrent in torrents])
        return counted | {torrent.infohash for torrent in torrents if self._has_peers(torrent.infohash)}

    def _has_peers(self, infohash: InfoHash) -> bool:
        counts = self.services.scrape(infohash)
        return counts.complete + counts.incomplete > 0

    async def _category(self, category: Category) -> str:
        """Return the name of the top-level category that a category is or belongs to."""
        if category.parent is None:
            return category.name
        categories = await self.services.catalogue.categories.all()
        return next(each.name for each in categories if each.id == category.parent)


def _infohash_of(context: _Context) -> InfoHash:
    return _parse_infohash(context.request.path_params["infohash"])


def _parse_infohash(text: str) -> InfoHash:
    if not _HASH.fullmatch(text):
        raise Refusal("bad-infohash")
    return InfoHash.parse(text)


def _day_of(context: _Context) -> date | None:
    text = _single(context.parameters, "day", "bad-day")
    if not text:
        return None
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise Refusal("bad-day")


def _country_of(context: _Context) -> str | None:
    text = _single(context.parameters, "countryCode", "bad-country")
    if not text:
        return None
    if not _COUNTRY.fullmatch(text):
        raise Refusal("bad-country")
    return text.upper()


def _single(parameters: TorrentApiParameters, name: str, code: str) -> str:
    """Return a parameter's value, "" where it is missing. Refusal `code`: there are several."""
    values = parameters.getlist(name)
    if len(values) > 1:
        raise Refusal(code)
    return values[0] if values else ""


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


async def _read_form(request: Request, body: Body) -> list[tuple[str, str]]:
    """Return the fields of a form in either encoding, files left out. Refusal: `bad-request`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind == "multipart/form-data":
            reader = MultiPartParser(request.headers, body.stream(), max_files=1, max_fields=_MAX_FIELDS)
            form = await reader.parse()
            return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
        text = (await body.read()).decode("utf-8", "replace")
        if kind in {"application/x-www-form-urlencoded", ""}:
            return parse_qsl(text, keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except (MultiPartException, ValueError):
        raise Refusal("bad-request", "the form cannot be read") from None
    if text:
        raise Refusal("bad-request", "send a form")
    return []
