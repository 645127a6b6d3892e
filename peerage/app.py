"""The Starlette application over all routes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bittorrent.passkey import read_path
from doors.security_headers import SecurityHeaders
from peerage.route_index import IndexedRouter


class App(Starlette):
    """Starlette, with the security headers on every answer but those of the paths of `direct`.

    These, announce and scrape, are answered before any middleware; each may have a passkey before or behind it.
    `root` is the root path, below which its redirects lead. What `around` makes of the rest is asked in its place,
    and `errors` answers where no route does, or none of its methods.
    """

    def __init__(
        self,
        direct: Mapping[str, ASGIApp],
        routes: Sequence[BaseRoute],
        root: str = "",
        around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
        errors: Callable[[Request, Exception], Awaitable[Response]] | None = None,
    ) -> None:
        own = [
            Route(each, door)
            for path, door in direct.items()
            for each in (path, f"{path}/{{passkey}}", f"/{{passkey}}{path}")
        ]
        super().__init__(
            routes=[*own, *routes], exception_handlers=dict.fromkeys((404, 405), errors) if errors else None
        )
        self._direct = direct
        self._secured = around(SecurityHeaders(super().__call__))
        self._root = root
        # Starlette redirects to the scheme and Host of the request as it came from the proxy, and knows no root.
        default = self._redirect_slash if root else None
        self.router = IndexedRouter(self.routes, default, redirect_slashes=not root)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        door = self._find(scope) if scope["type"] == "http" else None
        if door is not None:
            await door(scope, receive, send)
        else:
            await self._secured(scope, receive, send)

    def _find(self, scope: Scope) -> ASGIApp | None:
        """Return what answers a path directly; a passkey in it is noted in the scope."""
        door = self._direct.get(scope["path"])
        if door is None and (found := read_path(scope["path"].encode(errors="replace"))) is not None:
            door = self._direct.get(f"/{found.action}")
            scope["path_params"] = {"passkey": found.passkey.decode()}
        return door

    async def _redirect_slash(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect to the path with or without its last slash where that one is served, as Starlette does."""
        path = scope["path"]
        other = path.rstrip("/") if path.endswith("/") else f"{path}/"
        asked = {**scope, "path": other}
        if path == "/" or all(route.matches(asked)[0] is Match.NONE for route in self.router.routes):
            await self.router.not_found(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        response = RedirectResponse(f"{self._root}{quote(other)}{f'?{query}' if query else ''}")
        await response(scope, receive, send)
