"""The Starlette application over all routes."""

from collections.abc import Callable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bittorrent.passkey import read_path
from doors.security_headers import SecurityHeaders


class App(Starlette):
    """Starlette, with the security headers on every answer but those of the paths of `direct`.

    These, announce and scrape, are answered before any middleware; each may have a passkey before or behind it.
    What `around` makes of the rest is asked in its place.
    """

    def __init__(
        self,
        direct: Mapping[str, ASGIApp],
        routes: Sequence[BaseRoute],
        around: Callable[[ASGIApp], ASGIApp] = lambda app: app,
    ) -> None:
        own = [
            Route(each, door)
            for path, door in direct.items()
            for each in (path, f"{path}/{{passkey}}", f"/{{passkey}}{path}")
        ]
        super().__init__(routes=[*own, *routes])
        self._direct = direct
        self._secured = around(SecurityHeaders(super().__call__))

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
