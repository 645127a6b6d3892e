"""The Starlette application over all routes."""

from collections.abc import Mapping, Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from doors.security_headers import SecurityHeaders


class App(Starlette):
    """Starlette, with the security headers on every answer but those of the paths of `direct` (announce, scrape)."""

    def __init__(self, direct: Mapping[str, ASGIApp], routes: Sequence[BaseRoute]) -> None:
        super().__init__(routes=[*(Route(path, door) for path, door in direct.items()), *routes])
        self._direct = direct
        self._secured = SecurityHeaders(super().__call__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        door = self._direct.get(scope["path"]) if scope["type"] == "http" else None
        if door is not None:
            await door(scope, receive, send)
        else:
            await self._secured(scope, receive, send)
