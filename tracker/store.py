"""The protocol of a swarm store: the calls that every implementation answers with the same bytes."""

from collections.abc import Sequence
from typing import Protocol

from bittorrent.infohash import InfoHash
from tracker.access import AccessTable
from tracker.changes import CHANGES_AT_ONCE, SNAPSHOT_START, Change, ChangeBatch, Place, Position
from tracker.journal_row import JournalRow
from tracker.model import Announce, AnnounceFailure, Counts, Reply, SocketChange, SwarmTotals
from tracker.sessions import KnownSession, SessionDelta, SessionTotals


class SwarmStore(Protocol):
    """Every swarm in memory, and who may have one. Calls are plain functions without waiting; times are unix seconds.

    Two stores given the same calls, terms and random source answer with the same bytes: slots are filled and
    emptied in the same order, and random numbers are drawn in the order that `Swarms` and `Pool.pick` state.
    """

    @property
    def name(self) -> str:
        """The name of this store in settings, logs and metrics."""
        ...

    @property
    def listed(self) -> bool:
        """Whether only allowed torrents are tracked."""
        ...

    @listed.setter
    def listed(self, listed: bool) -> None: ...

    @property
    def private(self) -> bool:
        """Whether announces and scrapes need a passkey, which may also be in the query; for the doors."""
        ...

    @private.setter
    def private(self, private: bool) -> None: ...

    @property
    def restoring(self) -> bool:
        """Whether announces of what is not denied are put off with a warning: lists or journal are still being read."""
        ...

    @restoring.setter
    def restoring(self, restoring: bool) -> None: ...

    def allow(self, infohash: InfoHash, allowed: bool) -> None:
        """Put a torrent on the allow list or take it off; its swarm is not touched."""
        ...

    def deny(self, infohash: InfoHash, denied: bool, reason: str = "") -> None:
        """Put a torrent on the deny list, which wins over any other, or take it off; its swarm is not touched.

        Who announces it is told the reason.
        """
        ...

    def allow_all(self, infohashes: bytes) -> None:
        """Put torrents on the allow list, 20 bytes each; ValueError for any other length."""
        ...

    def deny_all(self, infohashes: bytes) -> None:
        """Put torrents on the deny list; swarms are not touched, nor what is told of one there. As `allow_all`."""
        ...

    def explain(self, infohashes: bytes, reason: str) -> None:
        """Have the reason told of those of these torrents that are denied. As `allow_all`."""
        ...

    def publish(self, infohash: InfoHash, public: bool) -> None:
        """Let anybody announce an allowed torrent in private mode, or not; of one that is not allowed nothing is kept.

        One that is taken off the allow list is public no more.
        """
        ...

    def publish_all(self, infohashes: bytes) -> None:
        """Let anybody announce those of these torrents that are allowed. As `allow_all`."""
        ...

    def is_public(self, infohash: InfoHash) -> bool:
        """Return whether a torrent is allowed, and anybody's to announce in private mode; for the doors."""
        ...

    def refusal(self, infohash: InfoHash) -> str | None:
        """Return the code of the refusal for a hash, or None; a denial always wins."""
        ...

    def has_rules(self) -> bool:
        """Return whether anything is allowed or denied."""
        ...

    def remove_denied(self) -> None:
        """Remove the swarms of denied torrents."""
        ...

    def announce(self, announce: Announce, now: int) -> Reply | AnnounceFailure:
        """Store the announcer and return its answer; see `Swarms.announce`."""
        ...

    def count_socket(self, change: SocketChange, now: int) -> Reply | AnnounceFailure:
        """Count a change of a swarm's peers over WebSocket, who are never handed out; see `Swarms.count_socket`."""
        ...

    def note_session(self, announce: Announce, now: int) -> None:
        """Take the totals of an account's announce in that changes no peers, as one over WebSocket."""
        ...

    def scrape(self, infohash: InfoHash) -> Counts:
        """Return a swarm in numbers, zeros where there is none or it is refused."""
        ...

    def peers(self, infohash: InfoHash, numwant: int) -> tuple[bytes, bytes]:
        """Return compact IPv4 and IPv6 peers, as a leecher outside the swarm is given; nothing changes by it."""
        ...

    def set_passkey(self, passkey: bytes, account: int) -> None:
        """Let announces with a passkey count for an account, in place of another one; ValueError: malformed.

        DISABLED_ACCOUNT and SUSPENDED_PASSKEY stand in the place of an account. TooManyPasskeys: there is no room.
        """
        ...

    def drop_passkey(self, passkey: bytes) -> None:
        """Refuse announces with a passkey from now on."""
        ...

    def account_of(self, passkey: bytes) -> int:
        """Return the account of a passkey, NOBODY if there is none."""
        ...

    def set_access(self, table: AccessTable) -> None:
        """Put rules on clients and addresses in force at once, in place of all before."""
        ...

    def check_access(self, address: bytes, peer_id: bytes) -> None:
        """Refuse an address (4 or 16 bytes), or a peer id, of which an empty one is not looked at. AccessDenied."""
        ...

    def take_deltas(self) -> list[SessionDelta]:
        """Return the next deltas of a round through all and forget them; an empty list ends the round."""
        ...

    def put_back_deltas(self, deltas: Sequence[SessionDelta]) -> None:
        """Add deltas again, because they could not be written, and begin a new round."""
        ...

    def restore_sessions(self, sessions: Sequence[KnownSession]) -> None:
        """Begin sessions where they stood; one that is there already stays as it is, and none begins at the cap."""
        ...

    def session_totals(self) -> SessionTotals:
        """Return sessions in numbers."""
        ...

    def open_changes(self) -> int:
        """Register a consumer of the changes of peers from now on; ValueError: there are too many."""
        ...

    def close_changes(self, consumer: int) -> None:
        """Remove a consumer; without one nothing is logged."""
        ...

    def read_changes(self, consumer: int, limit: int = CHANGES_AT_ONCE) -> ChangeBatch:
        """Return up to `limit` changes that a consumer has not acknowledged."""
        ...

    def acknowledge_changes(self, consumer: int, position: Position) -> None:
        """Note that a consumer has dealt with a batch."""
        ...

    def snapshot(self, place: Place = SNAPSHOT_START) -> tuple[list[Change], Place | None]:
        """Return the next step of a walk through everything as changes, and where to go on; None at the end."""
        ...

    def apply(self, changes: Sequence[Change], now: int) -> None:
        """Take over changes that other nodes logged, in any order and repetition; they are not logged again."""
        ...

    def expire(self, now: int, budget: int) -> int:
        """Drop peers that were silent too long, looking at about `budget` slots; return how many went."""
        ...

    def join(self, alias: InfoHash, canonical: InfoHash) -> None:
        """Make two hashes name one swarm from now on, merging what both have."""
        ...

    def remove(self, infohash: InfoHash) -> None:
        """Remove a swarm, its peers and its completed count."""
        ...

    def take_dirty(self) -> list[JournalRow]:
        """Return the next dirty rows of a round through all swarms, marked clean; an empty list ends the round.

        Within a round rows come key-sorted, deletions last; what changes again behind it is left to the next round.
        """
        ...

    def put_back(self, rows: Sequence[JournalRow]) -> None:
        """Mark rows dirty again, because they could not be written, and begin a new round."""
        ...

    def restore(self, rows: Sequence[JournalRow]) -> None:
        """Merge rows of a journal; in any order, more than once, beside live peers. Damaged ones are passed over."""
        ...

    def largest(self, count: int) -> list[tuple[InfoHash, Counts]]:
        """Return the swarms with most peers, at most MOST_LARGEST; of equals the smaller infohash comes first."""
        ...

    def totals(self) -> SwarmTotals:
        """Return the whole store in numbers."""
        ...
