import asyncio
import contextvars
from concurrent.futures import wait
from threading import Event

import pytest

from tasks.fair_executor import FairExecutor
from tasks.recent_work import RecentWork, current


def submit_for(executor, seconds, function, *arguments):
    """Submit in the context of a client that did so much at a time that stands still."""
    work = None
    if seconds is not None:
        work = RecentWork(lambda: 7.0)
        work.add(seconds)
    context = contextvars.copy_context()
    context.run(current.set, work)
    return context.run(executor.submit, function, *arguments)


@pytest.fixture
def executor():
    with FairExecutor(1) as one:
        yield one


def test_the_lightest_client_is_next(executor):
    begin, done = Event(), []
    first = submit_for(executor, 0, begin.wait, 10)
    futures = [submit_for(executor, seconds, done.append, seconds) for seconds in (3, 1, None, 2)]
    begin.set()
    wait([first, *futures])
    assert done == [None, 1, 2, 3]


def test_a_thread_is_kept_from_heavy_clients():
    begin, done = Event(), []
    with FairExecutor(2) as executor:
        heavy = [submit_for(executor, 5, begin.wait, 10), submit_for(executor, 5, done.append, "heavy")]
        light = submit_for(executor, 0, done.append, "light")
        light.result(10)
        assert done == ["light"]
        begin.set()
        wait(heavy)
    assert done == ["light", "heavy"]


def test_what_others_wait_for_goes_first_whoever_it_is_for():
    begin, done = Event(), []

    def submit_urgently(executor, name):
        work = RecentWork(lambda: 7.0, urgent=1)
        work.add(9)
        context = contextvars.copy_context()
        context.run(current.set, work)
        return context.run(executor.submit, done.append, name)

    with FairExecutor(2) as executor:
        threads = [submit_for(executor, seconds, begin.wait, 10) for seconds in (5, 0)]
        waiting = [submit_for(executor, 1, done.append, "light"), submit_urgently(executor, "urgent")]
        begin.set()
        wait([*threads, *waiting])
    assert sorted(done) == ["light", "urgent"]
    assert done[0] == "urgent"


def test_results_and_errors_are_the_callers(executor):
    assert executor.submit(lambda a, b: a + b, 1, b=2).result(10) == 3
    with pytest.raises(ZeroDivisionError):
        executor.submit(lambda: 1 // 0).result(10)


def test_what_is_cancelled_does_not_run_and_the_rest_does(executor):
    begin, done = Event(), []
    first = executor.submit(begin.wait, 10)
    cancelled, kept = executor.submit(done.append, 1), executor.submit(done.append, 2)
    assert cancelled.cancel()
    begin.set()
    wait([first, kept])
    assert done == [2]


def test_the_end_cancels_what_has_not_begun_when_that_is_asked_for():
    begin, done = Event(), []
    executor = FairExecutor(1)
    first, second = executor.submit(begin.wait, 10), executor.submit(done.append, 1)
    executor.shutdown(wait=False, cancel_futures=True)
    begin.set()
    executor.shutdown()
    assert (first.result(10), second.cancelled(), done) == (True, True, [])
    with pytest.raises(RuntimeError):
        executor.submit(done.append, 2)


def test_the_time_counts_as_the_clients_work(executor):
    times = iter(range(100))
    work = RecentWork(lambda: next(times))
    context = contextvars.copy_context()
    context.run(current.set, work)
    context.run(executor.submit, sum, range(1_000_000)).result(10)
    assert work.seconds() > 0


async def test_it_serves_as_the_executor_of_an_event_loop():
    asyncio.get_running_loop().set_default_executor(FairExecutor(2))
    assert await asyncio.gather(*(asyncio.to_thread(pow, 2, n) for n in range(5))) == [1, 2, 4, 8, 16]


def test_a_thread_is_kept_from_who_has_all_others():
    begin, done = Event(), []
    work = RecentWork(lambda: 7.0)
    context = contextvars.copy_context()
    context.run(current.set, work)
    with FairExecutor(2) as executor:
        same = [
            context.run(executor.submit, begin.wait, 10),
            context.run(executor.submit, done.append, "same"),
        ]
        submit_for(executor, 0, done.append, "other").result(10)
        submit_for(executor, 0, done.append, "another").result(10)
        assert done == ["other", "another"]
        begin.set()
        wait(same)
    assert done == ["other", "another", "same"]
