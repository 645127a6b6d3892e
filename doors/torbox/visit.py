"""Hides what a call is given: who asks, what they sent, and the services behind the dialect."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from accounts.model import Principal, User
from accounts.rights import Rights
from actions.lookups import Lookups
from actions.uploads import Uploads
from bittorrent.infohash import InfoHash
from doors.allowance import Allowances
from doors.client import ClientAddress
from doors.identity import Identity
from doors.limits import BodyMemory
from doors.torbox.parameters import Parameters
from doors.torbox.recent import Recent
from doors.torbox.shapes import Shapes
from downloads.downloads import Downloads
from downloads.links import Links
from tracker.model import Counts


class TorboxOffice(Protocol):
    """What this dialect is given, as `Office` holds it."""

    @property
    def downloads(self) -> Downloads:
        """The jobs of every account."""
        ...

    @property
    def lookups(self) -> Lookups:
        """Who finds metadata by hash."""
        ...

    @property
    def links(self) -> Links:
        """Who makes links."""
        ...

    @property
    def files_url(self) -> str | None:
        """Where content is served, None for wherever the service is."""
        ...

    @property
    def public_url(self) -> str | None:
        """Where the service is, None for wherever a request found it."""
        ...

    @property
    def uploads(self) -> Uploads:
        """Who knows how large a .torrent may be."""
        ...

    @property
    def scrape(self) -> Callable[[InfoHash], Counts]:
        """A swarm's live numbers."""
        ...

    @property
    def identity(self) -> Identity:
        """Who a key stands for."""
        ...

    @property
    def rights(self) -> Rights:
        """Who may do what."""
        ...

    @property
    def allowances(self) -> Allowances:
        """How often somebody may ask."""
        ...

    @property
    def clients(self) -> ClientAddress:
        """Whose address a request comes from."""
        ...

    @property
    def memory(self) -> BodyMemory:
        """What bodies may take of memory."""
        ...

    @property
    def clock(self) -> Callable[[], float]:
        """The unix seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Visit:
    """One call; `principal` is nobody where the call takes that."""

    office: TorboxOffice
    shapes: Shapes
    recent: Recent
    request: Request
    principal: Principal
    address: bytes
    query: Parameters

    @property
    def user(self) -> User:
        """The account that asks; only for calls that need one."""
        assert self.principal.user is not None
        return self.principal.user


Answer = Callable[[Visit], Awaitable[Response]]
"""Answers a call; raises Failure or Refusal."""
