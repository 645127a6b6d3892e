"""A queue whose next item is that of the client which has cost least of late when it is taken."""

from collections import deque
from collections.abc import Callable, Iterator
from heapq import heappop, heappush, heapreplace
from itertools import count
from typing import Generic, TypeVar

from tasks.recent_work import RecentWork

T = TypeVar("T")

_FIRST = float("-inf")


class FairQueue(Generic[T]):
    """Items by client, each client's in the order in which they came; None is the service itself, which goes first.

    A client that puts a hundred items in before any has cost something is asked again after each.
    """

    def __init__(self) -> None:
        self._items: dict[RecentWork | None, deque[T]] = {}
        # An entry for each client that waits. A client's rank only grows, so an entry is at most too early.
        self._order: list[tuple[float, int, RecentWork | None]] = []
        self._numbers = count()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        return (item for items in self._items.values() for item in items)

    def push(self, client: RecentWork | None, item: T) -> None:
        """Add an item of a client."""
        items = self._items.get(client)
        if items is None:
            items = self._items[client] = deque()
            heappush(self._order, (_rank(client), next(self._numbers), client))
        items.append(item)
        self._length += 1

    def pop(self, allowed: Callable[[RecentWork | None], bool] | None = None) -> T | None:
        """Remove and return the first item, of clients that are `allowed`; None where there is none."""
        passed: list[tuple[float, int, RecentWork | None]] = []
        try:
            while self._order:
                rank, _, client = self._order[0]
                if (now := _rank(client)) > rank:
                    heapreplace(self._order, (now, next(self._numbers), client))
                elif allowed is not None and not allowed(client):
                    passed.append(heappop(self._order))
                else:
                    return self._take(client)
            return None
        finally:
            for entry in passed:
                heappush(self._order, entry)

    def clear(self) -> None:
        """Remove everything."""
        self._items.clear()
        self._order.clear()
        self._length = 0

    def _take(self, client: RecentWork | None) -> T:
        items = self._items[client]
        self._length -= 1
        item = items.popleft()
        if items:
            # Others of the same rank come before its next one: what this one costs is not known yet.
            heapreplace(self._order, (_next_rank(client), next(self._numbers), client))
        else:
            heappop(self._order)
            del self._items[client]
        return item


def _rank(client: RecentWork | None) -> float:
    return _FIRST if client is None else client.rank


def _next_rank(client: RecentWork | None) -> float:
    return _FIRST if client is None else client.rank_after(client.step)
