"""Makes routes of page handlers: session, rate limit, form and CSRF checks before, error pages after."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from urllib.parse import quote

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from accounts.model import NOBODY
from bittorrent.refusal import Refusal
from doors.limits import refuse_cross_site
from doors.office import Office
from doors.origin import public_host
from web.drawing import Drawing
from web.forms import read_fields
from web.visit import Visit

Handler = Callable[[Visit], Awaitable[Response]]

_TITLES: Mapping[int, str] = {
    401: "Please log in",
    403: "Not allowed",
    404: "Not found",
    409: "That cannot be done",
    410: "No longer valid",
    422: "Something is not right yet",
    429: "Too fast",
    503: "Busy",
}

log = structlog.get_logger()


class Door:
    """Makes routes of page handlers, with session, rate limit and CSRF check before and error pages after."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._drawing = Drawing()

    def page(self, path: str, handler: Handler, *, secret: bool = False) -> Route:
        """Return the GET route of a page; `secret` where its URL holds a secret."""

        async def answer(request: Request) -> Response:
            return await self._answer(request, handler, secret=secret)

        return Route(path, answer, methods=["GET"])

    def form(self, path: str, handler: Handler, *, secret: bool = False) -> Route:
        """Return the POST route of a form.

        A URL that holds a `secret` needs no CSRF token: no other site knows it.
        """

        async def answer(request: Request) -> Response:
            return await self._answer(request, handler, is_form=True, secret=secret)

        return Route(path, answer, methods=["POST"])

    async def _answer(
        self, request: Request, handler: Handler, *, is_form: bool = False, secret: bool = False
    ) -> Response:
        visit = Visit(request, self._office, self._drawing, NOBODY, {}, secret)
        try:
            visit = await self._authenticate(visit)
            if is_form:
                visit = await self._with_form(visit)
            return await handler(visit)
        except Refusal as refusal:
            return self._render_refusal(visit, refusal)
        except Exception:
            # Log the route pattern: the path itself may hold a secret.
            log.exception("page.failed", route=getattr(request.scope.get("route"), "path", ""))
            return self._render_refusal(visit, Refusal("internal"))

    async def _authenticate(self, visit: Visit) -> Visit:
        office = self._office
        principal = await office.identity.by_session(visit.request)
        allowance = office.allowances.take("pages", principal, office.clients.of(visit.request.scope))
        if not allowance.granted:
            wait = max(1, allowance.reset - int(office.clock()))
            raise Refusal("too-many-requests", f"{wait} seconds")
        return replace(visit, principal=principal)

    async def _with_form(self, visit: Visit) -> Visit:
        office = self._office
        if not visit.secret:
            refuse_cross_site(visit.request, public_host(office.public_url))
        form, file = await read_fields(visit.request, office)
        if not visit.secret:
            office.identity.require_csrf(visit.principal, form.get("csrf"))
        return replace(visit, form=form, file=file)

    def _render_refusal(self, visit: Visit, refusal: Refusal) -> Response:
        if refusal.code == "unauthenticated" and visit.request.method in {"GET", "HEAD"}:
            return visit.go(f"/login?next={quote(visit.here(), safe='')}")
        title = _TITLES.get(refusal.status, "That did not work")
        return visit.draw("refused", title, status=refusal.status, refusal=refusal)
