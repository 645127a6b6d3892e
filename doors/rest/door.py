"""The REST API's routes: rate limit, authentication, validation and dispatch to an operation."""

from collections.abc import Iterable, Sequence
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

from accounts import model
from accounts.model import NOBODY, Principal
from bittorrent.refusal import Refusal
from doors.rate_limits import RateLimitState
from doors.request_limits import Body
from doors.rest import (
    bodies,
    collages,
    comments,
    envelope,
    groups,
    lists,
    moderation,
    taxonomy,
    tokens,
    torrents,
    users,
)
from doors.rest.api_docs import ApiDocs
from doors.rest.operation import Listing, Operation, RestContext, Result
from doors.rest.parameters import FieldValues, read_query
from doors.services import Services

PREFIX = "/api"
CSRF = "X-CSRF-Token"
# Paths below /api that belong to the SOAP service.
_SOAP_PATHS = frozenset({f"{PREFIX}/", f"{PREFIX}/index.php", f"{PREFIX}/torrage.wsdl"})
_DIALECT = "rest"
_RATE_LIMITED = "too-many-requests"

OPERATIONS: tuple[Operation, ...] = (
    *users.OPERATIONS,
    *torrents.OPERATIONS,
    *groups.OPERATIONS,
    *taxonomy.OPERATIONS,
    *comments.OPERATIONS,
    *collages.OPERATIONS,
    *moderation.OPERATIONS,
    *tokens.OPERATIONS,
    *lists.OPERATIONS,
)

log = structlog.get_logger()


def operations(services: Services) -> tuple[Operation, ...]:
    """Return every operation, the API's own documentation included."""
    return (*ApiDocs(services, OPERATIONS).operations, *OPERATIONS)


def routes(services: Services) -> list[Route]:
    """Return the dialect's routes: one for each path, `/api/v1/` as an alias, and a fallback below /api/."""
    dispatcher = _Dispatcher(services)
    by_path: dict[str, list[Operation]] = {}
    for operation in operations(services):
        by_path.setdefault(operation.path, []).append(operation)
    paths = [_PathRoute(dispatcher, path, offered) for path, offered in by_path.items()]
    alias = _PrefixRoute(f"{PREFIX}/v1/", dispatcher, paths)
    return [*paths, alias, _PrefixRoute(f"{PREFIX}/", dispatcher, paths)]


class _Dispatcher:
    """Answers requests; every response has the headers of the rate limit."""

    def __init__(self, services: Services) -> None:
        self._services = services

    async def answer(self, request: Request, operation: Operation | Refusal) -> Response:
        address = self._address(request)
        principal, refusal = await self._authenticate(request, operation)
        allowance = self._services.rate_limits.take(_DIALECT, principal, address)
        if not allowance.granted:
            refusal = Refusal(_RATE_LIMITED)
        try:
            response = await self._serve(request, operation, principal, address, refusal)
        except Refusal as refused:
            response = envelope.error_response(refused)
            self._set_retry_after(response, refused, allowance)
        except Exception:
            log.exception("rest.failed", path=request.url.path, method=request.method)
            response = envelope.error_response(Refusal("internal"))
        response.headers.update(envelope.allowance_headers(allowance))
        for name, value in envelope.HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    def _address(self, request: Request) -> bytes:
        try:
            return self._services.clients.of(request.scope)
        except Refusal:
            return bytes(4)

    async def _authenticate(
        self, request: Request, operation: Operation | Refusal
    ) -> tuple[Principal, Refusal | None]:
        """Return the principal; anonymous with the refusal where credentials are wrong: they count for the address."""
        if isinstance(operation, Operation) and not operation.identified:
            return NOBODY, None
        try:
            return await self._services.authenticator.by_request(request, model.Scope.REST), None
        except Refusal as refusal:
            return NOBODY, refusal

    async def _serve(
        self,
        request: Request,
        operation: Operation | Refusal,
        principal: Principal,
        address: bytes,
        refusal: Refusal | None,
    ) -> Response:
        largest = self._max_body(operation) if isinstance(operation, Operation) else 0
        async with Body(request, largest, self._services.memory) as body:
            if refusal is not None:
                raise refusal
            if isinstance(operation, Refusal):
                raise operation
            self._authorize(request, operation, principal)
            query = read_query(request.scope["query_string"], operation.query)
            fields, file = await self._read(request, body, operation)
            context = RestContext(self._services, request, principal, address, query, fields, file)
            return await _respond(operation, await operation.handler(context))

    def _max_body(self, operation: Operation) -> int:
        if operation.body is None:
            return bodies.MAX_BODY
        return bodies.max_body_size(operation.body) + (self._services.uploads.limit if operation.form else 0)

    def _authorize(self, request: Request, operation: Operation, principal: Principal) -> None:
        """Refuse whoever may not do this at all; ownership is checked by the operation itself."""
        if operation.account and principal.user is None:
            raise Refusal("unauthenticated")
        key = principal.key
        if key is not None and key.methods is not None and operation.name not in key.methods:
            raise Refusal("method-forbidden")
        if operation.right is not None:
            self._services.rights.require(principal, operation.right, principal.id)
        if operation.requires_csrf:
            self._services.authenticator.require_csrf(principal, request.headers.get(CSRF))

    async def _read(self, request: Request, body: Body, operation: Operation) -> tuple[FieldValues, bytes]:
        if operation.body is None:
            return FieldValues(), b""
        if operation.form:
            return await bodies.read_form(request, body, operation.body, operation.required)
        return await bodies.read_json(request, body, operation.body, operation.required), b""

    def _set_retry_after(self, response: Response, refusal: Refusal, allowance: RateLimitState) -> None:
        if refusal.code == _RATE_LIMITED:
            response.headers["Retry-After"] = str(max(1, allowance.reset - int(self._services.clock())))


async def _respond(operation: Operation, answer: Result) -> Response:
    if answer is None:
        return Response(status_code=204)
    if isinstance(answer, Response):
        return answer
    if isinstance(answer, Listing):
        return envelope.collection_response(answer)
    return await envelope.object_response(answer, operation.status)


class _PathRoute(Route):
    """One path and its operations by method."""

    def __init__(self, dispatcher: _Dispatcher, path: str, offered: Sequence[Operation]) -> None:
        self._dispatcher = dispatcher
        self._by_method = {operation.method: operation for operation in offered}
        super().__init__(PREFIX + path, self.serve, methods=list(self._by_method))

    def operation(self, method: str) -> Operation | Refusal:
        """Return the operation of a method, or the refusal."""
        found = self._by_method.get("GET" if method == "HEAD" else method)
        return found if found is not None else Refusal("bad-method")

    async def serve(self, request: Request) -> Response:
        """Answer a request to this path."""
        response = await self._dispatcher.answer(request, self.operation(request.method))
        if response.status_code == 405:
            response.headers["Allow"] = ", ".join(sorted(self.methods or ()))
        return response


class _PrefixRoute(Route):
    """Every path with a prefix: the dialect's paths under that prefix, 405 or 404."""

    def __init__(self, prefix: str, dispatcher: _Dispatcher, paths: Iterable[_PathRoute]) -> None:
        self._prefix = prefix
        self._dispatcher = dispatcher
        self._paths = tuple(paths)
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
        return await self._dispatcher.answer(request, Refusal("not-found"))


class _AnyMethod:
    """Takes every method, as an ASGI application does."""

    def __init__(self, route: _PrefixRoute) -> None:
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._route.serve(Request(scope, receive))
        await response(scope, receive, send)
