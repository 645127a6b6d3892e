"""The REST API's routes, how they are admitted, and the dispatch of a path and method to an operation."""

from collections.abc import Iterable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from accounts import model
from bittorrent.refusal import Refusal
from doors.admission import (
    Admission,
    AdmittedRoute,
    ApiDialect,
    Endpoint,
    Exchange,
    Handler,
    Step,
    header,
    no_endpoint,
    session,
)
from doors.rest import (
    access,
    bodies,
    changes,
    collages,
    comments,
    credit,
    envelope,
    groups,
    invites,
    lists,
    mail,
    moderation,
    sessions,
    taxonomy,
    tokens,
    torrents,
    users,
    webhooks,
)
from doors.rest.api_docs import ApiDocs
from doors.rest.operation import Listing, Operation, RestContext, RestServices, Result
from doors.rest.parameters import FieldValues, read_query

PREFIX = "/api"
CSRF = "X-CSRF-Token"
# Paths below /api that belong to the SOAP service.
_SOAP_PATHS = frozenset({f"{PREFIX}/", f"{PREFIX}/index.php", f"{PREFIX}/torrage.wsdl"})
_STEPS = (
    Step.CREDENTIALS,
    Step.RATE,
    Step.ENDPOINT,
    Step.ACCOUNT,
    Step.KEY_METHODS,
    Step.RIGHT,
    Step.CSRF,
)

OPERATIONS: tuple[Operation, ...] = (
    *users.OPERATIONS,
    *mail.OPERATIONS,
    *torrents.OPERATIONS,
    *groups.OPERATIONS,
    *changes.OPERATIONS,
    *webhooks.OPERATIONS,
    *taxonomy.OPERATIONS,
    *comments.OPERATIONS,
    *collages.OPERATIONS,
    *access.OPERATIONS,
    *moderation.OPERATIONS,
    *sessions.OPERATIONS,
    *tokens.OPERATIONS,
    *lists.OPERATIONS,
    *credit.OPERATIONS,
    *invites.OPERATIONS,
)


def operations(services: RestServices) -> tuple[Operation, ...]:
    """Return every operation, the API's own documentation included."""
    return (*ApiDocs(services, OPERATIONS).operations, *OPERATIONS)


def routes(services: RestServices) -> list[Route]:
    """Return the dialect's routes: one for each path, `/api/v1/` as an alias, and a fallback below /api/."""
    dialect = ApiDialect(
        "rest",
        (header(model.Scope.REST), session),
        _STEPS,
        _render,
        csrf_token=lambda exchange: exchange.request.headers.get(CSRF),
        finish=_finish,
    )
    by_path: dict[str, list[Operation]] = {}
    for operation in operations(services):
        by_path.setdefault(operation.path, []).append(operation)
    paths = [_PathRoute(services, dialect, path, offered) for path, offered in by_path.items()]
    alias = _PrefixRoute(f"{PREFIX}/v1/", services.admission, dialect, paths)
    return [*paths, alias, _PrefixRoute(f"{PREFIX}/", services.admission, dialect, paths)]


def _render(_: Exchange, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return envelope.error_response(error)


def _finish(exchange: Exchange, response: Response) -> None:
    if exchange.rate is not None:
        response.headers.update(envelope.allowance_headers(exchange.rate))
    for name, value in envelope.HEADERS.items():
        response.headers.setdefault(name, value)


def _handler(services: RestServices, operation: Operation) -> Handler:
    async def answer(exchange: Exchange) -> Response:
        request = exchange.request
        query = read_query(request.scope["query_string"], operation.query)
        fields, file = await _read(exchange, operation)
        context = RestContext(services, request, exchange.principal, exchange.address, query, fields, file)
        return await _respond(operation, await operation.handler(context))

    return answer


async def _read(exchange: Exchange, operation: Operation) -> tuple[FieldValues, bytes]:
    if operation.body is None:
        return FieldValues(), b""
    request, body = exchange.request, exchange.body
    if operation.form:
        return await bodies.read_form(request, body, operation.body, operation.required)
    return await bodies.read_json(request, body, operation.body, operation.required), b""


async def _respond(operation: Operation, answer: Result) -> Response:
    if answer is None:
        return Response(status_code=204)
    if isinstance(answer, Response):
        return answer
    if isinstance(answer, Listing):
        return envelope.collection_response(answer)
    return await envelope.object_response(answer, operation.status)


class _PathRoute(AdmittedRoute):
    """One path and its operations by method."""

    def __init__(
        self, services: RestServices, dialect: ApiDialect, path: str, offered: Sequence[Operation]
    ) -> None:
        handlers = {each.method: (each.endpoint, _handler(services, each)) for each in offered}
        super().__init__(PREFIX + path, services.admission, dialect, handlers)


class _PrefixRoute(Route):
    """Every path with a prefix: the dialect's paths under that prefix, 405 or 404."""

    def __init__(
        self, prefix: str, admission: Admission, dialect: ApiDialect, paths: Iterable[_PathRoute]
    ) -> None:
        self._prefix = prefix
        self._admission = admission
        self._dialect = dialect
        self._paths = tuple(paths)
        self.endpoints: dict[str, Endpoint] = {"GET": no_endpoint(Refusal("not-found"))[0]}
        super().__init__(prefix + "{rest:path}", _AnyMethod(self))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as routes do, except for the paths of the SOAP service."""
        if scope["type"] == "http" and scope["path"] in _SOAP_PATHS:
            return Match.NONE, {}
        return super().matches(scope)

    async def serve(self, request: Request) -> Response:
        """Answer a request by the path without the prefix."""
        scope = {**request.scope, "path": f"{PREFIX}/{request.path_params['rest']}", "path_params": {}}
        for path in self._paths:
            match, found = path.matches(scope)
            if match is not Match.NONE:
                inner: dict[str, Any] = {**request.scope, "path_params": found["path_params"]}
                return await path.serve(Request(inner, request.receive))
        return await self._admission.answer(self._dialect, request, *no_endpoint(Refusal("not-found")))


class _AnyMethod:
    """Takes every method, as an ASGI application does."""

    def __init__(self, route: _PrefixRoute) -> None:
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._route.serve(Request(scope, receive))
        await response(scope, receive, send)
