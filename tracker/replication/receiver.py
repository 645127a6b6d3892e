"""Reads the stream and takes over what other nodes changed; finds out what it misses, and from whom."""

from collections.abc import Callable, Mapping

from tracker.changes import CLOCK_SKEW
from tracker.replication.batch import Batch, BatchHead, DamagedBatch, LaterVersion, changes_of, read_batch
from tracker.replication.position import MOST_SENDERS, ShardPosition, fresh_positions
from tracker.replication.snapshots import Apply
from tracker.replication.stream import START, ChangeStream, Entry, order_of
from tracker.replication.terms import (
    ALIVE,
    MOST_NODES,
    PAGE,
    PAGES,
    HeardNode,
    NodeTerms,
    ReplicationFigures,
)

Asked = Callable[[BatchHead], None]


class Receiver:
    """How far this node has read each shard, whom it has heard, and whose changes it misses.

    A batch that is missing between two of one sender shows in their numbers: that sender is in `missed`. Where the
    last entry that was read is gone, nobody can say what went with it: then `lost` is true, until `forgive`.
    """

    def __init__(
        self,
        stream: ChangeStream,
        terms: NodeTerms,
        figures: ReplicationFigures,
        *,
        apply: Apply,
        clock: Callable[[], float],
        asked: Asked,
    ) -> None:
        self._stream = stream
        self._terms = terms
        self._figures = figures
        self._apply = apply
        self._clock = clock
        self._asked = asked
        self.positions = fresh_positions(terms.shards)
        self.heard: dict[int, HeardNode] = {}
        self.missed: set[int] = set()
        self._brought: dict[tuple[int, int], None] = {}
        self.lost = True
        self._fresh_since: float | None = None
        self.caught_up = 0
        """How often everything in the stream was read to its end."""

    def resume(self, kept: Mapping[int, ShardPosition]) -> None:
        """Go on from kept positions."""
        for shard, position in kept.items():
            self.positions[shard] = position
        self.lost = any(each.entry == START for each in self.positions)

    async def verify(self) -> None:
        """Find out whether the stream still holds what was read last; begin anew where it does not. StreamAway."""
        for shard, position in enumerate(self.positions):
            if position.entry != START and not await self._stream.holds(shard, position.entry):
                self._begin_anew(shard)

    def appended(self, shard: int, entry: str) -> None:
        """Note where an own batch went: before what was read, if the stream was emptied and its clock set back."""
        if order_of(entry) < order_of(self.positions[shard].entry):
            self._begin_anew(shard)
        if not self.positions[shard].appended:
            self.positions[shard].appended = entry

    def _begin_anew(self, shard: int) -> None:
        self.positions[shard] = ShardPosition()
        self.lost, self._fresh_since = True, None

    async def receive(self, timer: float) -> bool:
        """Read every shard, to its end or for a while; return whether all were read to the end. StreamAway."""
        ended = True
        if self._fresh_since is None:
            self._fresh_since = timer
        for shard, position in enumerate(self.positions):
            for _ in range(PAGES):
                before = position.entry
                entries = await self._stream.read(shard, before, PAGE)
                for entry in entries:
                    await self._take(position, entry, timer)
                if len(entries) == PAGE and before != START:
                    # Where so much waits, what is too old may have gone before it was read.
                    self.lost |= not await self._stream.holds(shard, before)
                if len(entries) < PAGE:
                    # Until then some that sends rarely may not have been heard.
                    position.fresh &= timer < self._fresh_since + ALIVE
                    break
            else:
                ended = False
        if ended:
            self.caught_up += 1
            self._figures.caught_up = timer
        for node in [node for node, each in self.heard.items() if timer >= each.seen + ALIVE]:
            del self.heard[node]
        return ended

    async def _take(self, position: ShardPosition, entry: Entry, timer: float) -> None:
        self._figures.batches_read += 1
        self._figures.bytes_read += len(entry.batch)
        position.entry = entry.position
        try:
            batch = read_batch(entry.batch)
            if batch.head.node == self._terms.node and batch.head.run == self._terms.run:
                return
            changes = changes_of(batch)
        except DamagedBatch as error:
            reason = "version" if isinstance(error, LaterVersion) else "damaged"
            self._figures.dropped[reason] += 1
            return
        if batch.head.node == self._terms.node:
            # Of a run before this one, whose last changes the journal may lack; after this one it is a copy of it.
            self._figures.same_number |= bool(position.appended) and (
                order_of(entry.position) > order_of(position.appended)
            )
            await self._apply(changes)
            return
        if position.note((batch.head.node, batch.head.run), batch.head.sequence):
            self.missed.add(batch.head.node)
            self._figures.gaps += 1
        self._hear(batch, timer)
        self._asked(batch.head)
        await self._apply(changes)

    def _hear(self, batch: Batch, timer: float) -> None:
        head = batch.head
        if head.brings and (head.node, head.run) not in self._brought:
            self._brought[head.node, head.run] = None
            self.missed.add(head.node)
            if len(self._brought) > MOST_SENDERS:
                del self._brought[next(iter(self._brought))]
        known = self.heard.pop(head.node, None)
        if known is None and len(self.heard) >= MOST_NODES:
            del self.heard[next(iter(self.heard))]
        ahead = head.base - int(self._clock())
        if ahead > CLOCK_SKEW:
            self._figures.dropped["clock"] += 1
        self.heard[head.node] = HeardNode(head.name, head.run, timer, ahead, head.in_step)
