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
from doors.origin import public_host
from doors.request_limits import refuse_cross_site
from doors.services import Services
from web.forms import read_fields
from web.page_context import PageContext
from web.templating import Templates

Handler = Callable[[PageContext], Awaitable[Response]]

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


class PageRouter:
    """Makes routes of page handlers, with session, rate limit and CSRF check before and error pages after."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._templates = Templates()

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
        context = PageContext(request, self._services, self._templates, NOBODY, {}, secret)
        try:
            context = await self._authenticate(context)
            if is_form:
                context = await self._with_form(context)
            return await handler(context)
        except Refusal as refusal:
            return self._render_refusal(context, refusal)
        except Exception:
            # Log the route pattern: the path itself may hold a secret.
            log.exception("page.failed", route=getattr(request.scope.get("route"), "path", ""))
            return self._render_refusal(context, Refusal("internal"))

    async def _authenticate(self, context: PageContext) -> PageContext:
        services = self._services
        principal = await services.authenticator.by_session(context.request)
        allowance = services.rate_limits.take("pages", principal, services.clients.of(context.request.scope))
        if not allowance.granted:
            wait = max(1, allowance.reset - int(services.clock()))
            raise Refusal("too-many-requests", f"{wait} seconds")
        return replace(context, principal=principal)

    async def _with_form(self, context: PageContext) -> PageContext:
        services = self._services
        if not context.secret:
            refuse_cross_site(context.request, public_host(services.public_url))
        form, file = await read_fields(context.request, services)
        if not context.secret:
            services.authenticator.require_csrf(context.principal, form.get("csrf"))
        return replace(context, form=form, file=file)

    def _render_refusal(self, context: PageContext, refusal: Refusal) -> Response:
        if refusal.code == "unauthenticated" and context.request.method in {"GET", "HEAD"}:
            return context.redirect(f"/login?next={quote(context.current_path(), safe='')}")
        title = _TITLES.get(refusal.status, "That did not work")
        return context.render("refused", title, status=refusal.status, refusal=refusal)
