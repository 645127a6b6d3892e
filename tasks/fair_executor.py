"""An executor of threads whose next work is that of the client which cost least of late."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from heapq import heappop, heappush
from itertools import count
from threading import Lock
from time import perf_counter
from typing import Any, ParamSpec, TypeVar

from tasks.fair_turns import RecentWork, current

P = ParamSpec("P")
T = TypeVar("T")


class FairExecutor(ThreadPoolExecutor):
    """Threads that work for the cheapest client first, and never all of them for heavy ones.

    What is submitted counts as the work of the client in whose context it is submitted.
    """

    def __init__(self, max_workers: int, thread_name_prefix: str = "") -> None:
        super().__init__(max_workers, thread_name_prefix)
        self._most_heavy = max(1, max_workers - 1)
        self._heavy = 0
        self._order = Lock()
        self._numbers = count()
        self._waiting: list[tuple[float, int, _Work]] = []
        self._put_off: list[tuple[float, int, _Work]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Run a function in a thread as soon as it is its client's turn."""
        client = current.get()
        future: Future[T] = Future()
        work = _Work(future, lambda: fn(*args, **kwargs), client)
        with self._order:
            seconds = 0.0 if client is None else client.seconds()
            heappush(self._waiting, (seconds, next(self._numbers), work))
        try:
            super().submit(self._work)
        except RuntimeError:
            future.cancel()  # the threads have ended
            raise
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads when all is done; with `cancel_futures` what has not begun is cancelled."""
        if cancel_futures:
            with self._order:
                for _, _, each in (*self._waiting, *self._put_off):
                    each.future.cancel()
        super().shutdown(wait)

    def _work(self) -> None:
        """Do the cheapest client's work, and then what was put off meanwhile."""
        taken = self._next()
        while taken is not None:
            work, heavy = taken
            try:
                work.run()
            finally:
                taken = self._done(heavy=heavy)

    def _next(self) -> "tuple[_Work, bool] | None":
        with self._order:
            entry = heappop(self._waiting)
            work = entry[2]
            heavy = work.client is not None and work.client.is_heavy()
            if heavy and self._heavy >= self._most_heavy:
                heappush(self._put_off, entry)
                return None
            self._heavy += heavy
            return work, heavy

    def _done(self, *, heavy: bool) -> "tuple[_Work, bool] | None":
        """Return the work that was put off for want of a thread for heavy clients, if this was one."""
        with self._order:
            self._heavy -= heavy
            if not self._put_off or self._heavy >= self._most_heavy:
                return None
            self._heavy += 1
            return heappop(self._put_off)[2], True


class _Work:
    """One function to run, for whom, and where its result goes."""

    __slots__ = ("_call", "client", "future")

    def __init__(self, future: "Future[Any]", call: Callable[[], object], client: RecentWork | None) -> None:
        self.future = future
        self.client = client
        self._call = call

    def run(self) -> None:
        if not self.future.set_running_or_notify_cancel():
            return
        began = perf_counter()
        try:
            result = self._call()
        except BaseException as error:
            self._count(began)
            self.future.set_exception(error)
        else:
            self._count(began)
            self.future.set_result(result)

    def _count(self, began: float) -> None:
        if self.client is not None:
            self.client.add(perf_counter() - began)
