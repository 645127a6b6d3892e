"""An executor of threads whose next work is that of the client which cost least of late."""

from collections import Counter
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
    """Threads that work for the cheapest client first, and never all of them for heavy ones or for a single one.

    What is submitted counts as the work of the client in whose context it is submitted. What others wait for, which is
    urgent, goes first whoever it is for.
    """

    def __init__(self, max_workers: int, thread_name_prefix: str = "") -> None:
        super().__init__(max_workers, thread_name_prefix)
        self._most_heavy = max(1, max_workers - 1)
        self._heavy = 0
        self._served: Counter[RecentWork] = Counter()
        self._order = Lock()
        self._numbers = count()
        self._waiting: list[tuple[float, int, _Work]] = []
        self._put_off: list[tuple[float, int, _Work]] = []

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Run a function in a thread as soon as it is its client's turn."""
        client = current.get()
        future: Future[T] = Future()
        work = _Work(future, lambda: fn(*args, **kwargs), client, urgent=client is None or client.urgent > 0)
        with self._order:
            seconds = 0.0 if client is None or work.urgent else client.seconds()
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
                taken = self._done(work, heavy=heavy)

    def _next(self) -> "tuple[_Work, bool] | None":
        with self._order:
            entry = heappop(self._waiting)
            work = entry[2]
            heavy = not work.urgent and (work.client in self._served or work.is_heavy())
            if heavy and not self._fits(work):
                self._put_off.append(entry)
                return None
            self._serve(work, heavy=heavy)
            return work, heavy

    def _fits(self, work: "_Work") -> bool:
        """Return whether one more thread may serve a heavy client."""
        return max(self._heavy, self._served[work.client] if work.client else 0) < self._most_heavy

    def _serve(self, work: "_Work", *, heavy: bool) -> None:
        self._heavy += heavy
        if work.client is not None:
            self._served[work.client] += 1

    def _done(self, done: "_Work", *, heavy: bool) -> "tuple[_Work, bool] | None":
        """Return work that was put off because heavy clients had their threads, where they have one less now."""
        with self._order:
            self._heavy -= heavy
            if done.client is not None:
                self._served[done.client] -= 1
                if not self._served[done.client]:
                    del self._served[done.client]
            entry = min((each for each in self._put_off if self._fits(each[2])), default=None)
            if entry is None:
                return None
            self._put_off.remove(entry)
            self._serve(entry[2], heavy=True)
            return entry[2], True


class _Work:
    """One function to run, for whom, and where its result goes."""

    __slots__ = ("_call", "client", "future", "urgent")

    def __init__(
        self, future: "Future[Any]", call: Callable[[], object], client: RecentWork | None, *, urgent: bool
    ) -> None:
        self.future = future
        self.client = client
        self.urgent = urgent
        self._call = call

    def is_heavy(self) -> bool:
        return self.client is not None and self.client.is_heavy()

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
