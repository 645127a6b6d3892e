"""Holds requests back while a start still makes what answers them, or finishes takedowns that were interrupted."""

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

_NEVER_HELD = frozenset({"/livez", "/readyz", "/healthz", "/metrics"})


class LateApplication:
    """ASGI application that becomes another once sockets are open; a request that came before waits for that."""

    def __init__(self) -> None:
        self._made = asyncio.Event()
        self._app: ASGIApp | None = None

    def become(self, app: "ASGIApp") -> None:
        """Answer by `app` from now on."""
        self._app = app
        self._made.set()

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request."""
        await self._made.wait()
        assert self._app is not None
        await self._app(scope, receive, send)


class HeldRequests:
    """ASGI middleware: a request waits until `ready` is set, unless it asks after the service itself."""

    def __init__(self, app: "ASGIApp", ready: asyncio.Event) -> None:
        self._app = app
        self._ready = ready

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer one request."""
        if not self._ready.is_set() and scope["type"] == "http" and scope["path"] not in _NEVER_HELD:
            await self._ready.wait()
        await self._app(scope, receive, send)
