"""The work that requests cause, counted by client address, and the ASGI middleware that gives fair turns by it."""

from starlette.types import ASGIApp, Receive, Scope, Send

from bittorrent.shares import Exemptions
from doors.client_address import ClientAddress
from tasks.fair_turns import FairTurns
from tasks.recent_work import RecentWork, current

_NETWORK_BYTES = 8
"""An IPv6 address counts as its /64."""


class ClientWork:
    """The recent work of each client address; that of exempt networks, proxies among them, is not counted."""

    def __init__(self, turns: FairTurns, exempt: Exemptions) -> None:
        self.turns = turns
        self._exempt = exempt

    def of(self, address: bytes) -> RecentWork | None:
        """Return the recent work of an address of 4 or 16 bytes, None where it is exempt."""
        if address in self._exempt:
            return None
        return self.turns.of(address if len(address) == 4 else address[:_NETWORK_BYTES])


class FairRequests:
    """ASGI middleware: every step of a request waits for its client's turn and counts as its work."""

    def __init__(self, app: ASGIApp, work: ClientWork, clients: ClientAddress) -> None:
        self._app = app
        self._work = work
        self._clients = clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        work = self._work.of(self._clients.counted(scope)) if scope["type"] == "http" else None
        if work is None:
            await self._app(scope, receive, send)
            return
        current.set(work)
        answering = self._app(scope, receive, send)
        await self._work.turns.run(answering, work)  # type: ignore[arg-type]
