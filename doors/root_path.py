"""The root path, which is that of `public_url`: taken from the paths of requests, put in front of links."""

import re
from collections.abc import Iterable
from typing import AnyStr
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from doors.security_headers import SecurityHeaders

# A link of our own in markup: a path, not `//host`.
_LINK = re.compile(r'(?<=\s)((?:href|src|action|formaction)=")(?=/(?!/))')


def root_path(public_url: str | None) -> str:
    """Return the path of a URL without a slash at its end, "" where it has none."""
    return urlsplit(public_url or "").path.rstrip("/")


def rooted(markup: str, root: str) -> str:
    """Return a template, never a page made of one, with its links to our own paths below `root`."""
    return _LINK.sub(rf"\g<1>{root}", markup) if root else markup


def below(path: AnyStr, root: AnyStr) -> AnyStr:
    """Return what follows `root` in a path; a path that is not below it is returned as it is."""
    slash = root[:1]
    return path[len(root) :] if root and path.startswith(root + slash) else path


def strip_root(app: ASGIApp, roots: Iterable[str]) -> ASGIApp:
    """Wrap `app` so that it sees the path below whichever of `roots` a proxy left in front of it.

    A root without a slash behind it is redirected to the one with it. Without roots `app` itself is returned.
    """
    # The longest comes first: one may lie below another.
    known = sorted({each for each in roots if each}, key=len, reverse=True)
    if not known:
        return app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            if path in known:
                await SecurityHeaders(_to_folder(scope))(scope, receive, send)
                return
            root = next((each for each in known if path.startswith(f"{each}/")), "")
            scope = {**scope, "path": below(path, root)} if root else scope
        await app(scope, receive, send)

    return answer


def _to_folder(scope: Scope) -> RedirectResponse:
    query = scope["query_string"].decode("latin-1")
    return RedirectResponse(f"{scope['path']}/{f'?{query}' if query else ''}")
