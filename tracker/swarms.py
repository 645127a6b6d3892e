"""The swarm store in Python, in memory: the specification of any other store."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from heapq import nsmallest
from types import MappingProxyType

from bittorrent.infohash import V1_LENGTH, InfoHash
from bittorrent.passkey import is_passkey
from bittorrent.shares import Shares
from tracker.access import AccessTable
from tracker.account_limits import AccountLimits
from tracker.changes import (
    CHANGE_FLAGS,
    CHANGES_AT_ONCE,
    CLOCK_SKEW,
    GONE,
    MAX_COMPLETED,
    MAX_NODE,
    MAX_NODES,
    SNAPSHOT_START,
    Change,
    ChangeBatch,
    ChangeLog,
    CompletedCount,
    PeerChange,
    Place,
    Position,
    Tombstones,
    change_of,
    is_change,
    rank_of,
    rank_of_state,
)
from tracker.denial_texts import DenialTexts
from tracker.journal_row import MAX_PART, NO_OTHERS, DamagedRow, JournalRow, RowContent, pack, unpack
from tracker.model import (
    BUCKETS,
    DENIED,
    MAX_PASSKEYS,
    MOST_LARGEST,
    NOBODY,
    SUSPENDED_PASSKEY,
    UNLISTED,
    ZERO_COUNTS,
    Announce,
    AnnounceFailure,
    AnnounceTerms,
    Counts,
    Event,
    Reply,
    SocketChange,
    SwarmTotals,
    TooManyPasskeys,
    Verdict,
)
from tracker.pool import state_of
from tracker.random_source import RandomSource
from tracker.sessions import KnownSession, SessionDelta, Sessions, SessionTotals
from tracker.swarm import ROW_BITS, STRIDES, Swarm

FULL = b"Tracker is full, this torrent is not tracked now"
RESTORING = b"Tracker is starting, peers follow shortly"
LIMITED: Mapping[Verdict, bytes] = MappingProxyType(
    {
        Verdict.CROWDED: b"Too many clients of yours in this torrent: stop one",
        Verdict.OVER_SLOTS: b"Too many downloads at once: wait for one to end",
        Verdict.EARLY: b"Announced too early: peers follow with the next announce",
        Verdict.HARVESTING: b"Too many peers asked for: they follow later",
    }
)
"""The warnings of announces beyond an account's limits."""
_NOT_STORED = frozenset({Verdict.CROWDED, Verdict.OVER_SLOTS})
RETRY_SOON = 300
"""Seconds to wait after a temporary refusal; the shortest interval that tracker lists accept."""

PeerEntry = tuple[int, bytes, int]
"""A peer on its way from one copy of a swarm to another: its pool, its compact form, its state."""

SWARM_COST = 8  # visiting a swarm costs about as much as looking at eight slots
_SHARES_KEY = bytes(16)  # no secret: the store in C has one, this one keeps a service going that lacks it
ROWS_AT_ONCE = 1024  # rows that one step of a flush returns, give or take those of one swarm
LOOKED_AT = 16  # swarms of a first byte that a full store looks at to find one that makes room
LOOK_STEP = 0x9E3779B1  # of 2^32: looks at its multiples are spread evenly
EVICT_ABOVE = 0.9  # of the cap on torrents: from here on empty swarms go at the next sweep


class Swarms:
    """Swarms by infohash, packed. An announce costs the same however large its swarm is."""

    name = "python"

    def __init__(self, terms: AnnounceTerms, rng: RandomSource) -> None:
        self.listed = False
        self.private = False
        self.restoring = False
        self._allowed: set[InfoHash] = set()
        self._public: set[InfoHash] = set()  # of the allowed
        self._denied: dict[InfoHash, int] = {}  # with the number of what is told
        self._texts = DenialTexts()
        self._terms = terms
        self._rng = rng
        self._swarms: dict[InfoHash, Swarm] = {}
        self._aliases: dict[InfoHash, InfoHash] = {}
        # Changed swarms by their first byte, so that they come out sorted without one long sort.
        self._dirty: list[set[InfoHash]] = [set() for _ in range(BUCKETS)]
        self._deleted: list[dict[InfoHash, int]] = [{} for _ in range(BUCKETS)]
        self._turn = 0  # where the flush is: the changed of each first byte, then the gone of each
        self._pending: list[InfoHash] = []  # what is left of that turn, the next one last
        # By first byte too, every swarm once, from its making until the sweep finds it empty and removes it.
        self._sweep: list[list[InfoHash]] = [[] for _ in range(BUCKETS)]
        # Bucket, and one above the swarm of it that the sweep visits next; -1: all of it.
        self._place = (0, -1)
        self._cursor = (0, -1)  # pool and slot where the sweep of that swarm goes on, downwards
        self._peers = 0
        self._complete = 0
        self._access = AccessTable()
        self._passkeys: dict[bytes, int] = {}
        self._sessions = Sessions(terms)
        self._limits = AccountLimits(terms)
        self._log = ChangeLog(terms.max_changes, terms.node)
        self._tombstones = Tombstones(terms.max_changes)
        self._others: dict[InfoHash, dict[int, int]] = {}  # completed counts of other nodes
        self._shares = Shares(terms.shares, _SHARES_KEY)
        self._binds_above = terms.shares.threshold(terms.max_torrents)
        self._peers_bind = terms.shares.threshold(terms.max_peers)
        self._looked: list[int] = [0] * BUCKETS  # where in each the last look for room was, of 2^32
        self._upkeep = 0  # the bucket whose sessions and tombstones are looked through next

    def allow(self, infohash: InfoHash, allowed: bool) -> None:
        """Put a torrent on the allow list or take it off."""
        (self._allowed.add if allowed else self._allowed.discard)(infohash)
        if not allowed:
            self._public.discard(infohash)

    def deny(self, infohash: InfoHash, denied: bool, reason: str = "") -> None:
        """Put a torrent on the deny list, with what is told of it, or take it off."""
        number = self._texts.number(reason) if denied else 0
        before = self._denied.pop(infohash, 0)
        if denied:
            self._denied[infohash] = number
        self._texts.count(number, 1)
        self._texts.count(before, -1)

    def allow_all(self, infohashes: bytes) -> None:
        """Put torrents on the allow list; their infohashes stand one behind another."""
        self._allowed.update(_each(infohashes))

    def deny_all(self, infohashes: bytes) -> None:
        """Put torrents on the deny list; their infohashes stand one behind another."""
        for infohash in _each(infohashes):
            self._denied.setdefault(infohash, 0)

    def explain(self, infohashes: bytes, reason: str) -> None:
        """Have the reason told of those of these torrents that are denied."""
        for infohash in _each(infohashes):
            if infohash in self._denied:
                self.deny(infohash, True, reason)

    def publish(self, infohash: InfoHash, public: bool) -> None:
        """Let anybody announce an allowed torrent in private mode, or not."""
        if infohash in self._allowed:
            (self._public.add if public else self._public.discard)(infohash)

    def publish_all(self, infohashes: bytes) -> None:
        """Let anybody announce those of these torrents that are allowed."""
        self._public.update(each for each in _each(infohashes) if each in self._allowed)

    def is_public(self, infohash: InfoHash) -> bool:
        """Return whether a torrent is allowed, and anybody's to announce in private mode."""
        return infohash in self._public

    def refusal(self, infohash: InfoHash) -> str | None:
        """Return the code of the refusal for a hash, or None; a denial always wins."""
        if infohash in self._denied:
            return DENIED
        return UNLISTED if self.listed and infohash not in self._allowed else None

    def _put_off(self, infohash: InfoHash) -> Reply | AnnounceFailure | None:
        code = self.refusal(infohash)
        if self.restoring and code != DENIED:
            return Reply(ZERO_COUNTS, RETRY_SOON, RETRY_SOON, warning=RESTORING)
        if code is None:
            return None
        return AnnounceFailure(code, self._texts.text(self._denied.get(infohash, 0)))

    def has_rules(self) -> bool:
        """Return whether anything is allowed or denied."""
        return bool(self._allowed or self._denied)

    def remove_denied(self) -> None:
        """Remove the swarms of denied torrents."""
        for infohash in self._denied:
            self.remove(infohash)

    def announce(self, announce: Announce, now: int) -> Reply | AnnounceFailure:
        """Store the announcer, then answer: counts include it, the peers do not.

        A denied torrent comes first, a store that is restoring second: that one says so and stores nothing, since what
        is allowed may not be known yet. One that is not listed comes third.
        `stopped` removes it, and is a success when it was never here. A new torrent that there is no room for is
        answered with a warning: near the cap of an address that has its share already, at the cap where no swarm
        makes room. A new peer beyond its address's cap or the cap of all is served and not stored.
        An account beyond its limits is answered with a warning and without peers; one with too many clients or
        downloads is not stored, and makes no swarm. Draws: those of the pick, then the jitter of the interval.
        """
        if (reply := self._put_off(announce.infohash)) is not None:
            return reply
        infohash = self._aliases.get(announce.infohash, announce.infohash)
        swarm, verdict, numwant = self._swarms.get(infohash), Verdict.OK, announce.numwant
        if swarm is None:
            if announce.event == Event.STOPPED:
                return self._stop_unknown(announce, infohash, now)
            if announce.account:
                verdict, numwant = self._limits.check(announce, infohash, now)
                if verdict in _NOT_STORED:
                    self._sessions.note(announce, infohash, now)
                    return self._warned(ZERO_COUNTS, verdict)
            if (swarm := self._found(infohash, announce.peer[:-2], now)) is None:
                return Reply(ZERO_COUNTS, RETRY_SOON, RETRY_SOON, warning=FULL)
        elif announce.account:
            verdict, numwant = self._limits.check(announce, infohash, now)
        if announce.account:
            self._sessions.note(announce, infohash, now)
            if verdict in _NOT_STORED:
                return self._warned(self._counts(infohash, swarm), verdict)
        before = len(swarm), swarm.counts().complete
        where = self._store_peer(infohash, swarm, announce, now)
        counts = self._counts(infohash, swarm) if self._others else swarm.counts()
        self._peers += len(swarm) - before[0]
        self._complete += counts.complete - before[1]
        if swarm.dirty:
            self._dirty[infohash[0]].add(infohash)
        if announce.event == Event.STOPPED or numwant <= 0:
            return self._warned(counts, verdict)
        wanted = announce if numwant == announce.numwant else announce._replace(numwant=numwant)
        reply = self._reply(counts, *swarm.pick(wanted, where, self._rng))
        if announce.account:
            self._limits.spend(announce.account, len(reply.peers) // 6 + len(reply.peers6) // 18)
        return reply

    def _stop_unknown(self, announce: Announce, infohash: InfoHash, now: int) -> Reply:
        """Answer a `stopped` in a swarm that is not here: others and the account's session still hear of it."""
        if self._log.active:
            self._bury(infohash, announce.peer, 0, now)
        if announce.account:
            self._sessions.note(announce, infohash, now)
            self._limits.check(announce, infohash, now)
        return self._reply(ZERO_COUNTS, b"", b"")

    def _warned(self, counts: Counts, verdict: Verdict) -> Reply:
        """Return an answer without peers, with the warning of a limit where it is by one."""
        reply = self._reply(counts, b"", b"")
        return reply if verdict is Verdict.OK else replace(reply, warning=LIMITED[verdict])

    def count_socket(self, change: SocketChange, now: int) -> Reply | AnnounceFailure:
        """Count a change of a swarm's peers over WebSocket, then answer with the counts and no peers.

        It is refused and put off as an announce is, except that who leaves is always counted. At the cap of all peers
        nobody comes, and the answer says so. Draws nothing.
        """
        leaves = change.difference < 0
        if not leaves and (reply := self._put_off(change.infohash)) is not None:
            return reply
        infohash = self._aliases.get(change.infohash, change.infohash)
        swarm = self._swarms.get(infohash)
        if change.difference > 0 and self._peers >= self._terms.max_peers:
            return Reply(ZERO_COUNTS, RETRY_SOON, RETRY_SOON, warning=FULL)
        if swarm is None:
            if change.difference <= 0:
                return Reply(ZERO_COUNTS, self._terms.interval, self._terms.min_interval)
            if (swarm := self._found(infohash, change.address, now)) is None:
                return Reply(ZERO_COUNTS, RETRY_SOON, RETRY_SOON, warning=FULL)
        self._count_sockets(infohash, swarm, change, now)
        return Reply(self._counts(infohash, swarm), self._terms.interval, self._terms.min_interval)

    def note_session(self, announce: Announce, now: int) -> None:
        """Take the totals of an account's announce in that changes no peers, as one over WebSocket."""
        if announce.account:
            infohash = self._aliases.get(announce.infohash, announce.infohash)
            self._sessions.note(announce, infohash, now)

    def _count_sockets(self, infohash: InfoHash, swarm: Swarm, change: SocketChange, now: int) -> None:
        before = len(swarm), swarm.counts().complete
        swarm.count_sockets(change.seeders, change.leechers)
        swarm.touched = now
        if change.completed:
            swarm.completed += 1
            swarm.dirty |= 1
            if self._log.active:
                self._log.note(infohash, b"", swarm.completed)
        self._peers += len(swarm) - before[0]
        self._complete += swarm.counts().complete - before[1]
        if swarm.dirty:
            self._dirty[infohash[0]].add(infohash)

    def _found(self, infohash: InfoHash, address: bytes, now: int) -> Swarm | None:
        """Make the swarm of a newcomer; None: there is no room for it."""
        if len(self._swarms) >= self._binds_above and not self._make_room(infohash, address):
            return None
        swarm = self._make(infohash, now)
        self._give(swarm, address)
        return swarm

    def _make(self, infohash: InfoHash, now: int) -> Swarm:
        swarm = self._swarms[infohash] = Swarm(now)
        swarm.parts = self._deleted[infohash[0]].pop(infohash, 0)
        self._sweep[infohash[0]].append(infohash)
        return swarm

    def _give(self, swarm: Swarm, address: bytes) -> None:
        """Count a swarm to an address's share."""
        if address and not swarm.owner and not self._shares.exempts(address):
            swarm.owner = address
            self._shares.add(address)

    def _make_room(self, infohash: InfoHash, address: bytes) -> bool:
        """Return whether an address may have another swarm, near the cap.

        It may within its share of the room, and otherwise in place of one of a heavier owner.
        """
        used, cap = len(self._swarms), self._terms.max_torrents
        if used < cap and not self._shares.refuses(address, used, cap):
            return True
        return self._evict(infohash[0], address)

    def _evict(self, bucket: int, address: bytes) -> bool:
        """Remove a swarm of one peer whose owner has more than an address would have; an empty one goes before all.

        A few swarms of the newcomer's first byte, spread over all of it, are looked at; the heaviest owner's goes.
        """
        swarms = self._sweep[bucket]
        best, found = self._shares.weight(address, 1), -1
        for _ in range(min(LOOKED_AT, len(swarms))):
            self._looked[bucket] = (self._looked[bucket] + LOOK_STEP) % 2**32
            at = self._looked[bucket] * len(swarms) >> 32
            swarm = self._swarms[swarms[at]]
            if not len(swarm):
                found = at
                break
            if (
                len(swarm) == 1
                and not swarm.sockets
                and swarm.owner
                and (weight := self._shares.weight(swarm.owner)) > best
            ):
                best, found = weight, at
        if found >= 0:
            infohash = swarms[found]
            swarm = self._swarms[infohash]
            before = len(swarm), swarm.counts().complete
            swarm.clear()
            self._update_totals(infohash, swarm, before)
            self._forget(infohash, swarm, found)
        return found >= 0

    def _store_peer(self, infohash: InfoHash, swarm: Swarm, announce: Announce, now: int) -> tuple[int, int]:
        which, slot = swarm.locate(announce.peer)
        logging = self._log.active
        known = self._known(infohash, swarm, announce.peer, which, slot) if logging else 0
        if announce.event == Event.STOPPED:
            if slot >= 0:
                swarm.remove(which, slot)
            if logging:
                self._bury(infohash, announce.peer, known, now)
            return which, -1
        if slot < 0 and not self._has_room(swarm, announce.peer):
            return which, -1
        if not logging:
            return swarm.put(announce, which, slot, now)
        completed = swarm.completed
        which, slot = swarm.put(announce, which, slot, now, known)
        self._tombstones.drop(infohash, announce.peer)
        state = swarm.pool(which).states[slot]
        self._log.note(infohash, announce.peer, rank_of_state(which, state))
        if swarm.completed != completed:
            self._log.note(infohash, b"", swarm.completed)
        return which, slot

    def _known(self, infohash: InfoHash, swarm: Swarm, peer: bytes, which: int, slot: int) -> int:
        """Return the rank of a peer found at (which, slot), or of its departure, or 0."""
        if slot >= 0:
            return rank_of_state(which, swarm.pool(which).states[slot])
        return self._tombstones.get(infohash, peer)

    def _bury(self, infohash: InfoHash, peer: bytes, known: int, now: int) -> None:
        """Log a departure and remember it; it is dated no earlier than what is known of the peer."""
        rank = max(known or self._tombstones.get(infohash, peer), rank_of(now, 0)) & ~CHANGE_FLAGS | GONE
        self._tombstones.put(infohash, peer, rank)
        self._log.note(infohash, peer, rank)

    def _counts(self, infohash: InfoHash, swarm: Swarm) -> Counts:
        """Return a swarm in numbers, downloads that other nodes counted included."""
        counts = swarm.counts()
        others = self._others.get(infohash)
        if others is None:
            return counts
        return replace(counts, downloaded=counts.downloaded + sum(others.values()))

    def _has_room(self, swarm: Swarm, peer: bytes) -> bool:
        cap, free = self._terms.peers_per_address, self._terms.max_peers - self._peers
        if free <= 0:
            return False
        if cap and self._peers >= self._peers_bind and not self._shares.exempts(peer[:-2]):
            cap = max(1, cap * free // (self._terms.max_peers - self._peers_bind))
        return not cap or len(swarm) < cap or swarm.of_address(peer) < cap

    def _reply(self, counts: Counts, peers: bytes, peers6: bytes) -> Reply:
        jitter = self._terms.jitter
        interval = self._terms.interval - jitter + self._rng.below(2 * jitter + 1)
        return Reply(counts, interval, self._terms.min_interval, peers, peers6)

    def scrape(self, infohash: InfoHash) -> Counts:
        """Return a swarm in numbers, zeros where there is none or it is refused."""
        if self.refusal(infohash) is not None:
            return ZERO_COUNTS
        infohash = self._aliases.get(infohash, infohash)
        swarm = self._swarms.get(infohash)
        return ZERO_COUNTS if swarm is None else self._counts(infohash, swarm)

    def peers(self, infohash: InfoHash, numwant: int) -> tuple[bytes, bytes]:
        """Return compact IPv4 and IPv6 peers, as a leecher outside the swarm is given; none where it is refused.

        Nothing changes by it. Draws: those of the pick.
        """
        swarm = self._swarms.get(self._aliases.get(infohash, infohash))
        if swarm is None or numwant <= 0 or self.refusal(infohash) is not None:
            return b"", b""
        nobody = Announce(infohash, b"", Event.NONE, seeder=False, numwant=numwant)
        return swarm.pick(nobody, (0, -1), self._rng)

    def set_access(self, table: AccessTable) -> None:
        """Put rules on clients and addresses in force."""
        self._access = table

    def check_access(self, address: bytes, peer_id: bytes) -> None:
        """Refuse an address or a peer id by the rules. AccessDenied."""
        self._access.check(address, peer_id)

    def set_passkey(self, passkey: bytes, account: int) -> None:
        """Let announces with a passkey count for an account, in place of another one, or refuse them."""
        if not is_passkey(passkey) or not 0 < account <= SUSPENDED_PASSKEY:
            raise ValueError("a passkey is 1 to 64 letters, digits, - and _, an account a number above 0")
        if passkey not in self._passkeys and len(self._passkeys) >= MAX_PASSKEYS:
            raise TooManyPasskeys
        self._passkeys[passkey] = account

    def drop_passkey(self, passkey: bytes) -> None:
        """Refuse announces with a passkey from now on."""
        self._passkeys.pop(passkey, None)

    def account_of(self, passkey: bytes) -> int:
        """Return the account of a passkey, NOBODY if there is none."""
        return self._passkeys.get(passkey, NOBODY)

    def take_deltas(self) -> list[SessionDelta]:
        """Return the next deltas of a round through all and forget them; an empty list ends the round."""
        return self._sessions.take_deltas()

    def put_back_deltas(self, deltas: Sequence[SessionDelta]) -> None:
        """Add deltas again, because they could not be written, and begin a new round."""
        self._sessions.put_back_deltas(deltas)

    def restore_sessions(self, sessions: Sequence[KnownSession]) -> None:
        """Begin sessions where they stood."""
        self._sessions.restore(sessions)

    def session_totals(self) -> SessionTotals:
        """Return sessions in numbers."""
        return self._sessions.totals()

    def open_changes(self) -> int:
        """Register a consumer of the changes of peers; raises ValueError beyond MAX_CONSUMERS."""
        return self._log.open()

    def close_changes(self, consumer: int) -> None:
        """Remove a consumer; without one nothing is logged."""
        self._log.close(consumer)

    def read_changes(self, consumer: int, limit: int = CHANGES_AT_ONCE) -> ChangeBatch:
        """Return up to `limit` changes that a consumer has not acknowledged; see `ChangeLog`."""
        return self._log.read(consumer, limit)

    def acknowledge_changes(self, consumer: int, position: Position) -> None:
        """Note that a consumer has dealt with a batch."""
        self._log.acknowledge(consumer, position)

    def apply(self, changes: Sequence[Change], now: int) -> None:
        """Take over changes that other nodes logged: those of the higher rank win, in any order and repetition.

        They are not logged again, so they do not come back; the journal writes them. What is refused here, what is
        older than the timeout or dated further ahead than CLOCK_SKEW, and what the caps leave no room for is
        passed over.
        """
        for change in changes:
            if self.refusal(change.infohash) is not None:
                continue
            infohash = self._aliases.get(change.infohash, change.infohash)
            if isinstance(change, CompletedCount):
                self._apply_count(infohash, change, now)
            else:
                self._apply_peer(infohash, change, now)

    def _apply_count(self, infohash: InfoHash, change: CompletedCount, now: int) -> None:
        if not (0 < change.completed <= MAX_COMPLETED and 0 <= change.node <= MAX_NODE):
            return
        swarm = self._swarms.get(infohash)
        if swarm is None:
            if len(self._swarms) >= self._terms.max_torrents:
                return
            swarm = self._make(infohash, now)
        self._count_of(infohash, swarm, change.node, change.completed)

    def _count_of(
        self, infohash: InfoHash, swarm: Swarm, node: int, completed: int, *, changed: bool = True
    ) -> None:
        """Take a node's completed count over where it is larger than the one that is known."""
        if node == self._terms.node:
            grows = completed > swarm.completed
            swarm.completed = max(swarm.completed, completed)
        else:
            others = self._others.get(infohash, NO_OTHERS)
            grows = completed > others.get(node, 0) and (node in others or len(others) < MAX_NODES)
            if grows:
                self._others.setdefault(infohash, {})[node] = completed
        if grows and changed:
            swarm.dirty |= 1
            self._dirty[infohash[0]].add(infohash)

    def _apply_peer(self, infohash: InfoHash, change: PeerChange, now: int) -> None:
        gone, stale = change.flags & GONE, change.time < now - self._terms.timeout
        if not is_change(change) or change.time > now + CLOCK_SKEW or (stale and not gone):
            return
        rank, swarm = rank_of(change.time, change.flags), self._swarms.get(infohash)
        which, slot = (0, -1) if swarm is None else swarm.locate(change.peer)
        if slot >= 0 and swarm is not None:
            if rank <= rank_of_state(which, swarm.pool(which).states[slot]):
                return
        elif rank <= self._tombstones.get(infohash, change.peer):
            return
        if gone:
            if slot >= 0 and swarm is not None:
                before = len(swarm), swarm.counts().complete
                swarm.remove(which, slot)
                self._update_totals(infohash, swarm, before)
            if not stale:
                self._tombstones.put(infohash, change.peer, rank)
            return
        if (swarm is None and len(self._swarms) >= self._terms.max_torrents) or (
            slot < 0 and self._peers >= self._terms.max_peers
        ):
            return
        self._tombstones.drop(infohash, change.peer)
        if swarm is None:
            swarm = self._make(infohash, change.time)
        before = len(swarm), swarm.counts().complete
        swarm.replace(change.peer, slot, which, rank)
        self._give(swarm, swarm.first_address())
        self._update_totals(infohash, swarm, before)

    def _outranked(self, infohash: InfoHash, peer: bytes, rank: int) -> bool:
        """Return whether a peer's departure is known that outranks a change; if it does not, it is forgotten."""
        if not self._tombstones.any(infohash[0]):
            return False
        if self._tombstones.get(infohash, peer) >= rank:
            return True
        self._tombstones.drop(infohash, peer)
        return False

    def snapshot(self, place: Place = SNAPSHOT_START) -> tuple[list[Change], Place | None]:
        """Return the next step of a walk through everything as changes, and where to go on; None at the end.

        It goes through swarms and slots in the order of the sweep, so that what stands still is met whatever
        changes meanwhile, and what changes is in the log. Tombstones follow the swarms of their first byte.
        """
        bucket, above, which, end = place
        changes: list[Change] = []
        while bucket < BUCKETS:
            count = len(self._sweep[bucket])
            if not 0 <= above <= count:
                above, which, end = count, 0, -1
            if not above:
                changes += self._tombstones.each(bucket)
                bucket, above, which, end = bucket + 1, -1, 0, -1
            else:
                infohash = self._sweep[bucket][above - 1]
                which, end = self._walk(infohash, which, end, changes)
                if which == len(STRIDES):
                    above, which, end = above - 1, 0, -1
            if len(changes) >= CHANGES_AT_ONCE and bucket < BUCKETS:
                return changes, (bucket, above, which, end)
        return changes, None

    def _walk(self, infohash: InfoHash, which: int, end: int, changes: list[Change]) -> tuple[int, int]:
        """Append a swarm's changes from a pool and slot on; return where to go on, or the end of the pools."""
        swarm = self._swarms[infohash]
        if (which, end) == (0, -1):
            if swarm.completed:
                changes.append(CompletedCount(infohash, self._terms.node, swarm.completed))
            others = self._others.get(infohash, NO_OTHERS)
            changes += [CompletedCount(infohash, node, others[node]) for node in sorted(others)]
        while which < len(STRIDES) and len(changes) < CHANGES_AT_ONCE:
            size = swarm.size(which)
            end = size if end < 0 else min(end, size)
            first = max(0, end - (CHANGES_AT_ONCE - len(changes)))
            pool = swarm.pools[which]
            if pool is not None:
                for slot in range(end - 1, first - 1, -1):
                    rank = rank_of_state(which, pool.states[slot])
                    changes.append(change_of(infohash, pool.at(slot), rank))
            which, end = (which, first) if first else (which + 1, -1)
        return which, end

    def largest(self, count: int) -> list[tuple[InfoHash, Counts]]:
        """Return the swarms with most peers; it looks at every swarm."""
        sizes = ((-len(swarm), infohash) for infohash, swarm in self._swarms.items() if len(swarm))
        found = nsmallest(min(count, MOST_LARGEST), sizes)
        return [(infohash, self._counts(infohash, self._swarms[infohash])) for _, infohash in found]

    def totals(self) -> SwarmTotals:
        """Return the whole store in numbers."""
        return SwarmTotals(len(self._swarms), self._peers, self._complete, self._peers - self._complete)

    def join(self, alias: InfoHash, canonical: InfoHash) -> None:
        """Make two hashes name one swarm from now on; of two completed counts the larger stays.

        A hybrid's client announces under both hashes, so adding the counts would count it twice.
        """
        if alias == canonical:
            return
        self._aliases[alias] = canonical
        other = self._swarms.get(alias)
        if other is None:
            return
        swarm = self._swarms.get(canonical)
        if swarm is None:
            swarm = self._make(canonical, other.touched)
        self._merge(canonical, swarm, other.completed, other.touched, other.entries())
        for node, count in self._others.get(alias, NO_OTHERS).items():
            self._count_of(canonical, swarm, node, count)
        if other.sockets:
            before = len(swarm), swarm.counts().complete
            swarm.count_sockets(other.socket_seeders, other.socket_leechers)
            self._update_totals(canonical, swarm, before)
        self.remove(alias)

    def _merge(
        self, infohash: InfoHash, swarm: Swarm, completed: int, touched: int, peers: Iterable[PeerEntry]
    ) -> None:
        before = len(swarm), swarm.counts().complete
        for which, peer, state in peers:
            if not self._outranked(infohash, peer, rank_of_state(which, state)):
                swarm.merge_peer(which, peer, state)
        swarm.completed = max(swarm.completed, completed)
        swarm.touched = max(swarm.touched, touched)
        self._give(swarm, swarm.first_address())
        self._update_totals(infohash, swarm, before)

    def _update_totals(self, infohash: InfoHash, swarm: Swarm, before: tuple[int, int]) -> None:
        self._peers += len(swarm) - before[0]
        self._complete += swarm.counts().complete - before[1]
        swarm.dirty |= 1
        self._dirty[infohash[0]].add(infohash)

    def remove(self, infohash: InfoHash) -> None:
        """Remove a swarm's peers and its completed count; the sweep removes the empty swarm."""
        swarm = self._swarms.get(infohash)
        if swarm is not None:
            before = len(swarm), swarm.counts().complete
            swarm.clear()
            self._others.pop(infohash, None)
            self._update_totals(infohash, swarm, before)

    def expire(self, now: int, budget: int) -> int:
        """Drop peers silent for longer than the timeout, and swarms that nobody remembers.

        The sweep goes round all swarms, first byte by first byte, within one from the swarm made last to the
        first; a large swarm takes several calls, from its last slot down. So whatever a removal moves into a
        hole, a slot's peer or a place's swarm, was looked at already. Each call also forgets old sessions and
        tombstones of one first byte.
        """
        self._sessions.expire(self._upkeep, now)
        self._limits.expire(self._upkeep, now)
        self._tombstones.expire(self._upkeep, rank_of(now - self._terms.timeout, 0))
        self._upkeep = (self._upkeep + 1) % BUCKETS
        dropped, rounds = 0, len(self._swarms)
        while budget > 0 and rounds > 0:
            rounds -= 1
            bucket, place = self._next_place()
            infohash = self._sweep[bucket][place]
            swarm = self._swarms[infohash]
            used, gone, done = self._expire(infohash, swarm, now, max(budget, SWARM_COST + 1))
            budget -= used
            dropped += gone
            if not done:
                break
            self._place = (bucket, place)
            if self._forgettable(infohash, swarm, now):
                self._forget(infohash, swarm, place)
        return dropped

    def _next_place(self) -> tuple[int, int]:
        """Return where the swarm stands that is visited next; there is at least one."""
        bucket, above = self._place
        count = len(self._sweep[bucket])
        above = above if 0 <= above <= count else count  # swarms that made room may be gone
        while not above:
            bucket = (bucket + 1) % BUCKETS
            above = len(self._sweep[bucket])
        self._place = (bucket, above)
        return bucket, above - 1

    def _expire(self, infohash: InfoHash, swarm: Swarm, now: int, budget: int) -> tuple[int, int, bool]:
        """Sweep one swarm; return the slots looked at, the peers dropped, and whether its end was reached."""
        limit = state_of(now - self._terms.timeout, 0)
        used, gone, before = SWARM_COST, 0, (len(swarm), swarm.counts().complete)
        which, slot = self._cursor
        while which < len(swarm.pools) and used < budget:
            pool = swarm.pools[which]
            end = 0 if pool is None else (len(pool) if slot < 0 else min(slot, len(pool)))
            first = max(0, end - (budget - used))
            if pool is not None and end:
                for at in pool.expired(first, end, limit):
                    if self._log.active:
                        rank = rank_of_state(which, pool.states[at]) & ~CHANGE_FLAGS | GONE
                        self._log.note(infohash, pool.at(at), rank)
                    swarm.remove(which, at)
                    gone += 1
            used += end - first
            which, slot = (which, first) if first else (which + 1, -1)
        done = which >= len(swarm.pools)
        self._cursor = (0, -1) if done else (which, slot)
        if gone:
            self._update_totals(infohash, swarm, before)
        return used, gone, done

    def _forgettable(self, infohash: InfoHash, swarm: Swarm, now: int) -> bool:
        if len(swarm):
            return False
        completed = swarm.completed or infohash in self._others
        near_cap = len(self._swarms) > self._terms.max_torrents * EVICT_ABOVE
        idle = now - swarm.touched > self._terms.remember_completed
        return not completed or near_cap or idle

    def _forget(self, infohash: InfoHash, swarm: Swarm, place: int) -> None:
        bucket = self._sweep[infohash[0]]
        bucket[place] = bucket[-1]
        bucket.pop()
        del self._swarms[infohash]
        if swarm.owner:
            self._shares.drop(swarm.owner)
        self._others.pop(infohash, None)
        self._dirty[infohash[0]].discard(infohash)
        if swarm.parts:
            self._deleted[infohash[0]][infohash] = swarm.parts

    def take_dirty(self) -> list[JournalRow]:
        """Return the next dirty rows of a round through all swarms, key-sorted, deletions last; no rows end the round.

        What changes again behind the round is left to the next, so that a flush ends however busy the tracker is.
        """
        while True:
            if not self._pending:
                if self._turn == 2 * BUCKETS:
                    self._turn = 0
                    return []
                self._pending = self._take_turn()
                self._turn += 1
            write = self._rows if self._turn <= BUCKETS else self._deletions
            rows: list[JournalRow] = []
            while self._pending and len(rows) < ROWS_AT_ONCE:
                rows += write(self._pending.pop())
            if rows:
                return rows

    def _take_turn(self) -> list[InfoHash]:
        at = self._turn % BUCKETS
        if self._turn >= BUCKETS:
            return sorted(self._deleted[at], reverse=True)
        keys = sorted((key for key in self._dirty[at] if self._swarms[key].dirty), reverse=True)
        self._dirty[at].clear()
        return keys

    def _deletions(self, infohash: InfoHash) -> list[JournalRow]:
        parts = self._deleted[infohash[0]].pop(infohash, 0)
        return [JournalRow(infohash, part, None) for part in range(parts)]

    def _rows(self, infohash: InfoHash) -> list[JournalRow]:
        swarm = self._swarms.get(infohash)
        if swarm is None:
            return []
        count, others = swarm.rows(), self._others.get(infohash, NO_OTHERS)
        parts = range(max(count, swarm.parts))
        rows = [
            JournalRow(infohash, part, pack(swarm, part, others) if part < count else None)
            for part in parts
            if swarm.dirty >> part & 1 or part >= count
        ]
        swarm.dirty, swarm.parts = 0, count
        return rows

    def put_back(self, rows: Sequence[JournalRow]) -> None:
        """Mark rows dirty again, and begin a new round; rows of a swarm that is gone are deleted with it."""
        for key in self._pending:
            if key in self._swarms:
                self._dirty[key[0]].add(key)
        self._turn, self._pending = 0, []
        for each in rows:
            self._mark_dirty(each)

    def _mark_dirty(self, row: JournalRow) -> None:
        if not 0 <= row.part < MAX_PART:
            return
        infohash = InfoHash(row.infohash)
        swarm = self._swarms.get(infohash)
        if swarm is None:
            gone = self._deleted[infohash[0]]
            gone[infohash] = max(gone.get(infohash, 0), row.part + 1)
            return
        swarm.dirty |= 1 << row.part
        swarm.parts = max(swarm.parts, row.part + 1)
        self._dirty[infohash[0]].add(infohash)

    def restore(self, rows: Sequence[JournalRow]) -> None:
        """Merge rows of a journal; what is there already in full is not marked dirty."""
        for each in rows:
            try:
                piece = unpack(each.payload or b"")
            except DamagedRow:
                self._mark_dirty(each)
                continue
            if 0 <= each.part < MAX_PART:
                self._restore(each, piece)

    def _restore(self, row: JournalRow, piece: RowContent) -> None:
        named = InfoHash(row.infohash)
        infohash = self._aliases.get(named, named)
        swarm = self._swarms.get(infohash)
        if swarm is None:
            swarm = self._make(infohash, piece.touched)
            swarm.dirty = 0
        own = infohash == named
        if own:
            swarm.parts = max(swarm.parts, row.part + 1)
        loaded = own and self._load(infohash, swarm, row.part, piece)
        if not loaded:
            self._merge(infohash, swarm, piece.completed, piece.touched, _entries(piece))
        if piece.others:
            for node, completed in piece.others.items():
                self._count_of(infohash, swarm, node, completed, changed=not loaded)
        if not own:
            self._mark_dirty(row)

    def _load(self, infohash: InfoHash, swarm: Swarm, part: int, piece: RowContent) -> bool:
        """Append a row unchanged where the swarm holds just the rows before it; return whether that was so."""
        first = part << ROW_BITS
        if (
            swarm.dirty
            or self._tombstones.any(infohash[0])
            or any(states and swarm.size(at) != first for at, (_, states) in enumerate(piece.pools))
        ):
            return False
        before = len(swarm), swarm.counts().complete
        for which, (peers, states) in enumerate(piece.pools):
            if states:
                swarm.load(which, peers, states)
        swarm.completed = max(swarm.completed, piece.completed)
        swarm.touched = max(swarm.touched, piece.touched)
        self._give(swarm, swarm.first_address())
        self._peers += len(swarm) - before[0]
        self._complete += swarm.counts().complete - before[1]
        return True


def _entries(piece: RowContent) -> Iterator[PeerEntry]:
    for which, (peers, states) in enumerate(piece.pools):
        stride = STRIDES[which]
        for slot, state in enumerate(states):
            yield which, peers[slot * stride : (slot + 1) * stride], state


def _each(infohashes: bytes) -> Iterator[InfoHash]:
    """Take infohashes of 20 bytes apart. ValueError: it is another length."""
    if len(infohashes) % V1_LENGTH:
        raise ValueError("infohashes are of 20 bytes each")
    return (InfoHash(infohashes[at : at + V1_LENGTH]) for at in range(0, len(infohashes), V1_LENGTH))
