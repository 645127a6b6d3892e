"""`ChangeStream` on Redis 7 or Valkey: a stream a shard, bounded by the bytes that it takes there, and short lists.

Each key has one hash tag, so a cluster keeps a shard, or a snapshot under way, on one of its machines. Nothing blocks:
an append would pay for each reader that waits.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from tracker.replication.stream import Entry, StreamAway, StreamHost

QUEUE = 16
"""Chunks of a snapshot that wait to be taken."""
_FIELD = b"b"
_CONNECT_SECONDS = 2.0
_ANSWER_SECONDS = 5.0
_LEFT_SECONDS = 60
_MEASURE_SECONDS = 2.0
_LEAST_ENTRIES = 16
_MOST_ENTRIES = 100_000


@dataclass(slots=True)
class _Room:
    """How many entries a shard may have so that it takes no more than its bytes, and when that is measured again."""

    entries: int = _MOST_ENTRIES
    due: float = float("-inf")


class RedisStream:
    """The stream on a server or a cluster, which is found out at the first call.

    `memory` are the bytes that all shards may take in the server. How many entries that is, is measured every other
    second, so a burst may go beyond it for as long.
    """

    def __init__(self, url: str, shards: int, memory: int, timer: Callable[[], float]) -> None:
        self._url = url
        self._shards = shards
        self._memory = memory
        self._timer = timer
        self._rooms = [_Room() for _ in range(shards)]
        self._client: Any = None
        self.host = StreamHost()

    async def append(self, shard: int, batch: bytes) -> str:
        """Append a batch to a shard, and return its position. StreamAway."""
        async with self._connected() as client:
            key, room = self._key(shard), self._rooms[shard]
            if self._timer() >= room.due:
                await self._measure(client, key, room)
            position = await client.xadd(key, {_FIELD: batch}, maxlen=room.entries, approximate=True)
            return _text(position)

    async def _measure(self, client: Any, key: str, room: _Room) -> None:  # noqa: ANN401
        taken, entries = await client.memory_usage(key), await client.xlen(key)
        most = self._memory // self._shards
        room.due = self._timer() + _MEASURE_SECONDS
        if taken and entries:
            room.entries = max(_LEAST_ENTRIES, min(_MOST_ENTRIES, entries * most // taken))

    async def read(self, shard: int, after: str, limit: int) -> list[Entry]:
        """Return up to `limit` entries after a position, in order, at once. StreamAway."""
        async with self._connected() as client:
            found = await client.xrange(self._key(shard), f"({after}", "+", count=limit)
            return [Entry(_text(position), fields.get(_FIELD, b"")) for position, fields in found]

    async def holds(self, shard: int, position: str) -> bool:
        """Return whether the entry at a position is still there. StreamAway."""
        async with self._connected() as client:
            return bool(await client.xrange(self._key(shard), position, position, count=1))

    async def offer(self, reader: int, source: int, request: int, chunk: bytes) -> bool:
        """Put a chunk of a snapshot into its queue; False: that is full. StreamAway."""
        async with self._connected() as client:
            key = self._queue(reader, source, request)
            if await client.llen(key) >= QUEUE:
                return False
            await client.rpush(key, chunk)
            await client.expire(key, _LEFT_SECONDS)
            return True

    async def fetch(self, reader: int, source: int, request: int) -> bytes | None:
        """Take the next chunk of a snapshot out of its queue; None: there is none now. StreamAway."""
        async with self._connected() as client:
            chunk = await client.lpop(self._queue(reader, source, request))
            return chunk if isinstance(chunk, bytes) else None

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _key(self, shard: int) -> str:
        return f"peerage:{{changes:{shard}/{self._shards}}}"

    def _queue(self, reader: int, source: int, request: int) -> str:
        return f"peerage:{{snapshot:{reader}}}:{source}:{request}"

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        """Give the client; errors of the server, its network and its bytes end the connection. StreamAway."""
        try:
            if self._client is None:
                self._client, self.host = await _connect(self._url)
            yield self._client
        except (TimeoutError, RedisError, OSError, EOFError, ValueError, TypeError, AttributeError) as error:
            await self._drop()
            raise StreamAway(f"{type(error).__name__}: {error}") from error

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            try:
                await client.aclose()
            except (RedisError, OSError):
                return


async def _connect(url: str) -> tuple[Any, StreamHost]:
    """Return a client of a server, or of the cluster that it belongs to, and what the server says of itself."""
    options: dict[str, Any] = {
        "socket_connect_timeout": _CONNECT_SECONDS,
        "socket_timeout": _ANSWER_SECONDS,
    }
    client = Redis.from_url(url, retry=Retry(NoBackoff(), 1), **options)
    try:
        said = await client.info()
    except BaseException:
        await client.aclose()
        raise
    host = _host(said)
    if said.get("redis_mode") != "cluster":
        return client, host
    await client.aclose()
    cluster = RedisCluster.from_url(url, **options)
    try:
        await cluster.initialize()
    except BaseException:
        await cluster.aclose()
        raise
    return cluster, host


def _host(said: Mapping[str, Any]) -> StreamHost:
    valkey = said.get("valkey_version")
    name = f"Valkey {valkey}" if valkey else f"Redis {said.get('redis_version', '?')}"
    if said.get("redis_mode") == "cluster":
        name += ", a cluster"
    return StreamHost(name, str(said.get("maxmemory_policy", "")).startswith("allkeys"))


def _text(position: Any) -> str:  # noqa: ANN401
    return position.decode("ascii", "replace") if isinstance(position, bytes) else str(position)
