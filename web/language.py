"""The form that chooses the language of the pages, which a cookie keeps."""

from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.routing import Route

from bittorrent.refusal import Refusal
from doors.languages import COOKIE
from doors.root_path import below
from web.page_context import PageContext, local_path
from web.page_router import PageRouter

_YEAR = 366 * 86_400


def routes(router: PageRouter) -> list[Route]:
    """Return the route of the choice."""
    return [router.form("/language", _choose, csrf=False)]


async def _choose(context: PageContext) -> Response:
    language = context.site.languages.all.get(context.form.get("language", ""))
    if language is None:
        raise Refusal("not-found")
    response = context.redirect(_page_before(context))
    response.set_cookie(
        COOKIE,
        language.code,
        max_age=_YEAR,
        path=context.link("/"),
        secure=context.services.admission.authenticator.secure,
        httponly=True,
        samesite="lax",
    )
    return response


def _page_before(context: PageContext) -> str:
    """Return the path of the page that the form stood on; the front page where that is not known."""
    try:
        parts = urlsplit(context.request.headers.get("referer", ""))
    except ValueError:
        return "/"
    path = below(parts.path, context.site.root) or "/"
    return local_path(f"{path}?{parts.query}" if parts.query else path)
