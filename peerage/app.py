"""Hides which path belongs to which door: the one Starlette application."""

from collections.abc import Mapping, Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send


class App(Starlette):
    """Starlette, with the tracker's two paths answered before any middleware."""

    def __init__(self, hot: Mapping[str, ASGIApp], routes: Sequence[BaseRoute]) -> None:
        super().__init__(routes=[*(Route(path, door) for path, door in hot.items()), *routes])
        self._hot = hot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        door = self._hot.get(scope["path"]) if scope["type"] == "http" else None
        if door is not None:
            await door(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
