"""Admission of requests: one pipeline of checks for every dialect, which declares their order and renders errors."""

import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from math import ceil
from secrets import token_bytes

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accounts.model import NOBODY, Principal, Scope
from accounts.rights import Right, Rights
from accounts.secrets import scope_in
from bittorrent.refusal import Refusal
from doors.authentication import Authenticator, AuthorizationFault, MalformedAuthorization
from doors.bodies import Body, Form, FormRules, read_form
from doors.client_address import ClientAddress, rate_key
from doors.errors import retry_seconds
from doors.rate_limits import RateLimits, RateLimitState
from doors.request_limits import RateLimiter, refuse_cross_site
from doors.root_path import root_path

ANY_METHOD = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
"""For dialects that answer a wrong method in their own envelope."""

NO_FORM = Form()
UPLOAD_COPIES = 4
"""How often an upload is held while it is handled: as it came, unpacked, parsed, and packed for the disk."""
_RETRIED = frozenset({429, 503})
_CLOSE_CONNECTION = frozenset({"too-large", "busy"})

log = structlog.get_logger()


class DialectError(Exception):
    """An error that only one dialect has, in its own words; its renderer knows what to answer."""


class Step(Enum):
    """One check of the pipeline; a dialect lists those that it needs, in its order."""

    ENDPOINT = auto()
    """The path, action or HTTP method exists."""
    CROSS_SITE = auto()
    """No page of another site sent the request."""
    CREDENTIALS = auto()
    """Who sent it; what is sent must be valid."""
    RATE = auto()
    """The rate limit of the principal, or without an account of the address."""
    ACCOUNT = auto()
    """An account, where the endpoint needs one."""
    KEY_METHODS = auto()
    """A key that is limited to some methods is used for one of them."""
    RIGHT = auto()
    """The right that the endpoint declares."""
    FORM = auto()
    """The form is read, where the endpoint takes one."""
    CSRF = auto()
    """The CSRF token, where a session changes something."""


BYTES_PER_REQUEST = 128 * 1024
"""Bytes of an answer that count as one more request towards a rate limit."""
_DRAWN = (
    "application/json",
    "text/html",
    "application/rss",
    "application/atom",
    "application/xml",
)  # media types of what is drawn, and not only read from a disk


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one method of a path, or one action, demands.

    `name` is what a key can be limited to, "" for nothing. `right` is asked of accounts and of anonymous
    requests, with `anonymous` of accounts alone; EDIT_OWN admits every account to an operation that checks
    ownership itself. A body has at most `max_body` bytes, and with `file` those of an upload beside them; one
    that is too large hears `told_limit`, with `file` the upload's limit: nobody chose that of the body around it.
    `methods` are the HTTP methods of the path, for Allow; `refusal` is raised for what does not exist. With
    `cross_site` requests of other sites' pages are refused, with `referer` also by that header alone.
    """

    name: str = ""
    methods: tuple[str, ...] = ()
    right: Right | None = None
    account: bool = False
    anonymous: bool = False
    cross_site: bool = False
    referer: bool = False
    csrf: bool = False
    max_body: int = 0
    file: bool = False
    told_limit: int | None = None
    form: FormRules | None = None
    credentials: "tuple[Credential, ...] | None" = None
    refusal: Exception | None = None


@dataclass(slots=True)
class Exchange:
    """One request on its way through the pipeline, as handlers and renderers see it."""

    request: Request
    endpoint: Endpoint
    address: bytes
    body: Body
    admission: "Admission"
    principal: Principal = NOBODY
    rate: RateLimitState | None = None
    form: Form = NO_FORM
    counted: bool = False

    @property
    def retry_after(self) -> int:
        """Seconds until the window of the rate limit ends, at least 1."""
        return 1 if self.rate is None else max(1, ceil(self.rate.reset - self.admission.clock()))

    def values(self, name: str) -> list[str]:
        """Return the values of a parameter in the query, then in the form."""
        return [*self.request.query_params.getlist(name), *(v for n, v in self.form.texts if n == name)]


Credential = Callable[[Exchange], Awaitable[Principal | None]]
"""Returns the principal of one kind of credential, None where it is not sent. Refusal: it is not valid."""
Handler = Callable[[Exchange], Awaitable[Response]]
Renderer = Callable[[Exchange, Exception], Response]
"""Returns the answer to a Refusal or a DialectError."""


def header(scope: Scope, *, optional: bool = False) -> Credential:
    """Return the credential `Authorization`; with `optional` one without a key counts as not sent."""

    async def authenticate(exchange: Exchange) -> Principal | None:
        try:
            return await exchange.admission.authenticator.by_header(exchange.request, scope)
        except MalformedAuthorization as malformed:
            if optional and malformed.fault is AuthorizationFault.EMPTY:
                return None
            raise

    return authenticate


def parameter(name: str, scope: Scope, *others: Scope, required: bool = False) -> Credential:
    """Return the credential of a key in the query or form; two different keys are none.

    A key of one of the `others` is taken too, by the scope that it names. With `required` a missing one is refused as
    `bad-token`.
    """

    async def authenticate(exchange: Exchange) -> Principal | None:
        sent = {secret.strip() for secret in exchange.values(name)}
        if not any(sent) and not required:
            return None
        secret = sent.pop() if len(sent) == 1 else ""
        named = scope_in(secret)
        return await exchange.admission.authenticator.by_secret(secret, named if named in others else scope)

    return authenticate


async def session(exchange: Exchange) -> Principal | None:
    """Return the principal of the session cookie, None when it is missing or invalid."""
    principal = await exchange.admission.authenticator.by_session(exchange.request)
    return None if principal is NOBODY else principal


@dataclass(frozen=True, slots=True)
class ApiDialect:
    """How one dialect spells credentials, in which order it checks, and how its answers look.

    `credentials` are tried in order and the first that is sent counts. `name` names its rate limit, unless
    `rate_limiter` counts by address instead. `finish` adds to every answer.
    """

    name: str
    credentials: tuple[Credential, ...]
    steps: tuple[Step, ...]
    render: Renderer
    csrf_token: Callable[[Exchange], str | None] = lambda _: None
    rate_limiter: RateLimiter | None = None
    finish: Callable[[Exchange, Response], None] = lambda _exchange, _response: None


@dataclass(frozen=True, slots=True)
class Admission:
    """What every dialect checks requests with; `upload_limit` is the bytes that a .torrent may have."""

    clients: ClientAddress
    authenticator: Authenticator
    rate_limits: RateLimits
    rights: Rights
    upload_limit: int
    public_url: str | None
    clock: Callable[[], float]
    random: Callable[[int], bytes] = token_bytes

    @property
    def root_path(self) -> str:
        """The path of `public_url`, below which a proxy serves everything; "" without one."""
        return root_path(self.public_url)

    async def answer(
        self, dialect: ApiDialect, request: Request, endpoint: Endpoint, handler: Handler
    ) -> Response:
        """Check a request and answer it; every error is rendered by the dialect, and an unforeseen one logged."""
        limit = endpoint.max_body + (self.upload_limit if endpoint.file else 0)
        told = self.upload_limit if endpoint.file else endpoint.told_limit
        body = Body(request, limit, told_limit=told, copies=1 if told is None else UPLOAD_COPIES)
        exchange = Exchange(request, endpoint, self.clients.counted(request.scope), body, self)
        try:
            async with body:
                await self.check(dialect, exchange)
                response = await handler(exchange)
                self._charge(dialect, exchange, response)
        except (Refusal, DialectError) as error:
            response = _render(dialect, exchange, error)
            _release_frames(error)
        except Exception:
            # The route's pattern and not the path, which may hold a secret.
            route = getattr(request.scope.get("route"), "path", "")
            log.exception("request.failed", dialect=dialect.name, route=route, method=request.method)
            response = _render(dialect, exchange, Refusal("internal"))
        if response.status_code in _RETRIED:
            response.headers.setdefault("Retry-After", str(exchange.retry_after))
        dialect.finish(exchange, response)
        return response

    async def check(self, dialect: ApiDialect, exchange: Exchange) -> None:
        """Run a dialect's checks; a request that is refused before it was counted is counted then.

        Refusal: those of the steps. DialectError: the endpoint's.
        """
        try:
            for step in dialect.steps:
                await self._check(step, dialect, exchange)
        except (Refusal, DialectError) as error:
            # A page of another site cannot use up its visitor's rate.
            if isinstance(error, DialectError) or error.code != "cross-site":
                self._count_refused(dialect, exchange)
            raise

    async def _check(self, step: Step, dialect: ApiDialect, exchange: Exchange) -> None:
        endpoint, principal = exchange.endpoint, exchange.principal
        match step:
            case Step.ENDPOINT:
                _require_endpoint(exchange)
            case Step.CROSS_SITE if endpoint.cross_site:
                proxied = self.clients.via_trusted_proxy(exchange.request.scope)
                refuse_cross_site(
                    exchange.request, self.public_url, proxied=proxied, referer=endpoint.referer
                )
            case Step.CREDENTIALS:
                exchange.principal = await _authenticate(dialect, exchange)
            case Step.RATE:
                self._count(dialect, exchange)
            case Step.ACCOUNT if endpoint.account and principal.user is None:
                raise Refusal("unauthenticated")
            case Step.KEY_METHODS:
                _require_method(principal, endpoint.name)
            case Step.RIGHT if endpoint.right is not None:
                if principal.user is not None or not endpoint.anonymous:
                    self.rights.require(principal, endpoint.right, principal.id)
            case Step.FORM if endpoint.form is not None:
                exchange.form = await read_form(exchange.request, exchange.body, endpoint.form)
            case Step.CSRF if endpoint.csrf:
                self.authenticator.require_csrf(principal, dialect.csrf_token(exchange))

    def _count_refused(self, dialect: ApiDialect, exchange: Exchange) -> None:
        """Count a request that a check before the rate limit refused; beyond it a guess hears that alone.

        An account hears the refusal in its dialect's order. Refusal: `too-many-requests`, `rate-limited`.
        """
        try:
            self._count(dialect, exchange)
        except Refusal:
            if exchange.principal.user is None:
                raise

    def _count(self, dialect: ApiDialect, exchange: Exchange) -> None:
        """Count a request once. Refusal: `too-many-requests`, `rate-limited`."""
        if exchange.counted or Step.RATE not in dialect.steps:
            return
        exchange.counted = True
        if dialect.rate_limiter is not None:
            dialect.rate_limiter.check(rate_key(exchange.address))
            return
        exchange.rate = self.rate_limits.take(dialect.name, exchange.principal, exchange.address)
        if not exchange.rate.granted:
            raise Refusal("too-many-requests")

    def _charge(self, dialect: ApiDialect, exchange: Exchange, response: Response) -> None:
        """Count a request once more for every BYTES_PER_REQUEST of an answer that was drawn for it."""
        drawn = response.headers.get("content-type", "").startswith(_DRAWN)
        cost = len(response.body) // BYTES_PER_REQUEST if drawn and isinstance(response.body, bytes) else 0
        if cost and exchange.rate is not None:
            exchange.rate = self.rate_limits.charge(dialect.name, exchange.principal, exchange.address, cost)


def _require_endpoint(exchange: Exchange) -> None:
    endpoint = exchange.endpoint
    if endpoint.refusal is not None:
        raise endpoint.refusal


async def _authenticate(dialect: ApiDialect, exchange: Exchange) -> Principal:
    sources = exchange.endpoint.credentials
    try:
        for credential in dialect.credentials if sources is None else sources:
            principal = await credential(exchange)
            if principal is not None:
                return principal
    except Refusal as refusal:
        exchange.admission.authenticator.note_refused(dialect.name, refusal, exchange.address)
        raise
    return NOBODY


def _require_method(principal: Principal, name: str) -> None:
    methods = principal.key.methods if principal.key is not None else None
    if methods is not None and name not in methods:
        raise Refusal("method-forbidden")


def _release_frames(error: BaseException) -> None:
    """Release what the frames of a rendered error hold, which may be a body of many MB.

    Otherwise that stays until the collector finds the cycle of error, traceback and task, and it counts no bytes.
    """
    chained: BaseException | None = error
    while chained is not None:
        traceback.clear_frames(chained.__traceback__)
        chained.__traceback__ = None
        chained = chained.__context__


def _render(dialect: ApiDialect, exchange: Exchange, error: Exception) -> Response:
    response = dialect.render(exchange, error)
    if not isinstance(error, Refusal):
        return response
    if error.code in _CLOSE_CONNECTION:
        # The rest of the body is not read.
        response.headers["Connection"] = "close"
    if error.code == "bad-method":
        response.headers["Allow"] = allow(exchange.endpoint.methods)
    if response.status_code in _RETRIED and (seconds := retry_seconds(error)) is not None:
        response.headers["Retry-After"] = str(seconds)
    return response


def allow(methods: Sequence[str]) -> str:
    """Return the header Allow of a path; GET brings HEAD."""
    return ", ".join(sorted({*methods, *(("HEAD",) if "GET" in methods else ())}))


class AdmittedRoute(Route):
    """A route of a dialect: its endpoints by HTTP method, and the handler of each.

    A method without a handler is answered by the dialect where the route takes every method, else by Starlette.
    """

    def __init__(
        self,
        path: str,
        admission: Admission,
        dialect: ApiDialect,
        handlers: Mapping[str, tuple[Endpoint, Handler]],
        *,
        every_method: bool = False,
    ) -> None:
        methods = tuple(handlers)
        self.dialect = dialect
        self.endpoints = {name: replace(each, methods=methods) for name, (each, _) in handlers.items()}
        self._admission = admission
        self._handlers = {name: handler for name, (_, handler) in handlers.items()}
        super().__init__(path, self.serve, methods=list(ANY_METHOD if every_method else methods))

    async def serve(self, request: Request) -> Response:
        """Answer a request."""
        endpoint, handler = self.find(request)
        return await self._admission.answer(self.dialect, request, endpoint, handler)

    def find(self, request: Request) -> tuple[Endpoint, Handler]:
        """Return the endpoint and handler of a request; one with a refusal for another method."""
        method = "GET" if request.method == "HEAD" else request.method
        if method in self._handlers:
            return self.endpoints[method], self._handlers[method]
        return no_endpoint(Refusal("bad-method"), tuple(self._handlers))


class NoEndpointRoute(Route):
    """A route of paths that do not exist, answered by the dialect with `refusal` to every method."""

    def __init__(self, path: str, admission: Admission, dialect: ApiDialect, refusal: Exception) -> None:
        self.dialect = dialect
        self.endpoints = {"GET": no_endpoint(refusal)[0]}

        async def answer(request: Request) -> Response:
            return await admission.answer(dialect, request, *no_endpoint(refusal))

        super().__init__(path, answer, methods=list(ANY_METHOD))


def no_endpoint(refusal: Exception, methods: tuple[str, ...] = ()) -> tuple[Endpoint, Handler]:
    """Return the endpoint of what does not exist, and a handler that is never reached."""
    return Endpoint(refusal=refusal, methods=methods), _unreachable


async def _unreachable(exchange: Exchange) -> Response:
    raise Refusal("internal")
