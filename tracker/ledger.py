"""The ledger: what each account moved of each torrent, on disk, taken from the sessions in batches that count once."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bittorrent.infohash import InfoHash
from tracker.address_figures import AddressHasher, SeenAddress
from tracker.model import AnnounceTerms
from tracker.sessions import KnownSession, SessionDelta
from tracker.store import SwarmStore

_SESSIONS_AT_ONCE = 2000
_FORGET_EVERY = 3600


class BatchNumber(NamedTuple):
    """The number of a batch: each start of a node begins a later epoch, in which its batches are numbered from 1."""

    node: int
    epoch: int
    sequence: int


@dataclass(frozen=True, slots=True)
class TorrentTraffic:
    """What an account moved of a torrent: bytes, seconds of seeding, snatches, and bytes above the largest rate.

    `credited_up` and `credited_down` are the bytes that count for it, by the rules of credit.
    """

    infohash: InfoHash
    uploaded: int
    downloaded: int
    seeded: int
    snatched: int
    capped: int
    begun: int
    seen: int
    credited_up: int = 0
    credited_down: int = 0


@dataclass(frozen=True, slots=True)
class AccountTraffic:
    """What an account moved of all torrents; `seeding` are those that it announces as a seeder now.

    `credited_up` and `credited_down` are the bytes that count for it: by the rules of credit, and with what it was
    credited beside. `tokens` and `points` (in thousandths) are those that it may spend.
    """

    uploaded: int = 0
    downloaded: int = 0
    seeded: int = 0
    snatched: int = 0
    capped: int = 0
    torrents: int = 0
    seeding: int = 0
    credited_up: int = 0
    credited_down: int = 0
    tokens: int = 0
    points: int = 0

    @property
    def ratio(self) -> float | None:
        """Credited bytes uploaded by byte downloaded, None where no download counts."""
        return self.credited_up / self.credited_down if self.credited_down else None


@dataclass(frozen=True, slots=True)
class Snatch:
    """A completed download of an account, in unix seconds."""

    id: int
    account: int
    infohash: InfoHash
    time: int


class LedgerStore(Protocol):
    """The ledger on disk; what a method returned from is there after a restart. Times are unix seconds."""

    async def begin_epoch(self, node: int) -> int:
        """Return a later epoch than any before of a node; batches of earlier ones are not taken any more."""

    async def write(
        self, number: BatchNumber, deltas: Sequence[SessionDelta], seen: Sequence[SeenAddress] = ()
    ) -> bool:
        """Add a batch: rows, sessions and its number in one transaction; False where it was added before.

        Of the addresses that were seen MOST_ADDRESSES of an account and day are kept.
        """

    async def close_addresses(self, today: int) -> None:
        """Make counts of the addresses of days before one, and forget counts older than ADDRESS_DAYS."""

    async def sessions(self, after: KnownSession | None, since: int, limit: int) -> list[KnownSession]:
        """Return up to `limit` sessions seen at `since` or later, that seen longest ago first, after one of them."""

    async def forget_sessions(self, before: int) -> None:
        """Delete sessions last seen before a time."""

    async def account(self, account: int, since: int) -> AccountTraffic:
        """Return an account's sums; seeding is what announced as a seeder at `since` or later."""

    async def torrents(self, account: int, offset: int, limit: int) -> list[TorrentTraffic]:
        """Return the torrents of an account, that seen last first."""

    async def snatches(self, account: int, offset: int, limit: int) -> tuple[list[Snatch], int]:
        """Return snatches of an account, the newest first, and how many there are."""


class LedgerError(Exception):
    """The ledger could not be written; nothing is lost, and the same batch is tried again."""


class Ledger:
    """Takes the deltas of a swarm store into the ledger, and gives the store its sessions back at the start.

    A batch that may or may not be on disk keeps its number and its deltas until it certainly is.
    """

    def __init__(
        self,
        swarms: SwarmStore,
        store: LedgerStore,
        terms: AnnounceTerms,
        clock: Callable[[], float],
        *,
        every: float,
        report: Callable[[Exception], None],
        addresses: AddressHasher | None = None,
    ) -> None:
        """Make a ledger; without `addresses` nobody counts from how many an account announces."""
        self._addresses = addresses
        self._closed_before = -1
        self.store = store
        self._swarms = swarms
        self._terms = terms
        self._clock = clock
        self._every = every
        self._report = report
        self._turn = asyncio.Lock()
        self._number: BatchNumber | None = None
        self._deltas: list[SessionDelta] = []
        self._forgot = 0.0

    async def restore(self) -> int:
        """Begin an epoch, and give the sessions to the swarms; return how many there are."""
        epoch = await self.store.begin_epoch(self._terms.node)
        since, count, after = int(self._clock()) - self._terms.session_timeout, 0, None
        while sessions := await self.store.sessions(after, since, _SESSIONS_AT_ONCE):
            self._swarms.restore_sessions(sessions)
            count += len(sessions)
            after = sessions[-1]
            await asyncio.sleep(0)
        self._number = BatchNumber(self._terms.node, epoch, 1)
        return count

    async def run(self) -> None:
        """Flush for ever; after a failure, which is reported, the next flush tries again."""
        while True:
            await asyncio.sleep(self._every)
            try:
                await self.flush()
            except LedgerError as error:
                self._report(error)

    async def flush(self) -> None:
        """Write what was counted since the last flush; nothing before `restore`. LedgerError."""
        async with self._turn:
            if self._number is None:
                return
            try:
                # The round of which a batch is left may be past what was counted since.
                for _ in range(2 if self._deltas else 1):
                    while await self._write(self._number):
                        self._number = self._number._replace(sequence=self._number.sequence + 1)
                await self._forget()
                await self._close_addresses()
            except Exception as error:
                raise LedgerError("the ledger could not be written") from error

    async def _write(self, number: BatchNumber) -> bool:
        """Write the batch under way, or the next; False where there is none."""
        self._deltas = self._deltas or self._swarms.take_deltas()
        if not self._deltas:
            return False
        seen = self._addresses.seen(self._deltas) if self._addresses is not None else ()
        await self.store.write(number, self._deltas, seen)
        self._deltas = []
        return True

    async def _close_addresses(self) -> None:
        """Once a day, let the addresses of those before be counts."""
        today = self._addresses.today() if self._addresses is not None else self._closed_before
        if today != self._closed_before:
            await self.store.close_addresses(today)
            self._closed_before = today

    async def _forget(self) -> None:
        now = self._clock()
        if now - self._forgot >= _FORGET_EVERY:
            await self.store.forget_sessions(int(now) - self._terms.session_timeout)
            self._forgot = now

    async def account(self, account: int) -> AccountTraffic:
        """Return an account's sums, as of the last flush."""
        return await self.store.account(account, int(self._clock()) - self._terms.timeout)
