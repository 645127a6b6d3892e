"""A router that asks only those routes whose first two path segments may be the request's.

Starlette's asks each of two hundred in turn, which takes as long as what most of them do.
"""

from collections.abc import Sequence
from itertools import product

from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

_ANY = None
"""A segment that is a parameter, or that no route names."""

Segments = tuple[str | None, str | None]


class IndexedRouter(Router):
    """Starlette's router with an index, which answers alike."""

    def __init__(
        self, routes: Sequence[BaseRoute], default: ASGIApp | None = None, *, redirect_slashes: bool = True
    ) -> None:
        super().__init__(routes, redirect_slashes, default)
        asked = [_segments_of(route) for route in self.routes]
        self._parts: dict[Segments, Router] = {}
        for first in {first for first, _ in asked} | {_ANY}:
            seconds = {second for other, second in asked if other in (first, _ANY)} | {_ANY}
            for key in product((first,), seconds):
                may_match = [
                    route
                    for route, segments in zip(self.routes, asked, strict=True)
                    if segments[0] in (key[0], _ANY) and segments[1] in (key[1], _ANY)
                ]
                self._parts[key] = Router(may_match, redirect_slashes, self.default)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request by the routes that may match it, in their order."""
        if scope["type"] == "http" and not scope.get("root_path"):
            scope.setdefault("router", self)
            await self._part(scope["path"]).app(scope, receive, send)
        else:
            await super().app(scope, receive, send)

    def _part(self, path: str) -> Router:
        first, _, rest = path.removeprefix("/").partition("/")
        second = rest.partition("/")[0]
        for key in ((first, second), (first, _ANY), (_ANY, second)):
            if (part := self._parts.get(key)) is not None:
                return part
        return self._parts[_ANY, _ANY]


def _segments_of(route: BaseRoute) -> Segments:
    """Return the first two segments of the paths that a route matches, as far as they are always the same."""
    if not isinstance(route, Route | Mount) or not route.path:
        return _ANY, _ANY
    first, slash, rest = route.path.removeprefix("/").partition("/")
    if "{" in first:
        return _ANY, _ANY
    if isinstance(route, Mount) and not slash:
        return first, _ANY
    second = rest.partition("/")[0]
    return first, _ANY if "{" in second else second
