"""The context of a request: account, parameters and services, as handlers take it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response

from accounts.accounts import Accounts
from accounts.model import Principal, User
from doors.admission import Admission, Exchange
from doors.json_encoding import encode_json
from doors.qbittorrent.parameters import QbittorrentParameters
from doors.qbittorrent.sync_states import SyncStates
from downloads.downloads import Downloads
from downloads.limits import DownloadLimits

HEADERS = {"Cache-Control": "private, no-store"}


@dataclass(frozen=True, slots=True)
class QbittorrentTerms:
    """What is told of the service: where programs see content, whether it uses the DHT, and rates in bytes a second."""

    save_path: str
    dht: bool
    down_rate: int
    up_rate: int


@dataclass(frozen=True, slots=True)
class QbittorrentServices:
    """What qBittorrent's API asks of the service; `fetch` returns what is at a URL, None where that is nothing."""

    admission: Admission
    accounts: Accounts
    downloads: Downloads
    download_limits: DownloadLimits
    qbittorrent_terms: QbittorrentTerms
    fetch_torrent: Callable[[str], Awaitable[bytes | None]]


@dataclass(frozen=True, slots=True)
class QbittorrentContext:
    """One request of an account."""

    services: QbittorrentServices
    states: SyncStates
    exchange: Exchange
    parameters: QbittorrentParameters

    @property
    def principal(self) -> Principal:
        """Who makes the request."""
        return self.exchange.principal

    @property
    def user(self) -> User:
        """The account; only for endpoints that need one."""
        assert self.principal.user is not None
        return self.principal.user

    @property
    def downloads(self) -> Downloads:
        """The jobs."""
        return self.services.downloads

    def now(self) -> int:
        """Return the time, in unix seconds."""
        return int(self.services.admission.clock())


QbittorrentHandler = Callable[[QbittorrentContext], Awaitable[Response]]
"""Answers a request; raises Refusal."""


def text(content: str, status: int = 200) -> Response:
    """Return an answer of plain text."""
    return Response(content, status, HEADERS, media_type="text/plain")


def as_json(value: object) -> Response:
    """Return an answer of JSON."""
    return Response(encode_json(value), headers=HEADERS, media_type="application/json")
