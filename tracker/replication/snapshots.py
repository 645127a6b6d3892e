"""Snapshots: one node walks through its swarms for another that missed something, a few steps a round.

They go through a short queue for each request. Who writes waits while it is full, and keeps no more of it in memory
than one step; who reads asks again where nothing comes.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from tracker.changes import GONE, SNAPSHOT_START, Change, PeerChange, Place
from tracker.replication.batch import (
    MOST_WANTED,
    BatchHead,
    DamagedBatch,
    Wanted,
    changes_of,
    latest,
    pack_batch,
    read_batch,
)
from tracker.replication.sender import in_pieces
from tracker.replication.stream import ChangeStream
from tracker.replication.terms import CHUNKS, PATIENCE, HeardNode, NodeTerms, ReplicationFigures
from tracker.store import SwarmStore

Apply = Callable[[Sequence[Change]], Awaitable[None]]
_AT_ONCE = 8


@dataclass(slots=True)
class _Giving:
    """A snapshot that this node writes: where it goes on, and chunks that found no room yet."""

    reader: int
    request: int
    departures: bool
    round: int
    since: float
    in_step: bool = False
    place: Place | None = SNAPSHOT_START
    sequence: int = 0
    chunks: list[bytes] = field(default_factory=list)
    ended: bool = False


class SnapshotGiver:
    """Writes the snapshots that other nodes ask this one for."""

    def __init__(
        self,
        store: SwarmStore,
        stream: ChangeStream,
        terms: NodeTerms,
        figures: ReplicationFigures,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._stream = stream
        self._terms = terms
        self._figures = figures
        self._clock = clock
        self._given: dict[int, tuple[int, int]] = {}
        self._giving: list[_Giving] = []

    def ask(self, head: BatchHead, caught_up: int, timer: float) -> None:
        """Take the requests in the head of another node's batch.

        One is begun once this node has caught up once more after it has read it: then its snapshot holds everything
        that the stream held when it was asked for.
        """
        for wanted in head.wants:
            known = self._given.get(head.node)
            if wanted.node != self._terms.node or known == (head.run, wanted.request):
                continue
            if known is None and len(self._given) >= MOST_WANTED:
                del self._given[next(iter(self._given))]
            self._given[head.node] = head.run, wanted.request
            self._giving = [each for each in self._giving if each.reader != head.node]
            if len(self._giving) < MOST_WANTED:
                self._giving.append(
                    _Giving(head.node, wanted.request, wanted.departures, caught_up + 2, timer)
                )

    async def give(self, caught_up: int, timer: float, *, in_step: bool) -> None:
        """Write some steps of the snapshots under way; each says whether this node was in step before. StreamAway."""
        for giving in self._giving[:_AT_ONCE]:
            if caught_up < giving.round:
                continue
            if not giving.sequence:
                giving.in_step = in_step
            if await self._write(giving):
                giving.since = timer
            if giving.ended or timer >= giving.since + PATIENCE:
                self._giving.remove(giving)
                self._figures.snapshots_given += giving.ended

    async def _write(self, giving: _Giving) -> bool:
        """Write until the queue is full or enough was done; return whether anything was taken."""
        taken = False
        for _ in range(CHUNKS):
            if not giving.chunks:
                self._step(giving)
            while giving.chunks:
                if not await self._stream.offer(
                    giving.reader, self._terms.node, giving.request, giving.chunks[0]
                ):
                    return taken
                del giving.chunks[0]
                taken = True
            if giving.place is None:
                giving.ended = True
                return True
        return taken

    def _step(self, giving: _Giving) -> None:
        assert giving.place is not None
        changes, giving.place = self._store.snapshot(giving.place)
        if giving.departures:
            changes = [each for each in changes if isinstance(each, PeerChange) and each.flags & GONE]
        now = int(self._clock())
        for piece in in_pieces(changes):
            giving.chunks.append(pack_batch(self._head(giving, latest(piece, now)), piece))
        if giving.place is None:
            giving.chunks.append(pack_batch(self._head(giving, now, last=True), ()))

    def _head(self, giving: _Giving, base: int, *, last: bool = False) -> BatchHead:
        giving.sequence += 1
        return BatchHead(
            self._terms.node, self._terms.run, giving.sequence, base, in_step=giving.in_step, last=last
        )


@dataclass(slots=True)
class _Taking:
    """A snapshot that this node waits for: its request, when something last came, how many chunks have."""

    request: int
    departures: bool
    since: float
    sequence: int = 0


class SnapshotTaker:
    """Asks other nodes for snapshots, and takes them over."""

    def __init__(
        self, stream: ChangeStream, terms: NodeTerms, figures: ReplicationFigures, apply: Apply
    ) -> None:
        self._stream = stream
        self._terms = terms
        self._figures = figures
        self._apply = apply
        self._taking: dict[int, _Taking] = {}
        self.doubtful: dict[int, bool] = {}
        """Nodes whose snapshots came while they missed something themselves, and whether it was departures alone."""
        self._request = terms.run % 2**31  # other numbers than those of the run before

    @property
    def wants(self) -> tuple[Wanted, ...]:
        """The requests that are open."""
        return tuple(Wanted(node, each.request, each.departures) for node, each in self._taking.items())

    def want(self, node: int, timer: float, *, departures: bool = False) -> None:
        """Ask a node for a snapshot, in place of one that it was asked for before."""
        if node in self._taking or len(self._taking) < MOST_WANTED:
            self._request = (self._request + 1) % 2**31
            self._taking[node] = _Taking(self._request, departures, timer)

    async def take(self, timer: float, heard: dict[int, HeardNode]) -> None:
        """Take over what has come; ask again, another one if need be, where nothing has for long. StreamAway."""
        for node, taking in list(self._taking.items()):
            for _ in range(CHUNKS):
                chunk = await self._stream.fetch(self._terms.node, node, taking.request)
                if chunk is None:
                    break
                taking.since = timer
                if await self._take_chunk(node, taking, chunk, timer):
                    break
            if timer >= taking.since + PATIENCE:
                del self._taking[node]
                others = [each for each, known in heard.items() if known.in_step] or list(heard)
                if others:
                    source = node if node in heard else others[0]
                    self.want(source, timer, departures=taking.departures)

    async def _take_chunk(self, node: int, taking: _Taking, chunk: bytes, timer: float) -> bool:
        """Take a chunk over; return whether the snapshot has ended, or begins anew because some of it is missing."""
        try:
            batch = read_batch(chunk)
            changes = changes_of(batch)
        except DamagedBatch:
            self._figures.dropped["damaged"] += 1
            self.want(node, timer, departures=taking.departures)
            return True
        taking.sequence += 1
        if batch.head.sequence != taking.sequence:
            self.want(node, timer, departures=taking.departures)
            return True
        await self._apply(changes)
        if batch.head.last:
            del self._taking[node]
            self._figures.snapshots_taken += 1
            if not batch.head.in_step:
                self.doubtful[node] = taking.departures
        return batch.head.last
