"""The access log: a line for each request that a route answers, without anything secret that its path may hold."""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from time import monotonic
from typing import Literal

import structlog
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from doors.client_address import ClientAddress

AccessLines = Literal["off", "routes", "addresses"]
"""Whether requests are logged, and whether with the addresses of clients."""

_UNKNOWN = "none"

log = structlog.get_logger()


class AccessLog:
    """ASGI middleware: logs method, route, status, seconds and bytes of each request, as `lines` says at the time.

    The route is named by its pattern, such as /t/{id}: a path may hold a passkey, a one-time link or a signed one.
    Announces, scrapes and files that native threads answer come by no route.
    """

    def __init__(
        self,
        routes: Iterable[BaseRoute],
        clients: ClientAddress,
        lines: AccessLines,
        timer: Callable[[], float] = monotonic,
    ) -> None:
        self.lines = lines
        self._clients = clients
        self._timer = timer
        self._patterns: Mapping[object, str] = {
            each.endpoint: each.path for each in reversed(list(routes)) if isinstance(each, Route)
        }

    def around(self, app: ASGIApp) -> ASGIApp:
        """Return an application whose requests are logged."""

        async def logged(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or self.lines == "off":
                await app(scope, receive, send)
            else:
                await self._answer(app, scope, receive, send)

        return logged

    async def _answer(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        began, status, sent = self._timer(), 0, 0

        async def send_counted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await app(scope, receive, send_counted)
        finally:
            address = {"address": self._address(scope)} if self.lines == "addresses" else {}
            log.info(
                "http.request",
                method=scope["method"],
                route=self._patterns.get(scope.get("endpoint"), _UNKNOWN),
                status=status,
                seconds=round(self._timer() - began, 4),
                bytes=sent,
                **address,
            )

    def _address(self, scope: Scope) -> str:
        return str(ip_address(self._clients.counted(scope)))
