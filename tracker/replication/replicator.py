"""The replicator: keeps the swarms of this node and those of all others alike, in rounds, beside the announces."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from tracker.changes import Change
from tracker.journal_row import JournalRow
from tracker.replication.batch import BatchHead
from tracker.replication.position import KeptPosition, PositionStore, usable
from tracker.replication.receiver import Receiver
from tracker.replication.sender import OwnState, Sender
from tracker.replication.snapshots import SnapshotGiver, SnapshotTaker
from tracker.replication.stream import ChangeStream, StreamAway, StreamHost
from tracker.replication.terms import (
    ALONE,
    BRINGS,
    PIECE,
    HeardNode,
    NodeTerms,
    ReplicationFigures,
)
from tracker.store import SwarmStore

_RETRY = 1.0
_MARGIN = 10  # seconds before the last one that is known to be sent, which are sent again after a start


class ReplicationFailed(Exception):
    """A round failed for a reason that is none of the stream; the next one is tried."""


class Replicator:
    """One node among those that share a stream.

    Every round sends what the store has logged, takes over what others sent, and goes on with snapshots. While the
    stream is away the store keeps its log, in bounded memory, and announces go on. `observe` is told of each flush,
    after which what was taken over before the last one is in the journal, and so may the position be.
    """

    def __init__(
        self,
        store: SwarmStore,
        stream: ChangeStream,
        positions: PositionStore,
        terms: NodeTerms,
        *,
        clock: Callable[[], float],
        timer: Callable[[], float],
        report: Callable[[Exception], None],
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._positions = positions
        self._terms = terms
        self._clock = clock
        self._timer = timer
        self._report = report
        self._sleep = sleep
        self._stream = stream
        self.figures = ReplicationFigures()
        self._sender: Sender | None = None
        self._receiver = Receiver(
            stream, terms, self.figures, apply=self._apply, clock=clock, asked=self._asked
        )
        self._giver = SnapshotGiver(store, stream, terms, self.figures, clock)
        self._taker = SnapshotTaker(stream, terms, self.figures, self._apply)
        self._connected_at = 0.0
        self._beat = True
        self._unsure = False
        self._sends_unsure = False
        self._taken_from: set[int] = set()
        self._came_with = False
        self._brings = False
        self._came_at: float | None = None
        self._saved = False
        self._kept: KeptPosition | None = None

    @property
    def name(self) -> str:
        """The name of this node."""
        return self._terms.name

    @property
    def server(self) -> StreamHost:
        """What holds the stream."""
        return self._stream.host

    @property
    def heard(self) -> dict[int, HeardNode]:
        """The other nodes that were heard a moment ago, by their numbers."""
        return dict(self._receiver.heard)

    @property
    def behind(self) -> float | None:
        """Seconds since everything in the stream was last taken over; None before the first time."""
        caught_up = self.figures.caught_up
        return None if caught_up is None else self._timer() - caught_up

    async def run(self) -> None:
        """Exchange for ever. Failures are reported and tried again: they end no announce."""
        try:
            await self.start()
            while True:
                await self._sleep(self._terms.every if await self.attempt() else _RETRY)
        finally:
            self.close()

    def close(self) -> None:
        """Log nothing for other nodes any more."""
        if self._sender is not None:
            self._sender.close()

    async def start(self) -> None:
        """Log changes from now on, and go on where the journal says that this node was."""
        self._sender = Sender(
            self._store,
            self._stream,
            self._terms,
            self.figures,
            clock=self._clock,
            appended=self._receiver.appended,
        )
        kept = await self._positions.load()
        self._receiver.resume(usable(kept, self._terms.shards))
        self._saved = self._unsure = kept is not None
        self._came_with = self._store.totals().torrents > 0
        self._brings = kept is None and self._came_with
        if kept is not None:
            await self._sender.note_unsure(kept.sent - _MARGIN)
        self._sends_unsure = True

    async def attempt(self) -> bool:
        """Do one round; return whether it went well."""
        figures = self.figures
        try:
            if not figures.connected:
                await self._receiver.verify()
                if not figures.outages and not figures.failures and self._receiver.lost:
                    # What this node sent before its end may have gone with what it had not read.
                    self._brings = self._came_with
            await self.exchange()
        except StreamAway as error:
            if figures.connected or not figures.outages:
                figures.outages += 1
                self._report(error)
            figures.connected = figures.in_step = False
            return False
        except Exception as error:
            figures.failures += 1
            failure = ReplicationFailed("a round of replication failed")
            failure.__cause__ = error
            self._report(failure)
            return False
        if not figures.connected:
            figures.connected = True
        return True

    async def exchange(self) -> None:
        """Send, receive, and go on with snapshots. StreamAway."""
        sender, receiver, timer = self._sender, self._receiver, self._timer()
        assert sender is not None
        if not self.figures.connected:
            self._connected_at, self._beat = timer, True
            self._came_at = timer if self._came_at is None else self._came_at
        brings = self._brings and self._came_at is not None and timer < self._came_at + BRINGS
        beat, self._beat = self._beat, False
        await sender.send(timer, OwnState(self.figures.in_step, brings, self._taker.wants), beat=beat)
        ended = await receiver.receive(self._timer())
        await self._giver.give(receiver.caught_up, self._timer(), in_step=self.figures.in_step)
        await self._taker.take(self._timer(), receiver.heard)
        if ended:
            self._ask(self._timer())
        in_step = ended and not (self._unsure or receiver.lost or receiver.missed or self._taker.wants)
        if in_step and self._sends_unsure:
            # Not before: what others have ended meanwhile would begin anew.
            sender.send_unsure()
            self._sends_unsure = False
        if in_step:
            self._taken_from.clear()
        self._beat = self._beat or in_step != self.figures.in_step
        self.figures.in_step = in_step

    def _ask(self, timer: float) -> None:
        """Ask for the snapshots of those whose changes are missing, or where anything may, of one who misses nothing.

        After a start this node asks for departures at least: it has forgotten them, and takes what is older for new.
        """
        receiver, heard = self._receiver, self._receiver.heard
        under_way = {each.node for each in self._taker.wants if not each.departures}
        in_step = [node for node, each in heard.items() if each.in_step]
        whole = self._beside_doubtful(in_step) - under_way
        waited = timer >= self._connected_at + ALONE
        anyone = {min(in_step)} if in_step else set(heard) if waited else set()
        # One that is under way may have passed what is missed since: it is asked for again when it has come.
        if receiver.lost and (anyone or waited) and not anyone & under_way:
            whole |= anyone
            receiver.lost = False
        for node in list(receiver.missed):
            sources = {node} if node in heard else anyone
            if (sources or waited) and not sources & under_way:
                whole |= sources
                receiver.missed.discard(node)
        departures = anyone if self._unsure and not whole and not under_way else set()
        if whole or under_way or departures or waited:
            self._unsure = False
        for node in whole | departures:
            self._taker.want(node, timer, departures=node not in whole)
            self._beat = True

    def _beside_doubtful(self, in_step: Sequence[int]) -> set[int]:
        """Return who else to ask after snapshots of nodes that missed something themselves.

        One that is in step is asked anew. Where nobody is, as after the stream was emptied, what all others have is
        all there is.
        """
        doubtful, receiver = self._taker.doubtful, self._receiver
        if not doubtful:
            return set()
        self._taken_from |= doubtful.keys()
        if in_step:
            receiver.lost |= False in doubtful.values()
            self._unsure |= True in doubtful.values()
        others = set() if in_step else receiver.heard.keys() - self._taken_from
        doubtful.clear()
        return others

    def _asked(self, head: BatchHead) -> None:
        self._giver.ask(head, self._receiver.caught_up, self._timer())

    async def _apply(self, changes: Sequence[Change]) -> None:
        """Take changes over in pieces, between which announces are answered."""
        for start in range(0, len(changes), PIECE):
            self._store.apply(changes[start : start + PIECE], int(self._clock()))
            self.figures.changes_applied += len(changes[start : start + PIECE])
            await asyncio.sleep(0)

    async def observe(self, rows: Sequence[JournalRow]) -> None:
        """Keep the position that was reached before the last flush, whose changes are in the journal by now.

        While something is missing, or the stream away, there is none: after a start this node and all others would
        take all of each other's swarms, since departures that were not sent are not in the journal.
        """
        if self._sender is None:
            return
        if self._kept is not None:
            await self._positions.save(self._kept)
            self._saved = True
        elif self._saved and not self.figures.in_step:
            await self._positions.forget()
            self._saved = False
        self._kept = None
        if self.figures.in_step:  # or what is missing would be forgotten by a restart
            shards = [each.copy() for each in self._receiver.positions]
            self._kept = KeptPosition(shards, self._sender.sent_until)
