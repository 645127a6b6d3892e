"""An executor of threads whose next work is that of the client which cost least of late."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from time import perf_counter
from typing import Any, ParamSpec, TypeVar

from tasks.fair_queue import FairQueue
from tasks.recent_work import RecentWork, current

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
        self._waiting: FairQueue[_Work] = FairQueue()
        self._put_off = 0
        """How many threads found only work of heavy clients, which they may not do now."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Run a function in a thread as soon as it is its client's turn."""
        client = current.get()
        future: Future[T] = Future()
        turn = None if client is not None and client.urgent else client
        with self._order:
            self._waiting.push(turn, _Work(future, lambda: fn(*args, **kwargs), client, turn))
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
                for each in self._waiting:
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
            taken = self._take()
            self._put_off += taken is None
            return taken

    def _take(self) -> "tuple[_Work, bool] | None":
        work = self._waiting.pop(self._may_be_served)
        if work is None:
            return None
        heavy = self._is_heavy(work.turn)
        self._heavy += heavy
        if work.turn is not None:
            self._served[work.turn] += 1
        return work, heavy

    def _is_heavy(self, client: RecentWork | None) -> bool:
        return client is not None and (client in self._served or client.is_heavy())

    def _may_be_served(self, client: RecentWork | None) -> bool:
        """Return whether one more thread may serve a client."""
        if client is None or not self._is_heavy(client):
            return True
        return max(self._heavy, self._served[client]) < self._most_heavy

    def _done(self, done: "_Work", *, heavy: bool) -> "tuple[_Work, bool] | None":
        """Return work for a thread that went without because heavy clients had theirs: they have one less now."""
        with self._order:
            self._heavy -= heavy
            if done.turn is not None:
                self._served[done.turn] -= 1
                if not self._served[done.turn]:
                    del self._served[done.turn]
            taken = self._take() if self._put_off else None
            self._put_off -= taken is not None
            return taken


class _Work:
    """One function to run, for whom, and where its result goes; `turn` is whose turn it takes."""

    __slots__ = ("_call", "client", "future", "turn")

    def __init__(
        self,
        future: "Future[Any]",
        call: Callable[[], object],
        client: RecentWork | None,
        turn: RecentWork | None,
    ) -> None:
        self.future = future
        self.client = client
        self.turn = turn
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
