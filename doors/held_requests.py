"""Holds requests back while a start still finishes takedowns that were interrupted."""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

_NEVER_HELD = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})


class HeldRequests:
    """ASGI middleware: a request waits until `ready` is set, unless it asks after the service itself."""

    def __init__(self, app: ASGIApp, ready: asyncio.Event) -> None:
        self._app = app
        self._ready = ready

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not self._ready.is_set() and scope["type"] == "http" and scope["path"] not in _NEVER_HELD:
            await self._ready.wait()
        await self._app(scope, receive, send)
