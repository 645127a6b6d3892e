"""The Torrent API: list, info, peers and add, with the key in the query and errors as code and message."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import NamedTuple

from starlette.datastructures import ImmutableMultiDict
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from accounts.model import Principal, Scope
from accounts.rights import Right
from actions.curation import Curation
from actions.lookups import Lookups
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.imdb_titles import ImdbTitles
from catalogue.model import PUBLIC_VIEWER, Category, Torrent
from catalogue.query import ImdbTerm, SearchQuery, SortOrder
from doors.admission import Admission, AdmittedRoute, ApiDialect, Endpoint, Exchange, Handler, Step, parameter
from doors.bodies import FormRules
from doors.services import CatalogueReading, SwarmNumbers

DIALECT = "torrent_api"
METHODS = frozenset({"list", "info", "peers", "add"})
"""The methods that a key of this dialect can be restricted to."""

_BODY_LIMIT = 16 * 1024
_FORM = FormRules(max_fields=32, max_files=1, max_text=16 * 1024, untyped=True, empty=True)
_PAGE = 500
_MAX_LIST = 10_000
_HEADERS = {"Cache-Control": "no-store"}
_STEPS = (Step.ENDPOINT, Step.FORM, Step.CREDENTIALS, Step.KEY_METHODS, Step.RIGHT, Step.RATE)
_HASH = re.compile(r"[0-9A-Fa-f]{40}")
_IMDB = re.compile(r"tt[0-9]{7,10}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_COUNTRY = re.compile(r"[A-Za-z]{2}")

TorrentApiParameters = ImmutableMultiDict[str, str]


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


@dataclass(frozen=True, slots=True)
class TorrentApiServices:
    """What the Torrent API asks of the service."""

    admission: Admission
    catalogue: CatalogueReading
    titles: ImdbTitles
    curation: Curation
    lookups: Lookups
    swarms: SwarmNumbers


def routes(
    services: TorrentApiServices, *, documented_errors: bool = False, page: int = _PAGE
) -> list[Route]:
    """Return the dialect's routes, which must precede the cache's below `/torrent/`.

    With `documented_errors` every error has status 500, as the dialect's documentation says. A list is read by pages of
    so many torrents.
    """
    admission = services.admission
    methods = _Methods(services, page)

    def render(_: Exchange, error: Exception) -> Response:
        return _error(error, documented=documented_errors)

    dialect = ApiDialect(DIALECT, (parameter("key", Scope.TORRENT_API, required=True),), _STEPS, render)
    read, add = Endpoint(right=Right.READ), Endpoint(right=Right.UPLOAD, max_body=_BODY_LIMIT, form=_FORM)
    table = (
        ("/torrent/list/imdb/{imdb:path}", "list", methods.list_torrents, "GET", read),
        ("/torrent/info/{infohash:path}", "info", methods.info, "GET", read),
        ("/torrent/peers/{infohash:path}", "peers", methods.peers, "GET", read),
        ("/torrent/add", "add", methods.add, "POST", add),
    )
    return [
        AdmittedRoute(
            path,
            admission,
            dialect,
            {verb: (replace(endpoint, name=name), _handler(method))},
            every_method=True,
        )
        for path, name, method, verb, endpoint in table
    ]


@dataclass(frozen=True, slots=True)
class _Context:
    request: Request
    parameters: TorrentApiParameters
    principal: Principal


def _handler(method: Callable[[_Context], Awaitable[dict[str, object]]]) -> Handler:
    async def answer(exchange: Exchange) -> Response:
        pairs = [*exchange.request.query_params.multi_items(), *exchange.form.texts]
        context = _Context(exchange.request, ImmutableMultiDict(pairs), exchange.principal)
        return JSONResponse(await method(context), headers=_HEADERS)

    return answer


def _error(error: Exception, *, documented: bool) -> Response:
    assert isinstance(error, Refusal)
    code = _CODES.get(error.code, _INVALID)
    status = HTTPStatus.INTERNAL_SERVER_ERROR if documented else code.status
    return JSONResponse({"error": code.name, "message": str(error)}, status, _HEADERS)


@dataclass(frozen=True, slots=True)
class _Methods:
    services: TorrentApiServices
    page: int

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
        report = await self.services.swarms.census.report(torrent.infohash, day)
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
        torrent = await self.services.catalogue.store.torrents.torrent(infohash, PUBLIC_VIEWER)
        if torrent is None:
            raise Refusal("not-found")
        return torrent

    async def _of_title(self, number: int) -> list[Torrent]:
        torrents: list[Torrent] = []
        as_of, offset = None, 0
        while offset < _MAX_LIST:
            wanted = SearchQuery(
                ImdbTerm(number), SortOrder.TIME, offset=offset, limit=self.page, as_of=as_of
            )
            found = await self.services.catalogue.search.torrents(wanted)
            torrents += await self.services.catalogue.store.torrents.torrents(found.ids, PUBLIC_VIEWER)
            as_of, offset = found.as_of, offset + self.page
            if len(found.ids) < self.page:
                break
        return sorted(torrents, key=lambda torrent: (torrent.added, torrent.id), reverse=True)

    async def _title_of(self, number: int, torrents: Sequence[Torrent]) -> str | None:
        """Return a title's name at IMDb where that is imported, else the newest group's name."""
        title = await self.services.titles.get(number)
        if title is not None:
            return title.title
        return torrents[0].group.name if torrents else None

    async def _alive(self, torrents: Sequence[Torrent]) -> frozenset[InfoHash]:
        counted = await self.services.swarms.census.alive([torrent.infohash for torrent in torrents])
        return counted | {torrent.infohash for torrent in torrents if self._has_peers(torrent.infohash)}

    def _has_peers(self, infohash: InfoHash) -> bool:
        counts = self.services.swarms.scrape(infohash)
        return counts.complete + counts.incomplete > 0

    async def _category(self, category: Category) -> str:
        """Return the name of the top-level category that a category is or belongs to."""
        if category.parent is None:
            return category.name
        categories = await self.services.catalogue.store.categories.all()
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
