"""What the nodes share: an append-only stream of batches in shards, and a short queue for each snapshot under way."""

from typing import NamedTuple, Protocol

START = "0-0"
"""The position before the first entry of a shard."""


class StreamAway(Exception):
    """The stream does not answer, or refuses; nothing is known of whether a call was carried out."""


class Entry(NamedTuple):
    """An entry of a shard: its position, `milliseconds-number`, and its batch."""

    position: str
    batch: bytes


def order_of(position: str) -> tuple[int, int]:
    """Return by what positions are compared; one that cannot be read comes first."""
    first, _, second = position.partition("-")
    return (int(first), int(second)) if first.isdecimal() and second.isdecimal() else (0, 0)


class StreamHost(NamedTuple):
    """What holds the stream, as it names itself; `evicts`: it may drop any of it when its memory is full."""

    name: str = ""
    evicts: bool = False


class ChangeStream(Protocol):
    """The stream, bounded in bytes: what is too old is gone. Every method raises StreamAway."""

    host: StreamHost
    """Known once it has answered."""

    async def append(self, shard: int, batch: bytes) -> str:
        """Append a batch to a shard, and return its position."""
        ...

    async def read(self, shard: int, after: str, limit: int) -> list[Entry]:
        """Return up to `limit` entries after a position, in order, at once."""
        ...

    async def holds(self, shard: int, position: str) -> bool:
        """Return whether the entry at a position is still there."""
        ...

    async def offer(self, reader: int, source: int, request: int, chunk: bytes) -> bool:
        """Put a chunk of a snapshot into its queue; False: that is full."""
        ...

    async def fetch(self, reader: int, source: int, request: int) -> bytes | None:
        """Take the next chunk of a snapshot out of its queue; None: there is none now."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
