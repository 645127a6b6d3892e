"""How far a node has read the stream and been read, as it is kept over a restart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tracker.replication.stream import START

MOST_SENDERS = 256
"""Runs of nodes that are remembered in a shard."""


@dataclass(slots=True)
class ShardPosition:
    """How far a shard was read: the last entry, and of each run of a node (node, run) the last batch."""

    entry: str = START
    sequences: dict[tuple[int, int], int] = field(default_factory=dict)
    fresh: bool = True
    """Whether what lies before was not read either, so that a first batch need not be that of its run."""
    appended: str = ""
    """The first entry of this run of this node, which is not kept."""

    def note(self, sender: tuple[int, int], sequence: int) -> bool:
        """Note a batch of a sender; return whether earlier ones of it are missing."""
        known = self.sequences.pop(sender, None)
        missing = sequence > (known + 1 if known is not None else sequence if self.fresh else 1)
        self.sequences[sender] = sequence if known is None else max(known, sequence)
        if len(self.sequences) > MOST_SENDERS:
            del self.sequences[next(iter(self.sequences))]
        return missing

    def copy(self) -> "ShardPosition":
        """Return one that does not change with this one."""
        return ShardPosition(self.entry, dict(self.sequences), self.fresh)


@dataclass(frozen=True, slots=True)
class KeptPosition:
    """Positions by shard; all changes up to `sent`, a unix second, were sent."""

    shards: Sequence[ShardPosition]
    sent: int


class PositionStore(Protocol):
    """Where a node keeps its position, beside its swarms."""

    async def load(self) -> KeptPosition | None:
        """Return what was saved last, None where nothing was."""
        ...

    async def save(self, position: KeptPosition) -> None:
        """Keep a position in place of the last one."""
        ...

    async def forget(self) -> None:
        """Keep none: what the swarms hold may not have been sent, nor all that was sent be in them."""
        ...


def fresh_positions(shards: int) -> list[ShardPosition]:
    """Return the positions of a node that has read nothing."""
    return [ShardPosition() for _ in range(shards)]


def usable(kept: KeptPosition | None, shards: int) -> Mapping[int, ShardPosition]:
    """Return kept positions by shard, none where there were as many shards as there are not now."""
    if kept is None or len(kept.shards) != shards:
        return {}
    return dict(enumerate(kept.shards))
