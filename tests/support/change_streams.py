"""A stream of changes in memory, which can be away, trimmed and emptied, for simulated nodes."""

from collections import deque

from tracker.replication.position import KeptPosition
from tracker.replication.stream import Entry, StreamAway, StreamHost, order_of

QUEUE = 4


class StreamServer:
    """What all nodes share; `epoch` rises with each restart, which ends every connection."""

    def __init__(self, shards: int = 1) -> None:
        self.shards: list[list[Entry]] = [[] for _ in range(shards)]
        self.queues: dict[tuple[int, int, int], deque[bytes]] = {}
        self.last = 0
        self.epoch = 0
        self.away = False

    def trim(self, left: int) -> None:
        for shard in self.shards:
            del shard[: max(0, len(shard) - left)]

    def restart(self, *, emptied: bool, clock_back: bool = False) -> None:
        self.epoch += 1
        self.queues.clear()
        if emptied:
            self.shards = [[] for _ in self.shards]
            self.last = 0 if clock_back else self.last


class MemoryStream:
    """The stream as one node sees it: `away` for it alone, and `deaf` if answers to its appends get lost."""

    host = StreamHost("memory")

    def __init__(self, server: StreamServer) -> None:
        self.server = server
        self.away = False
        self.deaf = False
        self._epoch = server.epoch

    def _reach(self) -> StreamServer:
        if self.away or self.server.away:
            raise StreamAway("no answer")
        if self._epoch != self.server.epoch:
            self._epoch = self.server.epoch
            raise StreamAway("connection reset")
        return self.server

    async def append(self, shard: int, batch: bytes) -> str:
        server = self._reach()
        server.last += 1
        position = f"{server.last}-{server.epoch}"  # no two streams have the same, as with a clock
        server.shards[shard].append(Entry(position, batch))
        if self.deaf:
            raise StreamAway("the answer got lost")
        return position

    async def read(self, shard: int, after: str, limit: int) -> list[Entry]:
        entries = self._reach().shards[shard]
        found = [each for each in reversed(entries) if order_of(each.position) > order_of(after)]
        return found[::-1][:limit]

    async def holds(self, shard: int, position: str) -> bool:
        return any(each.position == position for each in self._reach().shards[shard])

    async def offer(self, reader: int, source: int, request: int, chunk: bytes) -> bool:
        queue = self._reach().queues.setdefault((reader, source, request), deque())
        if len(queue) >= QUEUE:
            return False
        queue.append(chunk)
        return True

    async def fetch(self, reader: int, source: int, request: int) -> bytes | None:
        queue = self._reach().queues.get((reader, source, request))
        return queue.popleft() if queue else None

    async def close(self) -> None:
        """Have nothing to close."""


class MemoryPositions:
    """A position that outlives the node."""

    def __init__(self) -> None:
        self.kept: KeptPosition | None = None

    async def load(self) -> KeptPosition | None:
        if self.kept is None:
            return None
        shards = [each.copy() for each in self.kept.shards]
        for each in shards:
            each.appended, each.fresh = "", False
        return KeptPosition(shards, self.kept.sent)

    async def forget(self) -> None:
        self.kept = None

    async def save(self, position: KeptPosition) -> None:
        self.kept = position
