"""The TorBox API's routes, and how they are admitted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.responses import Response
from starlette.routing import Route

from accounts.model import Scope
from accounts.rights import Right
from bittorrent.refusal import Refusal
from doors.admission import (
    AdmittedRoute,
    ApiDialect,
    Endpoint,
    Exchange,
    Handler,
    NoEndpointRoute,
    Step,
    header,
    parameter,
)
from doors.torbox import account, control, create_torrent, download_links, listing, torrent_info
from doors.torbox.bodies import FORM, MAX_JSON, MAX_TEXT
from doors.torbox.context import Handler as TorboxHandler
from doors.torbox.context import TorboxContext, TorboxServices
from doors.torbox.envelope import failure, refused
from doors.torbox.error_codes import ENDPOINT_NOT_FOUND, NO_AUTH, RATE_LIMIT, TorboxError
from doors.torbox.list_cache import ListCache
from doors.torbox.parameters import TorboxParameters
from doors.torbox.shapes import TorboxShapes

DIALECT = "torbox"
PREFIX = "/v1/api"

# Some clients send the header `Authorization` for every path, and nothing else.
_HEADER = header(Scope.TORBOX, optional=True)
_CREDENTIALS = (_HEADER,)
_TOKEN = (parameter("token", Scope.TORBOX), _HEADER)
_STEPS = (
    Step.ENDPOINT,
    Step.CREDENTIALS,
    Step.RATE,
    Step.ACCOUNT,
    Step.KEY_METHODS,
    Step.RIGHT,
    Step.FORM,
)

_KEYED = Endpoint(account=True, right=Right.DOWNLOAD)
_JSON = replace(_KEYED, max_body=MAX_JSON)
_OPEN = Endpoint(right=Right.DOWNLOAD)


@dataclass(frozen=True, slots=True)
class TorboxPath:
    """A path: the name by which a key can be limited to it, and its endpoint and handler by HTTP method."""

    path: str
    name: str
    handlers: Mapping[str, tuple[Endpoint, TorboxHandler]]


def _upload(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, max_body=MAX_TEXT, file=True, form=FORM)


_QUEUE = {"GET": (_KEYED, listing.queued)}
_CONTROL_QUEUE = {"POST": (_JSON, control.queued)}
PATHS = (
    TorboxPath(
        "/torrents/createtorrent", "createtorrent", {"POST": (_upload(_KEYED), create_torrent.create)}
    ),
    TorboxPath(
        "/torrents/controltorrent",
        "controltorrent",
        {"POST": (_JSON, control.torrents), "DELETE": (_JSON, control.torrents)},
    ),
    TorboxPath(
        "/torrents/controltorrent/{id}",
        "controltorrent",
        {"DELETE": (_JSON, control.one), "POST": (_JSON, control.one)},
    ),
    TorboxPath(
        "/torrents/requestdl",
        "requestdl",
        {"GET": (replace(_KEYED, credentials=_TOKEN), download_links.request_link)},
    ),
    TorboxPath("/torrents/mylist", "mylist", {"GET": (_KEYED, listing.torrents)}),
    TorboxPath(
        "/torrents/checkcached",
        "checkcached",
        {"GET": (_KEYED, listing.cached), "POST": (_JSON, listing.cached)},
    ),
    TorboxPath("/torrents/exportdata", "exportdata", {"GET": (_KEYED, download_links.export)}),
    TorboxPath(
        "/torrents/torrentinfo",
        "torrentinfo",
        {"GET": (_OPEN, torrent_info.by_hash), "POST": (_upload(_OPEN), torrent_info.by_form)},
    ),
    TorboxPath("/user/me", "user", {"GET": (_KEYED, account.me)}),
    TorboxPath("/queued/getqueued", "getqueued", _QUEUE),
    TorboxPath("/torrents/getqueued", "getqueued", _QUEUE),
    TorboxPath("/queued/controlqueued", "controlqueued", _CONTROL_QUEUE),
    TorboxPath("/torrents/controlqueued", "controlqueued", _CONTROL_QUEUE),
)
METHODS = frozenset(path.name for path in PATHS)
"""The names to which a key of this dialect can be limited."""


def routes(services: TorboxServices) -> list[Route]:
    """Return the dialect's routes; any other path below its prefix, or another version's, is ENDPOINT_NOT_FOUND."""
    admission, dialect = services.admission, ApiDialect(DIALECT, _CREDENTIALS, _STEPS, _render)
    shared = _Shared(services, TorboxShapes(), ListCache(admission.clock))
    found: list[Route] = []
    for each in PATHS:
        handlers = {
            method: (replace(endpoint, name=each.name), shared.handler(handler))
            for method, (endpoint, handler) in each.handlers.items()
        }
        found += [
            AdmittedRoute(PREFIX + path, admission, dialect, handlers, every_method=True)
            for path in (each.path, each.path + "/")
        ]
    unknown = TorboxError(ENDPOINT_NOT_FOUND, "There is no such endpoint here.")
    return found + [
        NoEndpointRoute(path, admission, dialect, unknown)
        for path in ("/v{version}/api", "/v{version}/api/{rest:path}")
    ]


@dataclass(frozen=True, slots=True)
class _Shared:
    services: TorboxServices
    shapes: TorboxShapes
    list_cache: ListCache

    def handler(self, handler: TorboxHandler) -> Handler:
        """Return a handler as the pipeline calls it."""

        async def answer(exchange: Exchange) -> Response:
            if not self.services.downloads.downloads.available:
                raise Refusal("no-downloads")
            request = exchange.request
            query = TorboxParameters.of(request.query_params.multi_items())
            return await handler(
                TorboxContext(
                    self.services,
                    self.shapes,
                    self.list_cache,
                    request,
                    exchange.principal,
                    exchange.address,
                    query,
                    exchange.body,
                    exchange.form,
                )
            )

        return answer


def _render(exchange: Exchange, error: Exception) -> Response:
    if isinstance(error, TorboxError):
        return failure(error)
    assert isinstance(error, Refusal)
    if error.code == "unauthenticated":
        kind = "token." if exchange.endpoint.credentials else "a bearer token."
        return failure(TorboxError(NO_AUTH, f"This needs a key: send it as {kind}"))
    if error.code == "too-many-requests":
        rate = exchange.admission.rate_limits.rate_of(DIALECT, exchange.principal)
        return failure(TorboxError(RATE_LIMIT, rate, wait=exchange.retry_after))
    return refused(error)
