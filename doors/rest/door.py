"""Hides how a request of the REST dialect is let in, carried out and answered, whatever it asks for."""

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
from doors.allowance import Allowance
from doors.limits import Body
from doors.office import Office
from doors.rest import (
    bodies,
    collages,
    comments,
    envelope,
    groups,
    lists,
    members,
    moderation,
    tokens,
    torrents,
    vocabulary,
)
from doors.rest.operation import Answer, Call, Listing, Operation
from doors.rest.parameters import Given, read_query
from doors.rest.reference import Reference

PREFIX = "/api"
CSRF = "X-CSRF-Token"
# The SOAP service lives among our paths and answers there by itself.
_ELSEWHERE = frozenset({f"{PREFIX}/", f"{PREFIX}/index.php", f"{PREFIX}/torrage.wsdl"})
_DIALECT = "rest"
_NO_MORE = "too-many-requests"

OPERATIONS: tuple[Operation, ...] = (
    *members.OPERATIONS,
    *torrents.OPERATIONS,
    *groups.OPERATIONS,
    *vocabulary.OPERATIONS,
    *comments.OPERATIONS,
    *collages.OPERATIONS,
    *moderation.OPERATIONS,
    *tokens.OPERATIONS,
    *lists.OPERATIONS,
)

log = structlog.get_logger()


def operations(office: Office) -> tuple[Operation, ...]:
    """Return every operation, those that describe them included."""
    return (*Reference(office, OPERATIONS).operations, *OPERATIONS)


def routes(office: Office) -> list[Route]:
    """Return the dialect's routes: one a path, `/api/v1/` for the same again, and what else is below /api/."""
    door = _Door(office)
    by_path: dict[str, list[Operation]] = {}
    for operation in operations(office):
        by_path.setdefault(operation.path, []).append(operation)
    paths = [_PathRoute(door, path, offered) for path, offered in by_path.items()]
    alias = _Below(f"{PREFIX}/v1/", door, paths)
    return [*paths, alias, _Below(f"{PREFIX}/", door, paths)]


class _Door:
    """Lets one request in, carries it out, and tells in every answer what is left of the allowance."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def answer(self, request: Request, operation: Operation | Refusal) -> Response:
        address = self._address(request)
        principal, refusal = await self._identify(request, operation)
        allowance = self._office.allowances.take(_DIALECT, principal, address)
        if not allowance.granted:
            refusal = Refusal(_NO_MORE)
        try:
            response = await self._serve(request, operation, principal, address, refusal)
        except Refusal as refused:
            response = envelope.error(refused)
            self._wait(response, refused, allowance)
        except Exception:
            log.exception("rest.failed", path=request.url.path, method=request.method)
            response = envelope.error(Refusal("internal"))
        response.headers.update(envelope.allowance_headers(allowance))
        for name, value in envelope.HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    def _address(self, request: Request) -> bytes:
        try:
            return self._office.clients.of(request.scope)
        except Refusal:
            return bytes(4)

    async def _identify(
        self, request: Request, operation: Operation | Refusal
    ) -> tuple[Principal, Refusal | None]:
        """Return who is asking; where that is refused, nobody, so that the guess counts for its address."""
        if isinstance(operation, Operation) and not operation.identified:
            return NOBODY, None
        try:
            return await self._office.identity.of(request, model.Scope.REST), None
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
        room = self._room(operation) if isinstance(operation, Operation) else 0
        async with Body(request, room, self._office.memory) as body:
            if refusal is not None:
                raise refusal
            if isinstance(operation, Refusal):
                raise operation
            self._admit(request, operation, principal)
            query = read_query(request.scope["query_string"], operation.query)
            given, file = await self._read(request, body, operation)
            call = Call(self._office, request, principal, address, query, given, file)
            return await _respond(operation, await operation.handler(call))

    def _room(self, operation: Operation) -> int:
        if operation.body is None:
            return bodies.LARGEST
        return bodies.room_for(operation.body) + (self._office.uploads.limit if operation.form else 0)

    def _admit(self, request: Request, operation: Operation, principal: Principal) -> None:
        """Refuse who may not do this at all; whose thing it is, the deed asks."""
        if operation.account and principal.user is None:
            raise Refusal("unauthenticated")
        key = principal.key
        if key is not None and key.methods is not None and operation.name not in key.methods:
            raise Refusal("method-forbidden")
        if operation.right is not None:
            self._office.rights.require(principal, operation.right, principal.id)
        if operation.changes:
            self._office.identity.require_csrf(principal, request.headers.get(CSRF))

    async def _read(self, request: Request, body: Body, operation: Operation) -> tuple[Given, bytes]:
        if operation.body is None:
            return Given(), b""
        if operation.form:
            return await bodies.read_form(request, body, operation.body, operation.required)
        return await bodies.read_json(request, body, operation.body, operation.required), b""

    def _wait(self, response: Response, refusal: Refusal, allowance: Allowance) -> None:
        if refusal.code == _NO_MORE:
            response.headers["Retry-After"] = str(max(1, allowance.reset - int(self._office.clock())))


async def _respond(operation: Operation, answer: Answer) -> Response:
    if answer is None:
        return Response(status_code=204)
    if isinstance(answer, Response):
        return answer
    if isinstance(answer, Listing):
        return envelope.many(answer)
    return await envelope.one(answer, operation.status)


class _PathRoute(Route):
    """One path, and what its methods do there."""

    def __init__(self, door: _Door, path: str, offered: Sequence[Operation]) -> None:
        self._door = door
        self._offered = {operation.method: operation for operation in offered}
        super().__init__(PREFIX + path, self.serve, methods=list(self._offered))

    def operation(self, method: str) -> Operation | Refusal:
        """Return what a method does here, or how it is refused."""
        found = self._offered.get("GET" if method == "HEAD" else method)
        return found if found is not None else Refusal("bad-method")

    async def serve(self, request: Request) -> Response:
        """Answer a request at this path."""
        response = await self._door.answer(request, self.operation(request.method))
        if response.status_code == 405:
            response.headers["Allow"] = ", ".join(sorted(self.methods or ()))
        return response


class _Below(Route):
    """Whatever begins with a prefix: the paths of the dialect under another name, 405 or 404."""

    def __init__(self, prefix: str, door: _Door, paths: Iterable[_PathRoute]) -> None:
        self._prefix = prefix
        self._door = door
        self._paths = tuple(paths)
        super().__init__(prefix + "{rest:path}", _Everything(self))

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as routes do, but leave to others what is theirs."""
        if scope["type"] == "http" and scope["path"] in _ELSEWHERE:
            return Match.NONE, {}
        return super().matches(scope)

    async def serve(self, request: Request) -> Response:
        """Answer a request by the path that it means."""
        scope = {**request.scope, "path": f"{PREFIX}/{request.path_params['rest']}", "path_params": {}}
        for path in self._paths:
            match, found = path.matches(scope)
            if match is not Match.NONE:
                inner: dict[str, Any] = {**request.scope, "path_params": found["path_params"]}
                return await path.serve(Request(inner, request.receive))
        return await self._door.answer(request, Refusal("not-found"))


class _Everything:
    """Takes every method, as an ASGI application does."""

    def __init__(self, below: _Below) -> None:
        self._below = below

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        response = await self._below.serve(Request(scope, receive))
        await response(scope, receive, send)
