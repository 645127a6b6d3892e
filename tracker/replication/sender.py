"""Sends this node's changes: what the store has logged, in batches, each to the shard of its infohashes."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tracker.changes import (
    CHANGES_AT_ONCE,
    SNAPSHOT_START,
    Change,
    CompletedCount,
    PeerChange,
    Place,
)
from tracker.replication.batch import BatchHead, Wanted, latest, pack_batch
from tracker.replication.stream import ChangeStream
from tracker.replication.terms import BEAT, CHUNKS, PAGES, NodeTerms, ReplicationFigures
from tracker.store import SwarmStore


@dataclass(frozen=True, slots=True)
class OwnState:
    """What the heads of a node's batches say of it; see `BatchHead`."""

    in_step: bool
    brings: bool
    wants: tuple[Wanted, ...]


class Sender:
    """What is appended to the stream. A change stays in the store's log until the stream has it.

    The sequence number of a batch is used again unless the stream has answered, so that none is missing that nobody
    sent. Where the log was full and lost some, one is left out, by which the others see that they miss something.
    """

    def __init__(
        self,
        store: SwarmStore,
        stream: ChangeStream,
        terms: NodeTerms,
        figures: ReplicationFigures,
        *,
        clock: Callable[[], float],
        appended: Callable[[int, str], None],
    ) -> None:
        self._store = store
        self._stream = stream
        self._terms = terms
        self._figures = figures
        self._clock = clock
        self._appended = appended
        self._consumer = store.open_changes()
        self._sequences = [0] * terms.shards
        self._beats = [float("-inf")] * terms.shards
        self._again: Place | None = None
        self._unsure: set[int] = set()
        self.sent_until = 0
        """The unix second up to which everything was sent."""

    def close(self) -> None:
        """Log nothing any more."""
        self._store.close_changes(self._consumer)

    async def note_unsure(self, since: int) -> None:
        """Note what is dated from a second on: it may not have been sent before the last end."""
        place: Place | None = SNAPSHOT_START
        while place is not None:
            step, place = self._store.snapshot(place)
            for change in step:
                if isinstance(change, PeerChange) and change.time >= since:
                    self._unsure |= {hash(change), hash(change.infohash)}
            await asyncio.sleep(0)

    def send_unsure(self) -> None:
        """Send what was noted once more, as far as it is still so."""
        self._again = SNAPSHOT_START if self._unsure else None

    async def send(self, timer: float, state: OwnState, *, beat: bool) -> None:
        """Send what has changed; with `beat`, and every BEAT seconds, also where nothing has. StreamAway."""
        for _ in range(PAGES):
            now = int(self._clock())
            read = self._store.read_changes(self._consumer, CHANGES_AT_ONCE)
            if read.lagged:
                self._sequences = [each + 1 for each in self._sequences]
                beat = True
                continue
            if not read.changes:
                self.sent_until = now
                break
            await self._send_all(read.changes, timer, state)
            self._store.acknowledge_changes(self._consumer, read.position)
        await self._send_some_again(timer, state)
        for shard in range(self._terms.shards):
            if beat or timer >= self._beats[shard] + BEAT:
                await self._append(shard, (), timer, state)

    async def _send_some_again(self, timer: float, state: OwnState) -> None:
        for _ in range(CHUNKS):
            if self._again is None:
                return
            step, after = self._store.snapshot(self._again)
            for piece in in_pieces([each for each in step if self._is_unsure(each)]):
                await self._send_all(piece, timer, state)
            self._again = after
            if after is None:
                self._unsure = set()

    def _is_unsure(self, change: Change) -> bool:
        if isinstance(change, CompletedCount):
            return change.node == self._terms.node and hash(change.infohash) in self._unsure
        return hash(change) in self._unsure

    async def _send_all(self, changes: Sequence[Change], timer: float, state: OwnState) -> None:
        shards: dict[int, list[Change]] = {}
        for change in changes:
            shards.setdefault(shard_of(change.infohash, self._terms.shards), []).append(change)
        for shard, part in shards.items():
            await self._append(shard, part, timer, state)

    async def _append(
        self,
        shard: int,
        changes: Sequence[Change],
        timer: float,
        state: OwnState,
    ) -> None:
        terms, sequence = self._terms, self._sequences[shard] + 1
        base = latest(changes, int(self._clock()))
        head = BatchHead(
            terms.node,
            terms.run,
            sequence,
            base,
            terms.name,
            state.in_step,
            brings=state.brings,
            wants=state.wants if shard == 0 else (),
        )
        batch = pack_batch(head, changes)
        position = await self._stream.append(shard, batch)
        self._appended(shard, position)
        self._sequences[shard] = sequence
        self._beats[shard] = timer
        self._figures.batches_sent += 1
        self._figures.bytes_sent += len(batch)
        self._figures.changes_sent += len(changes)


def shard_of(infohash: bytes, shards: int) -> int:
    """Return the shard of a torrent's changes."""
    return infohash[0] * shards >> 8


def in_pieces(changes: Sequence[Change], size: int = CHANGES_AT_ONCE) -> Iterator[Sequence[Change]]:
    """Yield changes in lists that fit into a batch."""
    for start in range(0, len(changes), size):
        yield changes[start : start + size]
