"""The security headers of every answer: one table by the kind of answer, and the middleware that applies it."""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_NOTHING = "default-src 'none'; frame-ancestors 'none'"
# The referrer policy of pages is not no-referrer: a browser would then send `Origin: null` with our own form.
_PAGE = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
}
SENDING_PAGE: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": _PAGE["Content-Security-Policy"].replace(
            "img-src", "connect-src 'self'; img-src"
        )
    }
)
"""The policy of a page whose script sends to this service: it may, and every other page's may not."""
_DATA = {"Content-Security-Policy": _NOTHING, "Referrer-Policy": "no-referrer"}
_FILE = {"Content-Security-Policy": "sandbox; default-src 'none'", "Referrer-Policy": "no-referrer"}

TABLE: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "page": _PAGE,
        "file": _FILE,
        "data": _DATA,
    }
)
"""By the kind of answer: HTML, an attachment, and everything else (JSON, XML, text, style sheets, redirects, nothing).

A redirect sends no referrer, because the URL that redirects may hold a key."""


def kind_of(headers: Mapping[str, str]) -> str:
    """Return the kind of an answer in TABLE."""
    if headers.get("content-disposition", "").lower().startswith("attachment"):
        return "file"
    if headers.get("content-type", "").lower().startswith("text/html"):
        return "page"
    return "data"


def secure(headers: MutableHeaders) -> None:
    """Add the headers of TABLE that an answer does not set itself, and `nosniff`."""
    for name, value in TABLE[kind_of(headers)].items():
        headers.setdefault(name, value)
    headers["X-Content-Type-Options"] = "nosniff"


class SecurityHeaders:
    """ASGI middleware: adds the headers of TABLE that an answer does not set itself, and `nosniff` to all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                secure(MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, send_secured)
