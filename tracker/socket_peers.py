"""The peers over WebSocket: which connection is in which swarm, and which offers await their answer.

The swarms count these peers and never hand them out, because they have no address. They are told of each other here:
an offer goes to a peer that is drawn, its answer back to the one that made it, and to nobody else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bittorrent.infohash import InfoHash
from bittorrent.query import Event
from bittorrent.refusal import Refusal
from bittorrent.shares import Shares, ShareTerms
from bittorrent.webtorrent import (
    MessageRefused,
    PeerAnnounce,
    PeerAnswer,
    PeerOffer,
    PeerScrape,
    read_message,
    write_announce_reply,
    write_answer,
    write_failure,
    write_offer,
    write_scrape_reply,
)
from tracker.access import AccessDenied, told
from tracker.counters import Transport
from tracker.model import Announce, AnnounceFailure, SocketChange
from tracker.random_source import RandomSource
from tracker.swarms import FULL, RETRY_SOON
from tracker.tracker import Tracker

OFFER_SECONDS = 120.0
"""How long an offer may be answered."""
OFFER_ROUNDS = 8
"""Announces of a peer whose offers are remembered at once."""
_NO_PORT = bytes(2)


class PeerConnection(Protocol):
    """A connection of peers, one for each torrent that it announces, by the infohash announced."""

    address: bytes
    passkey: bytes
    """As its URL brought it, empty where that had none."""
    peers: dict[InfoHash, "SocketPeer"]

    def send(self, message: bytes) -> None:
        """Send one message; a connection that takes too few of them is ended, later."""
        ...


@dataclass(frozen=True, slots=True)
class SocketTerms:
    """What the operator sets: seconds between two announces, and the rest are counts.

    Of these, offers of one announce that are passed on, torrents of a connection, and peers in all; near the cap on
    these one address is held to a share of what is free.
    """

    interval: int = 120
    offers: int = 10
    torrents: int = 256
    peers: int = 200_000
    shares: ShareTerms = field(default_factory=ShareTerms)


@dataclass(slots=True)
class SocketCounters:
    """Counts since the start, and of the peers now."""

    offers: int = 0
    answers: int = 0
    peers: int = 0


class SocketPeer:
    """One peer of one torrent; `place` is where it stands among those of its role."""

    __slots__ = ("completed", "connection", "offers", "peer_id", "place", "seeder")

    def __init__(self, connection: PeerConnection, peer_id: bytes, *, seeder: bool) -> None:
        self.connection = connection
        self.peer_id = peer_id
        self.seeder = seeder
        self.completed = False
        self.place = 0
        # By offer id and the peer id of who was given it: that peer, and until when it may answer; oldest first.
        self.offers: dict[bytes, tuple[SocketPeer, float]] = {}


class _SocketSwarm:
    """The peers over WebSocket that announced one hash."""

    __slots__ = ("by_id", "leechers", "seeders")

    def __init__(self) -> None:
        self.by_id: dict[bytes, SocketPeer] = {}
        self.seeders: list[SocketPeer] = []
        self.leechers: list[SocketPeer] = []

    def add(self, peer: SocketPeer) -> None:
        self.by_id[peer.peer_id] = peer
        self._enter(peer)

    def remove(self, peer: SocketPeer) -> None:
        del self.by_id[peer.peer_id]
        self._leave(peer)

    def set_role(self, peer: SocketPeer, *, seeder: bool) -> None:
        self._leave(peer)
        peer.seeder = seeder
        self._enter(peer)

    def _enter(self, peer: SocketPeer) -> None:
        role = self.seeders if peer.seeder else self.leechers
        peer.place = len(role)
        role.append(peer)

    def _leave(self, peer: SocketPeer) -> None:
        """Take a peer out; the last of its role moves into its place."""
        role = self.seeders if peer.seeder else self.leechers
        last = role.pop()
        if last is not peer:
            role[peer.place] = last
            last.place = peer.place

    def pick(self, asker: SocketPeer, count: int, rng: RandomSource) -> list[SocketPeer]:
        """Draw different peers without the asker, each with the same chance; a seeder is given leechers only.

        Floyd's way: a draw for each peer, none where all are taken.
        """
        # Leechers come first, so that a seeder's choice is the beginning of the row.
        own = len(self.leechers) + asker.place if asker.seeder else asker.place
        among = len(self.leechers) if asker.seeder else len(self.leechers) + len(self.seeders) - 1
        if count >= among:
            chosen: Sequence[int] = range(among)
        else:
            drawn: dict[int, None] = {}
            for last in range(among - count, among):
                at = rng.below(last + 1)
                drawn[last if at in drawn else at] = None
            chosen = list(drawn)
        return [self._at(each + (each >= own)) for each in chosen]

    def _at(self, number: int) -> SocketPeer:
        leechers = len(self.leechers)
        return self.leechers[number] if number < leechers else self.seeders[number - leechers]


class SocketPeers:
    """Answers the messages of peers over WebSocket, and passes offers and answers on.

    `clock` gives seconds that never go back; `key` has 16 secret bytes.
    """

    def __init__(
        self,
        tracker: Tracker,
        terms: SocketTerms,
        rng: RandomSource,
        clock: Callable[[], float],
        key: bytes,
    ) -> None:
        self.counters = SocketCounters()
        self._shares = Shares(terms.shares, key)
        self._tracker = tracker
        self._terms = terms
        self._rng = rng
        self._clock = clock
        self._swarms: dict[InfoHash, _SocketSwarm] = {}
        tracker.policy.on_removal(self._forget)

    @property
    def private(self) -> bool:
        """Whether each connection needs a passkey."""
        return self._tracker.store.private

    def receive(self, connection: PeerConnection, data: bytes | str) -> bytes | None:
        """Do what a message asks, and return what its sender is told, None where that is nothing.

        The passkey is looked up for each, so that a change of it holds at once.
        Never raises for what a client sent.
        """
        try:
            message = read_message(data)
        except MessageRefused as refused:
            self._tracker.counters.refusals[refused.code] += 1
            return refused.answer
        action = "scrape" if isinstance(message, PeerScrape) else "announce"
        try:
            self._check_access(connection, message)
            about = message.infohashes if isinstance(message, PeerScrape) else (message.infohash,)
            account = self._tracker.account_of(connection.passkey, infohashes=about)
            if isinstance(message, PeerScrape):
                return self._scrape(message)
            if message.answer is not None:
                self._relay_answer(connection, message, message.answer)
                return None
            stops = message.event is Event.STOPPED
            return (self._stop if stops else self._announce)(connection, message, account)
        except Refusal as refusal:
            self._tracker.counters.refusals[refusal.code] += 1
            named = message.infohash if isinstance(message, PeerAnnounce) else None
            return write_failure(refusal.code, action, named, told(refusal).decode())

    def _check_access(self, connection: PeerConnection, message: PeerAnnounce | PeerScrape) -> None:
        """Refuse a client or its address by the operator's rules; the peers of its connection go. AccessDenied."""
        try:
            if isinstance(message, PeerScrape):
                self._tracker.check_access(connection.address)
            else:
                self._tracker.check_access(connection.address, message.peer_id, message.event)
        except AccessDenied:
            self.leave(connection)
            raise

    def leave(self, connection: PeerConnection) -> None:
        """Take every peer of a connection out, because it has ended."""
        for infohash, peer in list(connection.peers.items()):
            self._tracker.leave_socket(self._departure(infohash, peer))
            self._take_out(infohash, peer)

    def _announce(self, connection: PeerConnection, message: PeerAnnounce, account: int) -> bytes:
        infohash, peer = message.infohash, self._own(connection, message)
        known = peer is not None
        if peer is None:
            self._check_newcomer(connection, message)
            if self._is_full(connection.address):
                self._tracker.counters.warnings += 1
                return write_announce_reply(infohash, 0, 0, RETRY_SOON, FULL.decode())
            peer = SocketPeer(connection, message.peer_id, seeder=bool(message.seeder))
        seeder = peer.seeder if message.seeder is None else message.seeder
        completes = message.event is Event.COMPLETED and seeder and not peer.completed
        before = (peer.seeder, not peer.seeder) if known else (False, False)
        change = SocketChange(
            infohash, connection.address, seeder - before[0], (not seeder) - before[1], completes
        )
        reply = self._tracker.announce_socket(change, message.event)
        if isinstance(reply, AnnounceFailure):
            return write_failure(reply.code, "announce", infohash, reply.text.decode())
        if reply.warning:
            warning = reply.warning.decode()
            return write_announce_reply(
                infohash, reply.counts.complete, reply.counts.incomplete, reply.interval, warning
            )
        self._note(connection, message, account, seeder=seeder)
        peer.completed |= completes
        self._place(infohash, peer, known=known, seeder=seeder)
        self._relay_offers(infohash, peer, message)
        return write_announce_reply(
            infohash, reply.counts.complete, reply.counts.incomplete, self._interval()
        )

    def _note(self, connection: PeerConnection, message: PeerAnnounce, account: int, *, seeder: bool) -> None:
        """Count what an account's client moved, where it says both totals."""
        if account and message.totals is not None:
            uploaded, downloaded = message.totals
            self._tracker.note_session(
                Announce(
                    message.infohash,
                    connection.address + _NO_PORT,
                    message.event,
                    seeder,
                    0,
                    transport=Transport.WEBSOCKET,
                    account=account,
                    peer_id=message.peer_id,
                    uploaded=uploaded,
                    downloaded=downloaded,
                )
            )

    def _place(self, infohash: InfoHash, peer: SocketPeer, *, known: bool, seeder: bool) -> None:
        swarm = self._swarms.get(infohash)
        if swarm is None:
            swarm = self._swarms[infohash] = _SocketSwarm()
        if not known:
            swarm.add(peer)
            peer.connection.peers[infohash] = peer
            self.counters.peers += 1
            self._shares.add(peer.connection.address)
        elif peer.seeder != seeder:
            swarm.set_role(peer, seeder=seeder)

    def _own(self, connection: PeerConnection, message: PeerAnnounce) -> SocketPeer | None:
        """Return the connection's peer of the torrent, None where it has none."""
        peer = connection.peers.get(message.infohash)
        if peer is not None and peer.peer_id != message.peer_id:
            raise Refusal("other-peer-id")
        return peer

    def _check_newcomer(self, connection: PeerConnection, message: PeerAnnounce) -> None:
        """Refuse one torrent too many, and a peer id of somebody else.

        From the same address it is the same client, whose old connection is not known to have ended yet.
        """
        if len(connection.peers) >= self._terms.torrents:
            raise Refusal("many-torrents")
        swarm = self._swarms.get(message.infohash)
        other = swarm.by_id.get(message.peer_id) if swarm is not None else None
        if other is None:
            return
        if other.connection.address != connection.address:
            raise Refusal("peer-id-taken")
        self._tracker.leave_socket(self._departure(message.infohash, other))
        self._take_out(message.infohash, other)

    def _stop(self, connection: PeerConnection, message: PeerAnnounce, account: int) -> bytes:
        infohash, peer = message.infohash, self._own(connection, message)
        change = (
            self._departure(infohash, peer)
            if peer is not None
            else SocketChange(infohash, connection.address, 0, 0)
        )
        reply = self._tracker.announce_socket(change, message.event)
        if peer is not None:
            self._take_out(infohash, peer)
        if isinstance(reply, AnnounceFailure):
            return write_failure(reply.code, "announce", infohash, reply.text.decode())
        known = peer is not None and peer.seeder
        self._note(connection, message, account, seeder=known if message.seeder is None else message.seeder)
        return write_announce_reply(
            infohash, reply.counts.complete, reply.counts.incomplete, self._interval()
        )

    @staticmethod
    def _departure(infohash: InfoHash, peer: SocketPeer) -> SocketChange:
        return SocketChange(infohash, peer.connection.address, -peer.seeder, -(not peer.seeder))

    def _take_out(self, infohash: InfoHash, peer: SocketPeer) -> None:
        swarm = self._swarms[infohash]
        swarm.remove(peer)
        if not swarm.by_id:
            del self._swarms[infohash]
        self._let_go(infohash, peer)

    def _forget(self, infohash: InfoHash) -> None:
        """Let go of the peers of a hash whose swarm was removed, which has counted them out."""
        swarm = self._swarms.pop(infohash, None)
        for peer in swarm.by_id.values() if swarm is not None else ():
            self._let_go(infohash, peer)

    def _let_go(self, infohash: InfoHash, peer: SocketPeer) -> None:
        del peer.connection.peers[infohash]
        peer.offers.clear()
        self.counters.peers -= 1
        self._shares.drop(peer.connection.address)

    def _is_full(self, address: bytes) -> bool:
        """Return whether there is no room for another peer, or none for one of this address."""
        used, cap = self.counters.peers, self._terms.peers
        return used >= cap or self._shares.refuses(address, used, cap)

    def _relay_offers(self, infohash: InfoHash, peer: SocketPeer, message: PeerAnnounce) -> None:
        now = self._clock()
        self._forget_offers(peer, now)
        count = min(len(message.offers), self._terms.offers)
        if message.numwant is not None:
            count = min(count, message.numwant)
        if count <= 0:
            return
        given = self._swarms[infohash].pick(peer, count, self._rng)
        for other, offer in zip(given, message.offers, strict=False):
            self._relay_offer(infohash, peer, other, offer, now)

    def _relay_offer(
        self, infohash: InfoHash, peer: SocketPeer, other: SocketPeer, offer: PeerOffer, now: float
    ) -> None:
        key = offer.offer_id + other.peer_id
        peer.offers.pop(key, None)
        peer.offers[key] = other, now + OFFER_SECONDS
        self.counters.offers += 1
        other.connection.send(write_offer(infohash, peer.peer_id, offer))

    def _forget_offers(self, peer: SocketPeer, now: float) -> None:
        """Forget the offers that are too old, and the oldest of too many."""
        most = self._terms.offers * (OFFER_ROUNDS - 1)
        while peer.offers:
            oldest = next(iter(peer.offers))
            if len(peer.offers) <= most and peer.offers[oldest][1] >= now:
                return
            del peer.offers[oldest]

    def _relay_answer(self, connection: PeerConnection, message: PeerAnnounce, answer: PeerAnswer) -> None:
        """Pass an answer to the peer that made the offer to this one, within its time, once."""
        peer, swarm = self._own(connection, message), self._swarms.get(message.infohash)
        offerer = swarm.by_id.get(answer.to) if swarm is not None else None
        if peer is None or offerer is None:
            raise Refusal("unknown-offer")
        key = answer.offer_id + peer.peer_id
        given = offerer.offers.get(key)
        if given is None or given[0] is not peer or given[1] < self._clock():
            raise Refusal("unknown-offer")
        del offerer.offers[key]
        self.counters.answers += 1
        offerer.connection.send(write_answer(message.infohash, peer.peer_id, answer))

    def _scrape(self, message: PeerScrape) -> bytes:
        files = self._tracker.scrape(message.infohashes, Transport.WEBSOCKET)
        numbers = (
            (
                infohash,
                {
                    "complete": counts.complete,
                    "downloaded": counts.downloaded,
                    "incomplete": counts.incomplete,
                },
            )
            for infohash, counts in files
        )
        return write_scrape_reply(numbers, self._tracker.terms.min_interval)

    def _interval(self) -> int:
        """Return the seconds to the next announce, give or take a tenth."""
        jitter = self._terms.interval // 10
        return self._terms.interval - jitter + self._rng.below(2 * jitter + 1)
