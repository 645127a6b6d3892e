"""The HTTP tracker: `GET /announce` and `GET /scrape` as ASGI applications, answered in bencode.

The status is always 200, a failure too: clients read no body of another status (BEP 3, `failure reason`).
"""

from collections.abc import Callable

from starlette.types import Receive, Scope, Send

from bittorrent.addresses import is_private
from bittorrent.infohash import InfoHash
from bittorrent.peers import pack
from bittorrent.query import AnnounceQuery, read_announce, read_scrape
from bittorrent.refusal import Refusal
from doors.client_address import ClientAddress
from tracker.access import refusal_of
from tracker.counters import Transport
from tracker.model import Announce, AnnounceFailure
from tracker.reply import write_announce, write_failure, write_scrape
from tracker.tracker import Tracker

DEFAULT_NUMWANT = 50
"""Peers returned to a client that sends no `numwant`."""
MAX_NUMWANT = 200

_TEXT_PLAIN = (b"content-type", b"text/plain")


class AnnounceDoor:
    """Answers `GET /announce`."""

    def __init__(self, tracker: Tracker, clients: ClientAddress, *, refuse_private: bool) -> None:
        self._tracker = tracker
        self._clients = clients
        self._refuse_private = refuse_private

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one announce as an ASGI application."""
        await _serve(scope, send, self.answer)

    def answer(self, scope: Scope) -> bytes:
        """Return the bencoded answer; never raises for what a client sent."""
        try:
            query = read_announce(scope["query_string"])
            address = self._clients.of(scope)
            if self._refuse_private and is_private(address):
                raise Refusal("private-address")
            self._tracker.check_access(address, query.peer_id, query.event)
            account = self._tracker.account_of(_passkey(scope), scope["query_string"], (query.infohash,))
        except Refusal as refusal:
            return _refuse(self._tracker, refusal)
        reply = self._tracker.announce(_announce(query, address, account))
        if isinstance(reply, AnnounceFailure):
            return _failure(self._tracker, refusal_of(reply))
        return write_announce(reply, address, compact=query.compact)


def _passkey(scope: Scope) -> bytes:
    """Return the passkey in a path, empty where there is none."""
    return str(scope.get("path_params", {}).get("passkey", "")).encode(errors="replace")


def _announce(query: AnnounceQuery, address: bytes, account: int) -> Announce:
    numwant = DEFAULT_NUMWANT if query.numwant < 0 else min(query.numwant, MAX_NUMWANT)
    return Announce(
        query.infohash,
        pack(address, query.port),
        query.event,
        query.left == 0,
        numwant,
        account=account,
        peer_id=query.peer_id,
        uploaded=query.uploaded,
        downloaded=query.downloaded,
    )


class ScrapeDoor:
    """Answers `GET /scrape`."""

    def __init__(self, tracker: Tracker, clients: ClientAddress) -> None:
        self._tracker = tracker
        self._clients = clients

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one scrape as an ASGI application."""
        await _serve(scope, send, self.answer)

    def answer(self, scope: Scope) -> bytes:
        """Return the bencoded answer; never raises for what a client sent."""
        try:
            infohashes: list[InfoHash] = read_scrape(scope["query_string"])
            if (address := self._scraper(scope)) is not None:
                self._tracker.check_access(address)
            self._tracker.account_of(_passkey(scope), scope["query_string"], infohashes)
        except Refusal as refusal:
            return _refuse(self._tracker, refusal)
        files = self._tracker.scrape(infohashes, Transport.HTTP)
        return write_scrape(files, self._tracker.terms.min_interval)

    def _scraper(self, scope: Scope) -> bytes | None:
        """Return the address of who scrapes, None where it is unknown: that one may."""
        try:
            return self._clients.of(scope)
        except Refusal:
            return None


def _refuse(tracker: Tracker, refusal: Refusal) -> bytes:
    tracker.counters.refusals[refusal.code] += 1
    return _failure(tracker, refusal)


def _failure(tracker: Tracker, refusal: Refusal) -> bytes:
    return write_failure(refusal, tracker.terms.interval, tracker.terms.min_interval)


def head_too_long(tracker: Tracker) -> bytes:
    """Return and count the failure that answers a request whose head is over the limit."""
    return _refuse(tracker, Refusal("query-too-long"))


async def _serve(scope: Scope, send: Send, answer: Callable[[Scope], bytes]) -> None:
    if scope["method"] == "GET":
        await _send(send, 200, answer(scope), (_TEXT_PLAIN,))
    elif scope["method"] == "HEAD":
        await _send(send, 200, b"", (_TEXT_PLAIN,))
    else:
        await _send(send, 405, b"", ((b"allow", b"GET, HEAD"),))


async def _send(send: Send, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
