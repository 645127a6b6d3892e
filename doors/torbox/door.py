"""The TorBox API's routes: authentication, rate limit and dispatch of each path to its handler."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accounts.model import NOBODY, Principal, Scope
from accounts.rights import Right
from bittorrent.refusal import Refusal
from doors.services import Services
from doors.torbox import account, control, create_torrent, download_links, listing, torrent_info
from doors.torbox.context import Handler, TorboxContext
from doors.torbox.envelope import failure, refused
from doors.torbox.error_codes import ENDPOINT_NOT_FOUND, NO_AUTH, RATE_LIMIT, TorboxError
from doors.torbox.list_cache import ListCache
from doors.torbox.parameters import TorboxParameters
from doors.torbox.shapes import TorboxShapes

DIALECT = "torbox"
PREFIX = "/v1/api"

_METHODS = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class TorboxEndpoint:
    """A path: its handlers by HTTP method, and the name by which a key can be limited to it.

    With `token_in_query` the key is in the query; with `anonymous` a request without a key is anonymous.
    """

    path: str
    name: str
    handlers: Mapping[str, Handler]
    token_in_query: bool = False
    anonymous: bool = False


_QUEUE = {"GET": listing.queued}
_CONTROL_QUEUE = {"POST": control.queued}
ENDPOINTS = (
    TorboxEndpoint("/torrents/createtorrent", "createtorrent", {"POST": create_torrent.create}),
    TorboxEndpoint(
        "/torrents/controltorrent", "controltorrent", {"POST": control.torrents, "DELETE": control.torrents}
    ),
    TorboxEndpoint(
        "/torrents/controltorrent/{id}", "controltorrent", {"DELETE": control.one, "POST": control.one}
    ),
    TorboxEndpoint(
        "/torrents/requestdl", "requestdl", {"GET": download_links.request_link}, token_in_query=True
    ),
    TorboxEndpoint("/torrents/mylist", "mylist", {"GET": listing.torrents}),
    TorboxEndpoint("/torrents/checkcached", "checkcached", {"GET": listing.cached, "POST": listing.cached}),
    TorboxEndpoint("/torrents/exportdata", "exportdata", {"GET": download_links.export}),
    TorboxEndpoint(
        "/torrents/torrentinfo",
        "torrentinfo",
        {"GET": torrent_info.by_hash, "POST": torrent_info.by_form},
        anonymous=True,
    ),
    TorboxEndpoint("/user/me", "user", {"GET": account.me}),
    TorboxEndpoint("/queued/getqueued", "getqueued", _QUEUE),
    TorboxEndpoint("/torrents/getqueued", "getqueued", _QUEUE),
    TorboxEndpoint("/queued/controlqueued", "controlqueued", _CONTROL_QUEUE),
    TorboxEndpoint("/torrents/controlqueued", "controlqueued", _CONTROL_QUEUE),
)
METHODS = frozenset(endpoint.name for endpoint in ENDPOINTS)
"""The names to which a key of this dialect can be limited."""


def routes(services: Services) -> list[Route]:
    """Return the dialect's routes; any other path below its prefix, or another version's, is ENDPOINT_NOT_FOUND."""
    shared = _Shared(services, TorboxShapes(), ListCache(services.clock))
    known: list[Route] = []
    for endpoint in ENDPOINTS:
        dispatcher = _Dispatcher(shared, endpoint)
        spellings = (PREFIX + endpoint.path, PREFIX + endpoint.path + "/")
        known += [Route(path, dispatcher.answer, methods=_METHODS) for path in spellings]
    others = ("/v{version}/api", "/v{version}/api/{rest:path}")
    return [*known, *(Route(path, _not_found, methods=_METHODS) for path in others)]


@dataclass(frozen=True, slots=True)
class _Shared:
    services: Services
    shapes: TorboxShapes
    list_cache: ListCache


@dataclass(frozen=True, slots=True)
class _Dispatcher:
    shared: _Shared
    endpoint: TorboxEndpoint
    services: Services = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "services", self.shared.services)

    async def answer(self, request: Request) -> Response:
        """Answer a request to the path."""
        try:
            return await self._serve(request)
        except TorboxError as failed:
            return failure(failed)
        except Refusal as refusal:
            response = refused(refusal)
            if refusal.code == "bad-method":
                response.headers["Allow"] = ", ".join(self.endpoint.handlers)
            return response
        except Exception:
            log.exception("torbox.failed", method=self.endpoint.name)
            return refused(Refusal("internal"))

    async def _serve(self, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        handler = self.endpoint.handlers.get(method)
        if handler is None:
            raise Refusal("bad-method")
        query = TorboxParameters.of(request.query_params.multi_items())
        address = self.services.clients.of(request.scope)
        principal = await self._authenticate(request, query, address)
        if not self.services.downloads.available:
            raise Refusal("no-downloads")
        shared = self.shared
        return await handler(
            TorboxContext(
                shared.services, shared.shapes, shared.list_cache, request, principal, address, query
            )
        )

    async def _authenticate(self, request: Request, query: TorboxParameters, address: bytes) -> Principal:
        """Return the principal, counted against its rate limit; a wrong key counts for its address."""
        try:
            principal = await self._principal(request, query)
        except (TorboxError, Refusal):
            self._count(NOBODY, address)
            raise
        self._count(principal, address)
        key = principal.key
        if key is not None and key.methods is not None and self.endpoint.name not in key.methods:
            raise Refusal("method-forbidden")
        if principal.user is not None:
            self.services.rights.require(principal, Right.DOWNLOAD)
        return principal

    async def _principal(self, request: Request, query: TorboxParameters) -> Principal:
        secret = query.text("token").strip() if self.endpoint.token_in_query else ""
        # Some clients send the header for every path.
        secret = secret or _bearer(request)
        if secret:
            return await self.services.authenticator.by_secret(secret, Scope.TORBOX)
        if self.endpoint.anonymous:
            return NOBODY
        raise TorboxError(
            NO_AUTH,
            "This needs a key: send it as "
            + ("token." if self.endpoint.token_in_query else "a bearer token."),
        )

    def _count(self, principal: Principal, address: bytes) -> None:
        rate_limits = self.services.rate_limits
        allowance = rate_limits.take(DIALECT, principal, address)
        if not allowance.granted:
            wait = ceil(allowance.reset - self.services.clock())
            raise TorboxError(RATE_LIMIT, rate_limits.rate_of(DIALECT, principal), wait=wait)


def _bearer(request: Request) -> str:
    """Return the key of `Authorization: Bearer KEY`, or KEY alone; cookies are ignored."""
    lines = request.headers.getlist("authorization")
    if not lines:
        return ""
    words = lines[0].split()
    if len(lines) > 1 or len(words) > 2 or (len(words) == 2 and words[0].lower() not in {"bearer", "token"}):
        raise Refusal("bad-token")
    secret = words[-1] if words else ""
    return "" if secret.lower() == "bearer" else secret


async def _not_found(request: Request) -> Response:
    return failure(TorboxError(ENDPOINT_NOT_FOUND, "There is no such endpoint here."))
