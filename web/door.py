"""Hides how a request for a page is let in, how its form is read, and what a refusal looks like to people."""

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
    """Makes routes of what draws pages; who asks and how often is settled before, refusals are drawn after."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._drawing = Drawing()

    def page(self, path: str, handler: Handler, *, secret: bool = False) -> Route:
        """Return the route of a page that is read; `secret` where its address is one."""

        async def answer(request: Request) -> Response:
            return await self._answer(request, handler, secret=secret)

        return Route(path, answer, methods=["GET"])

    def form(self, path: str, handler: Handler, *, secret: bool = False) -> Route:
        """Return the route of a form that is sent.

        An address that is a `secret` is proof enough of who sends it: no other site knows it.
        """

        async def answer(request: Request) -> Response:
            return await self._answer(request, handler, sent=True, secret=secret)

        return Route(path, answer, methods=["POST"])

    async def _answer(
        self, request: Request, handler: Handler, *, sent: bool = False, secret: bool = False
    ) -> Response:
        visit = Visit(request, self._office, self._drawing, NOBODY, {}, secret)
        try:
            visit = await self._let_in(visit)
            if sent:
                visit = await self._with_form(visit)
            return await handler(visit)
        except Refusal as refusal:
            return self._refused(visit, refusal)
        except Exception:
            # The pattern and not the path, which may hold a secret.
            log.exception("page.failed", route=getattr(request.scope.get("route"), "path", ""))
            return self._refused(visit, Refusal("internal"))

    async def _let_in(self, visit: Visit) -> Visit:
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

    def _refused(self, visit: Visit, refusal: Refusal) -> Response:
        if refusal.code == "unauthenticated" and visit.request.method in {"GET", "HEAD"}:
            return visit.go(f"/login?next={quote(visit.here(), safe='')}")
        title = _TITLES.get(refusal.status, "That did not work")
        return visit.draw("refused", title, status=refusal.status, refusal=refusal)
