"""The tracker: announce and scrape for every door, and their counters."""

from collections.abc import Callable, Collection, Iterable
from types import MappingProxyType

from bittorrent.infohash import InfoHash
from bittorrent.passkey import read_query
from bittorrent.refusal import Refusal
from tracker.counters import TrackerCounters, Transport
from tracker.model import (
    DISABLED_ACCOUNT,
    NOBODY,
    SUSPENDED_PASSKEY,
    Announce,
    AnnounceFailure,
    AnnounceTerms,
    Counts,
    Event,
    Reply,
    SocketChange,
)
from tracker.policy import Policy
from tracker.store import SwarmStore

_REFUSED = MappingProxyType(
    {
        NOBODY: "unknown-passkey",
        DISABLED_ACCOUNT: "passkey-disabled",
        SUSPENDED_PASSKEY: "passkey-suspended",
    }
)


def _note_nothing(_peer_id: bytes, _version: int) -> None:
    """Keep no figure of clients."""


class Tracker:
    """One tracker for every door; its calls are plain functions, finished before they return."""

    def __init__(
        self, store: SwarmStore, policy: Policy, terms: AnnounceTerms, clock: Callable[[], float]
    ) -> None:
        self.store = store
        self.policy = policy
        self.terms = terms
        self.counters = TrackerCounters()
        self.note_client: Callable[[bytes, int], None] = _note_nothing
        """Told of the client of each announce that Python's doors answer, and of its IP version."""
        self._clock = clock

    @property
    def restoring(self) -> bool:
        """Whether the journal is still being read, so that announces are put off."""
        return self.store.restoring

    @restoring.setter
    def restoring(self, restoring: bool) -> None:
        self.store.restoring = restoring

    def account_of(self, passkey: bytes, query: bytes = b"", infohashes: Collection[InfoHash] = ()) -> int:
        """Return the account of the passkey in a path, NOBODY where there is none.

        In private mode there must be one, in the path or in the query, unless all the torrents asked about are public:
        then it is NOBODY's. Refusal: no-passkey, unknown-passkey, passkey-disabled, passkey-suspended.
        """
        private = self.store.private
        if private and infohashes and all(self.store.is_public(each) for each in infohashes):
            return NOBODY
        if not passkey:
            if not private:
                return NOBODY
            passkey = read_query(query)
            if not passkey:
                raise Refusal("no-passkey")
        account = self.store.account_of(passkey)
        if (code := _REFUSED.get(account)) is not None:
            raise Refusal(code)
        return account

    def check_access(self, address: bytes, peer_id: bytes = b"", event: Event = Event.NONE) -> None:
        """Refuse a client or its address by the operator's rules, but for one that stops. AccessDenied."""
        if event is not Event.STOPPED:
            self.store.check_access(address, peer_id)
        if peer_id:
            self.note_client(peer_id, 4 if len(address) == 4 else 6)

    def announce(self, announce: Announce) -> Reply | AnnounceFailure:
        """Answer an announce; a refusal that passes by itself is an empty success with a warning."""
        reply = self.store.announce(announce, int(self._clock()))
        self._count(reply, announce.transport, announce.event)
        return reply

    def announce_socket(self, change: SocketChange, event: Event) -> Reply | AnnounceFailure:
        """Answer an announce over WebSocket, which has changed the swarm's peers like that."""
        reply = self.store.count_socket(change, int(self._clock()))
        self._count(reply, Transport.WEBSOCKET, event)
        return reply

    def note_session(self, announce: Announce) -> None:
        """Count what an account's client moved, that announced over WebSocket."""
        if announce.account:
            self.store.note_session(announce, int(self._clock()))

    def leave_socket(self, change: SocketChange) -> None:
        """Count a peer over WebSocket out, whose connection has ended."""
        self.store.count_socket(change, int(self._clock()))

    def _count(self, reply: Reply | AnnounceFailure, transport: Transport, event: Event) -> None:
        if isinstance(reply, AnnounceFailure):
            self.counters.refusals[reply.code] += 1
            return
        self.counters.announces[transport][event] += 1
        if reply.warning:
            self.counters.warnings += 1

    def scrape(self, infohashes: Iterable[InfoHash], transport: Transport) -> list[tuple[InfoHash, Counts]]:
        """Return each torrent in numbers, in the order asked; zeros for an unknown or refused one."""
        self.counters.scrapes[transport] += 1
        return [(infohash, self.store.scrape(infohash)) for infohash in infohashes]
