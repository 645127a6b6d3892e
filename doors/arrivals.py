"""How a request that the service sends to its own public address arrives: what proxies make of it."""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address

from starlette.requests import Request

from bittorrent.refusal import Refusal
from doors.client_address import ClientAddress

PARAMETER = "probe"
FORWARDING_HEADERS = ("x-forwarded-for", "forwarded", "x-real-ip")
_MOST = 16
_LONGEST = 200
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request as it arrived: the address it came from, and of what it said, cut to 200 characters.

    `trusted` says whether that address is a trusted proxy's; `client` is the address that counts, "" where none does.
    """

    socket: str
    trusted: bool
    client: str
    host: str
    forwarding: tuple[tuple[str, str], ...]


class Arrivals:
    """Notes how requests arrive that carry a token which was given out; safe to use from any thread."""

    def __init__(self, clients: ClientAddress, make_token: Callable[[], str] | None = None) -> None:
        self._clients = clients
        self._make_token = make_token or (lambda: secrets.token_urlsafe(16))
        self._expected: dict[str, Arrival | None] = {}

    def expect(self) -> str:
        """Return a token for one request; those that were never taken are forgotten when there are many."""
        while len(self._expected) >= _MOST:
            self._expected.pop(next(iter(self._expected)), None)
        token = self._make_token()
        self._expected[token] = None
        return token

    def note(self, request: Request) -> None:
        """Note how a request arrived, if it carries a token that is expected."""
        token = request.query_params.get(PARAMETER, "")
        if _TOKEN.match(token) and token in self._expected:
            self._expected[token] = self._arrival(request)

    def take(self, token: str) -> Arrival | None:
        """Return how the request with a token arrived, None where it did not, and expect it no longer."""
        return self._expected.pop(token, None)

    def _arrival(self, request: Request) -> Arrival:
        try:
            client = str(ip_address(self._clients.of(request.scope)))
        except Refusal:
            client = ""
        return Arrival(
            socket=request.client.host if request.client is not None else "",
            trusted=self._clients.via_trusted_proxy(request.scope),
            client=client,
            host=request.headers.get("host", "")[:_LONGEST],
            forwarding=tuple(
                (name, ", ".join(request.headers.getlist(name))[:_LONGEST])
                for name in FORWARDING_HEADERS
                if name in request.headers
            ),
        )
