import asyncio
import gc

import pytest
from structlog.testing import capture_logs

from tasks.run_to_completion import RunToCompletion, RunToCompletionQueue

FAILED = "test.operation_failed"


class Operation:
    """An operation that says when it has begun and ended, and waits to be let go."""

    def __init__(self):
        self.begun, self.go, self.ended = asyncio.Event(), asyncio.Event(), False

    async def __call__(self):
        self.begun.set()
        await self.go.wait()
        self.ended = True
        return "done"


class Expected(Exception):
    pass


def plain():
    return RunToCompletion(FAILED, expected=(Expected,))


def queue():
    return RunToCompletionQueue(FAILED, expected=(Expected,))


async def fail():
    raise ValueError("broken")


@pytest.mark.parametrize("make", [plain, queue])
async def test_an_operation_returns_its_result_or_raises(make):
    operations = make()
    operation = Operation()
    operation.go.set()
    assert await operations.run(operation()) == "done"
    with pytest.raises(ValueError, match="broken"):
        await operations.run(fail())
    await operations.drain()


@pytest.mark.parametrize("make", [plain, queue])
async def test_an_operation_goes_on_when_its_caller_is_cancelled(make):
    operations = make()
    operation = Operation()
    caller = asyncio.create_task(operations.run(operation()))
    await operation.begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert not operation.ended
    operation.go.set()
    await operations.drain()
    assert operation.ended


async def test_draining_waits_for_what_a_running_operation_starts():
    operations = queue()
    first, second = Operation(), Operation()

    async def start_another():
        await first()
        operations.enqueue(second())

    operations.enqueue(start_another())
    await first.begun.wait()
    draining = asyncio.create_task(operations.drain())
    first.go.set()
    await second.begun.wait()
    assert not draining.done()
    second.go.set()
    await draining
    assert second.ended


async def test_a_queue_runs_one_operation_at_a_time_in_order():
    operations = queue()
    first, second = Operation(), Operation()
    one = asyncio.create_task(operations.run(first()))
    await first.begun.wait()
    operations.enqueue(second())
    beside = Operation()
    operations.spawn(beside())
    await beside.begun.wait()
    assert not second.begun.is_set()
    first.go.set()
    assert await one == "done"
    await second.begun.wait()
    second.go.set()
    beside.go.set()
    await operations.drain()
    assert second.ended
    assert beside.ended


@pytest.mark.parametrize("start", [RunToCompletionQueue.enqueue, RunToCompletionQueue.spawn])
async def test_the_failure_of_an_operation_that_nobody_awaits_is_logged(start):
    operations = queue()
    with capture_logs() as entries:
        start(operations, fail())
        await operations.drain()
    assert [(entry["event"], entry["log_level"]) for entry in entries] == [(FAILED, "error")]
    operation = Operation()
    operation.go.set()
    assert await operations.run(operation()) == "done"


@pytest.mark.parametrize(("error", "logged"), [(ValueError("broken"), [FAILED]), (Expected(), [])])
@pytest.mark.parametrize("make", [plain, queue])
async def test_a_failure_that_nobody_waits_for_any_more_is_logged_unless_it_was_an_answer(
    make, error, logged
):
    async def fail_later():
        begun.set()
        await go.wait()
        raise error

    begun, go, operations = asyncio.Event(), asyncio.Event(), make()
    caller = asyncio.create_task(operations.run(fail_later()))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    noticed = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: noticed.append(context["message"]))
    with capture_logs() as entries:
        go.set()
        await operations.drain()
    del caller
    gc.collect()
    assert [entry["event"] for entry in entries] == logged
    assert not noticed
