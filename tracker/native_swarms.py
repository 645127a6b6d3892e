"""The swarm store in C: `tracker._native` behind the `SwarmStore` protocol."""

from array import array
from collections import Counter
from collections.abc import Sequence

from bittorrent.addresses import Network, unmap_ipv4
from bittorrent.infohash import InfoHash
from bittorrent.passkey import is_passkey
from tracker.access import ADDRESS_DENIED, CLIENT_DENIED, AccessDenied, AccessTable
from tracker.changes import (
    CHANGES_AT_ONCE,
    SNAPSHOT_START,
    Change,
    ChangeBatch,
    CompletedCount,
    PeerChange,
    Place,
    Position,
)
from tracker.denial_texts import DenialTexts
from tracker.journal_row import JournalRow
from tracker.model import (
    DENIED,
    NOBODY,
    SUSPENDED_PASSKEY,
    UNLISTED,
    Announce,
    AnnounceFailure,
    AnnounceTerms,
    Counts,
    Reply,
    SocketChange,
    SwarmTotals,
    TooManyPasskeys,
)
from tracker.sessions import KnownSession, LastTotals, SessionDelta, SessionTotals
from tracker.swarms import FULL, LIMITED, RESTORING

try:
    from tracker import _native
except ImportError:  # it was installed where no C compiler was at hand
    AVAILABLE = False
else:
    AVAILABLE = True

_WARNINGS = (b"", FULL, RESTORING, b"", b"", *LIMITED.values())
_REFUSALS = (None, None, None, UNLISTED, DENIED, None, None, None, None)
"""By verdict, as store.h numbers them: OK, FULL, RESTORING, UNLISTED, DENIED, and the limits of accounts."""


class NativeSwarms:
    """Swarms by infohash in C, with the answers of `Swarms`; also for threads without the GIL."""

    __slots__ = ("_texts", "handle")

    name = "native"

    def __init__(self, terms: AnnounceTerms, seed: int, key: bytes) -> None:
        """Make an empty store: `seed` of 64 bits for the draws, a `key` of 16 secret bytes for the tables."""
        self.handle = _native.Store(
            interval=terms.interval,
            min_interval=terms.min_interval,
            jitter=terms.jitter,
            timeout=terms.timeout,
            remember_completed=terms.remember_completed,
            max_torrents=terms.max_torrents,
            max_peers=terms.max_peers,
            peers_per_address=terms.peers_per_address,
            node=terms.node,
            session_timeout=terms.session_timeout,
            max_sessions=terms.max_sessions,
            max_changes=terms.max_changes,
            most_rate=terms.most_rate,
            announce_spacing=terms.announce_spacing,
            peers_per_account=terms.peers_per_account,
            download_slots=terms.download_slots,
            peers_per_hour=terms.peers_per_hour,
            shares_bind=terms.shares.threshold(terms.max_torrents),
            peers_bind=terms.shares.threshold(terms.max_peers),
            exempt=b"".join(pack_exemption(network) for network in map(unmap_ipv4, terms.shares.exempt)),
            key=key,
            seed=seed,
        )
        self._texts = DenialTexts(self.handle.set_denial_text)

    @property
    def listed(self) -> bool:
        """Whether only allowed torrents are tracked."""
        return self.handle.listed

    @listed.setter
    def listed(self, listed: bool) -> None:
        self.handle.listed = listed

    @property
    def private(self) -> bool:
        """Whether announces and scrapes need a passkey."""
        return self.handle.private

    @private.setter
    def private(self, private: bool) -> None:
        self.handle.private = private

    @property
    def restoring(self) -> bool:
        """Whether announces are put off with a warning, because the journal is still being read."""
        return self.handle.restoring

    @restoring.setter
    def restoring(self, restoring: bool) -> None:
        self.handle.restoring = restoring

    def allow(self, infohash: InfoHash, allowed: bool) -> None:
        """Put a torrent on the allow list or take it off."""
        self.handle.allow(infohash, allowed)

    def deny(self, infohash: InfoHash, denied: bool, reason: str = "") -> None:
        """Put a torrent on the deny list, with what is told of it, or take it off."""
        number = self._texts.number(reason) if denied else 0
        try:
            before = self.handle.deny(infohash, denied, number)
        except BaseException:
            self._texts.count(number, 0)
            raise
        self._texts.count(number, 1)
        self._texts.count(before, -1)

    def allow_all(self, infohashes: bytes) -> None:
        """Put torrents on the allow list; their infohashes stand one behind another."""
        self.handle.allow_all(infohashes)

    def deny_all(self, infohashes: bytes) -> None:
        """Put torrents on the deny list; their infohashes stand one behind another."""
        self.handle.deny_all(infohashes)

    def explain(self, infohashes: bytes, reason: str) -> None:
        """Have the reason told of those of these torrents that are denied."""
        number = self._texts.number(reason)
        try:
            before = array("I", self.handle.explain(infohashes, number))
        except BaseException:
            self._texts.count(number, 0)
            raise
        self._texts.count(number, len(before))
        for each, count in Counter(before).items():
            self._texts.count(each, -count)

    def publish(self, infohash: InfoHash, public: bool) -> None:
        """Let anybody announce an allowed torrent in private mode, or not."""
        self.handle.publish(infohash, public)

    def publish_all(self, infohashes: bytes) -> None:
        """Let anybody announce those of these torrents that are allowed."""
        self.handle.publish_all(infohashes)

    def is_public(self, infohash: InfoHash) -> bool:
        """Return whether a torrent is allowed, and anybody's to announce in private mode."""
        return self.handle.is_public(infohash)

    def refusal(self, infohash: InfoHash) -> str | None:
        """Return the code of the refusal for a hash, or None; a denial always wins."""
        return _REFUSALS[self.handle.verdict(infohash)]

    def has_rules(self) -> bool:
        """Return whether anything is allowed or denied."""
        return self.handle.has_rules()

    def remove_denied(self) -> None:
        """Remove the swarms of denied torrents."""
        self.handle.remove_denied()

    def announce(self, announce: Announce, now: int) -> Reply | AnnounceFailure:
        """Store the announcer, then answer; see `Swarms.announce`."""
        answer = self.handle.announce(announce, now)
        if len(answer) == 2:
            return self._failure(*answer)
        verdict, complete, downloaded, incomplete, downloaders, interval, min_interval, peers, peers6 = answer
        counts = Counts(complete, downloaded, incomplete, downloaders)
        return Reply(counts, interval, min_interval, peers, peers6, _WARNINGS[verdict])

    def count_socket(self, change: SocketChange, now: int) -> Reply | AnnounceFailure:
        """Count a change of a swarm's peers over WebSocket; see `Swarms.count_socket`."""
        answer = self.handle.count_socket(change, now)
        if len(answer) == 2:
            return self._failure(*answer)
        verdict, interval, min_interval, *counts = answer
        return Reply(Counts(*counts), interval, min_interval, warning=_WARNINGS[verdict])

    def _failure(self, verdict: int, number: int) -> AnnounceFailure:
        return AnnounceFailure(_REFUSALS[verdict] or "", self._texts.text(number))

    def note_session(self, announce: Announce, now: int) -> None:
        """Take the totals of an account's announce in that changes no peers, as one over WebSocket."""
        self.handle.note_session(announce, now)

    def scrape(self, infohash: InfoHash) -> Counts:
        """Return a swarm in numbers, zeros where there is none or it is refused."""
        return Counts(*self.handle.scrape(infohash))

    def peers(self, infohash: InfoHash, numwant: int) -> tuple[bytes, bytes]:
        """Return compact IPv4 and IPv6 peers, as a leecher outside the swarm is given; see `Swarms.peers`."""
        return self.handle.peers(infohash, numwant)

    def expire(self, now: int, budget: int) -> int:
        """Drop peers that were silent too long, looking at about `budget` slots; see `Swarms.expire`."""
        return self.handle.expire(now, budget)

    def join(self, alias: InfoHash, canonical: InfoHash) -> None:
        """Make two hashes name one swarm from now on, merging what both have."""
        self.handle.join(alias, canonical)

    def remove(self, infohash: InfoHash) -> None:
        """Remove a swarm, its peers and its completed count."""
        self.handle.remove(infohash)

    def set_access(self, table: AccessTable) -> None:
        """Put rules on clients and addresses in force."""
        v4, v6 = table.v4, table.v6
        self.handle.set_access(
            list(table.texts),
            table.packed_clients(),
            b"".join(each.to_bytes(4, "big") for each in v4.starts),
            array("I", v4.numbers).tobytes(),
            b"".join(each.to_bytes(16, "big") for each in v6.starts),
            array("I", v6.numbers).tobytes(),
        )

    def check_access(self, address: bytes, peer_id: bytes) -> None:
        """Refuse an address or a peer id by the rules. AccessDenied."""
        if (denied := self.handle.check_access(address, peer_id)) is not None:
            by_address, text = denied
            raise AccessDenied(ADDRESS_DENIED if by_address else CLIENT_DENIED, text)

    def set_passkey(self, passkey: bytes, account: int) -> None:
        """Let announces with a passkey count for an account, in place of another one, or refuse them."""
        if not is_passkey(passkey) or not 0 < account <= SUSPENDED_PASSKEY:
            raise ValueError("a passkey is 1 to 64 letters, digits, - and _, an account a number above 0")
        if not self.handle.set_passkey(passkey, account):
            raise TooManyPasskeys

    def drop_passkey(self, passkey: bytes) -> None:
        """Refuse announces with a passkey from now on."""
        if is_passkey(passkey):
            self.handle.drop_passkey(passkey)

    def account_of(self, passkey: bytes) -> int:
        """Return the account of a passkey, NOBODY if there is none."""
        return self.handle.account_of(passkey) if is_passkey(passkey) else NOBODY

    def take_deltas(self) -> list[SessionDelta]:
        """Return the next deltas of a round through all and forget them; an empty list ends the round."""
        return [_delta(row) for row in self.handle.take_deltas()]

    def put_back_deltas(self, deltas: Sequence[SessionDelta]) -> None:
        """Add deltas again, because they could not be written, and begin a new round."""
        self.handle.put_back_deltas(deltas)

    def restore_sessions(self, sessions: Sequence[KnownSession]) -> None:
        """Begin sessions where they stood."""
        self.handle.restore_sessions(sessions)

    def session_totals(self) -> SessionTotals:
        """Return sessions in numbers."""
        return SessionTotals(*self.handle.session_totals())

    def open_changes(self) -> int:
        """Register a consumer of the changes of peers; raises ValueError beyond MAX_CONSUMERS."""
        return self.handle.open_changes()

    def close_changes(self, consumer: int) -> None:
        """Remove a consumer; without one nothing is logged."""
        self.handle.close_changes(consumer)

    def read_changes(self, consumer: int, limit: int = CHANGES_AT_ONCE) -> ChangeBatch:
        """Return up to `limit` changes that a consumer has not acknowledged."""
        rows, position, lagged = self.handle.read_changes(consumer, limit)
        return ChangeBatch(_changes(rows), position, lagged)

    def acknowledge_changes(self, consumer: int, position: Position) -> None:
        """Note that a consumer has dealt with a batch."""
        self.handle.acknowledge_changes(consumer, position)

    def snapshot(self, place: Place = SNAPSHOT_START) -> tuple[list[Change], Place | None]:
        """Return the next step of a walk through everything as changes, and where to go on; see `Swarms.snapshot`."""
        rows, after = self.handle.snapshot(*place)
        return _changes(rows), after

    def apply(self, changes: Sequence[Change], now: int) -> None:
        """Take over changes that other nodes logged; see `Swarms.apply`."""
        self.handle.apply(changes, now)

    def take_dirty(self) -> list[JournalRow]:
        """Return the next dirty rows of a round, key-sorted, deletions last; no rows end the round."""
        return [JournalRow(*row) for row in self.handle.take_dirty()]

    def put_back(self, rows: Sequence[JournalRow]) -> None:
        """Mark rows dirty again, because they could not be written, and begin a new round."""
        self.handle.put_back(rows)

    def restore(self, rows: Sequence[JournalRow]) -> None:
        """Merge rows of a journal; what is there already in full is not marked dirty."""
        self.handle.restore(rows)

    def largest(self, count: int) -> list[tuple[InfoHash, Counts]]:
        """Return the swarms with most peers."""
        return [(InfoHash.of(infohash), Counts(*counts)) for infohash, *counts in self.handle.largest(count)]

    def totals(self) -> SwarmTotals:
        """Return the whole store in numbers."""
        torrents, peers, complete = self.handle.totals()
        return SwarmTotals(torrents, peers, complete, peers - complete)


def pack_exemption(network: Network) -> bytes:
    """Pack a network as `struct exemption` of shares.h."""
    prefix = network.network_address.packed
    return bytes([len(prefix), network.prefixlen]) + prefix.ljust(16, b"\0")


def _delta(row: "_native.DeltaRow") -> SessionDelta:
    account, infohash, peer_id, up, down, seeded, completed, capped, last, address = row
    return SessionDelta(
        account, InfoHash(infohash), peer_id, up, down, seeded, completed, capped, LastTotals(*last), address
    )


def _changes(rows: "Sequence[_native.ChangeRow]") -> list[Change]:
    return [
        PeerChange(InfoHash(row[0]), *row[1:])
        if len(row) == 4
        else CompletedCount(InfoHash(row[0]), *row[1:])
        for row in rows
    ]
