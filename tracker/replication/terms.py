"""Who a node is and how it exchanges, and what is counted of it."""

from dataclasses import dataclass, field

PIECE = 1024
"""Changes that are taken over between two turns of the event loop."""
PAGE = 32
"""Batches of one reading of a shard."""
PAGES = 8
"""Readings of a shard in one round, and batches that are sent in one."""
CHUNKS = 16
"""Steps of snapshots in one round."""
BEAT = 2.0
"""Seconds after which a shard gets an empty batch, so that others see that none is missing."""
ALIVE = 15.0
"""Seconds after its last batch for which a node counts as there."""
BRINGS = 60.0
"""Seconds after it has come for which a node says that it brings swarms with it."""
PATIENCE = 30.0
"""Seconds without progress after which a snapshot is asked for again, or given up by who writes it."""
ALONE = 5.0
"""Seconds in which others are waited for before a node takes itself to be alone."""
MOST_NODES = 64
"""Other nodes that are remembered."""


@dataclass(frozen=True, slots=True)
class NodeTerms:
    """A node: its number, its name, its run (drawn at each start), and how many shards the stream has.

    A round of sending and receiving begins `every` seconds after the last one.
    """

    node: int
    name: str
    run: int
    shards: int = 1
    every: float = 0.2


@dataclass(slots=True)
class HeardNode:
    """Another node as it was last heard: `seen` by this node's timer, `ahead` in seconds by both clocks."""

    name: str
    run: int
    seen: float
    ahead: int
    in_step: bool


@dataclass(slots=True)
class ReplicationFigures:
    """What replication did since the start, and how it stands.

    `dropped`: batches by reason (damaged, later version, too far ahead). `caught_up`: when, by the node's timer,
    everything in the stream was last taken over; None before the first time.
    """

    connected: bool = False
    in_step: bool = False
    caught_up: float | None = None
    batches_sent: int = 0
    bytes_sent: int = 0
    changes_sent: int = 0
    batches_read: int = 0
    bytes_read: int = 0
    changes_applied: int = 0
    gaps: int = 0
    snapshots_taken: int = 0
    snapshots_given: int = 0
    outages: int = 0
    failures: int = 0
    same_number: bool = False
    dropped: dict[str, int] = field(default_factory=lambda: {"damaged": 0, "version": 0, "clock": 0})
