import asyncio

import pytest

from doors.connection_memory import ConnectionMemory, HeldMemory
from tests.support.clock import Clock
from tests.support.tasks import begun


@pytest.fixture
def timer() -> Clock:
    return Clock(100.0)


@pytest.fixture
def memory(timer: Clock) -> ConnectionMemory:
    return ConnectionMemory(1000, 400, timer)


def connection(memory: ConnectionMemory, key: str, dropped: list[str] | None = None) -> HeldMemory:
    return memory.connection(key, lambda: dropped.append(key) if dropped is not None else None)


def test_bytes_are_held_up_to_the_whole_and_released(memory: ConnectionMemory) -> None:
    one, two = connection(memory, "a"), connection(memory, "b")
    assert one.hold(600)
    assert two.hold(400)
    assert not two.hold(1)
    one.release(100)
    assert connection(memory, "c").hold(100)
    one.close()
    two.close()
    assert memory.held == 100
    assert set(memory._addresses) == {"c"}
    assert len(memory._holders) == 1


def test_the_share_of_an_address_binds_only_near_the_limit(memory: ConnectionMemory) -> None:
    one, two = connection(memory, "a"), connection(memory, "b")
    assert one.hold(790), "there is room for everyone"
    assert one.hold(100), "as long as less than 80 % is held"
    assert not one.hold(10)
    assert two.hold(100)


def test_the_slowest_connections_go_first_and_no_more_than_needed(
    memory: ConnectionMemory, timer: Clock
) -> None:
    dropped: list[str] = []
    slow = {key: connection(memory, key, dropped) for key in "abc"}
    for key, each in slow.items():
        assert each.hold(300)
        timer.now += 1
        each.move(1 << 20)
        assert key not in dropped
    timer.now += 5
    assert connection(memory, "d").hold(350)
    assert dropped == ["a"]
    assert memory.dropped == 1
    assert slow["a"].held == 0
    assert memory.held == 950


def test_none_is_dropped_where_that_would_not_make_room(memory: ConnectionMemory, timer: Clock) -> None:
    dropped: list[str] = []
    slow, quick = connection(memory, "a", dropped), connection(memory, "b", dropped)
    assert slow.hold(100)
    timer.now += 10
    quick.move(1 << 20)
    assert quick.hold(800)
    assert not connection(memory, "c").hold(300)
    assert dropped == []


def test_who_crowds_its_address_drops_none_of_another(memory: ConnectionMemory, timer: Clock) -> None:
    dropped: list[str] = []
    crowd = [connection(memory, "a", dropped) for _ in range(4)]
    other = connection(memory, "b", dropped)
    assert all(each.hold(100) for each in crowd)
    assert other.hold(500)
    timer.now += 10
    other.move(1 << 20)
    assert connection(memory, "a").hold(50)
    assert dropped == ["a"]


def test_buffers_are_told_as_a_whole(memory: ConnectionMemory) -> None:
    one = connection(memory, "a")
    assert one.set_buffered(300)
    assert one.set_buffered(100)
    assert one.held == 100
    assert one.hold(200)
    assert one.set_buffered(0)
    assert one.held == 200


def test_a_client_that_leaves_gives_back_no_more_than_its_connection_held(memory: ConnectionMemory) -> None:
    one = connection(memory, "a")
    assert one.set_buffered(100)
    assert one.hold(300), "a body that is worked on"
    one.disconnect()
    assert memory.held == 300
    one.release(300)
    assert memory.held == 0


async def test_an_answer_takes_what_was_reserved_for_it(memory: ConnectionMemory) -> None:
    one = connection(memory, "a")
    assert await one.reserve(500, 0)
    assert await one.hold_answer(300, 0)
    assert (one.held, one.reserved) == (500, 200)
    one.release(300)
    one.release_reserved()
    assert one.held == 0
    assert await one.hold_answer(50, 0)
    assert one.held == 50


async def test_an_answer_waits_for_room_and_gives_up_in_time(memory: ConnectionMemory, timer: Clock) -> None:
    one, two = connection(memory, "a"), connection(memory, "b")
    assert one.hold(900)
    waiting = await begun(two.wait_for(500, 5))
    assert not waiting.done()
    one.close()
    assert await waiting
    assert not await one.wait_for(900, 0)
    assert memory.refused == 1


@pytest.mark.parametrize("end", [HeldMemory.disconnect, HeldMemory.close])
async def test_an_answer_for_a_client_that_left_holds_nothing(memory: ConnectionMemory, end) -> None:
    one, other = connection(memory, "a"), connection(memory, "b")
    assert await one.reserve(300, 5)
    assert other.hold(700)
    reserving, holding = await begun(one.reserve(200, 60)), await begun(one.hold_answer(900, 60))
    end(one)
    other.close()
    assert not await reserving
    assert not await holding
    assert not await one.reserve(200, 5)
    assert not await one.hold_answer(200, 5)
    assert memory.held == 0


def test_less_is_held_while_memory_is_short(timer: Clock) -> None:
    dropped: list[str] = []
    memory = ConnectionMemory(1000 << 10, 1000 << 10, timer)
    slow, other = connection(memory, "a", dropped), connection(memory, "b")
    assert slow.hold(500 << 10)
    timer.now += 10
    memory.withheld = 600 << 10
    assert not other.hold(401 << 10)
    assert other.hold(300 << 10)
    assert dropped == ["a"]
    memory.withheld = 10_000 << 10
    assert not other.hold(1)
    other.release(100 << 10)
    assert other.hold(50 << 10), "a quarter stays"
    memory.withheld = 0
    assert other.hold(700 << 10)


def test_who_holds_little_is_served_while_memory_is_short() -> None:
    memory = ConnectionMemory(1000 << 10, 1000 << 10)
    large = connection(memory, "a")
    assert large.hold(700 << 10)
    memory.withheld = 500 << 10
    small = connection(memory, "b")
    assert small.hold(15 << 10)
    assert not small.hold(2 << 10), "by pieces nobody holds more"
    assert small.set_buffered(1 << 10)
    assert not large.hold(1)


def test_a_trickle_is_no_movement(memory: ConnectionMemory, timer: Clock) -> None:
    one = connection(memory, "a")
    for _ in range(100):
        timer.now += 0.5
        one.move(64)
    assert one.moved == 100.0
    one.move(16 << 10)
    assert one.moved == timer.now


async def test_who_waits_for_the_service_is_not_slow(memory: ConnectionMemory, timer: Clock) -> None:
    dropped: list[str] = []
    served, waiting, idle = (connection(memory, key, dropped) for key in "abc")
    assert all(each.hold(200) for each in (served, waiting, idle))
    served.set_served(True)
    task = await begun(waiting.wait_for(900, 60))
    timer.now += 10
    assert connection(memory, "d").hold(500)
    assert dropped == ["c"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    served.set_served(False)
    assert not served.served
    assert served.moved == timer.now


async def test_room_is_given_when_it_is_released_and_in_order(memory: ConnectionMemory) -> None:
    full = connection(memory, "a")
    assert full.hold(1000)
    given: list[str] = []

    async def wait(key: str, size: int) -> None:
        assert await connection(memory, key).wait_for(size, 60)
        given.append(key)

    tasks = [await begun(wait(key, size)) for key, size in (("b", 600), ("c", 300), ("d", 300))]
    full.release(300)
    await tasks[1]  # too little for the first
    full.release(600)
    await tasks[0]
    assert given == ["c", "b"]
    full.release(100)
    assert (memory.held, tasks[2].done()) == (900, False)
    tasks[2].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[2]


async def test_who_is_cancelled_holds_nothing_even_when_room_was_just_given(memory: ConnectionMemory) -> None:
    full, one, two = (connection(memory, key) for key in "abc")
    assert full.hold(1000)
    early, late = [await begun(each.wait_for(300, 60)) for each in (one, two)]
    early.cancel()
    full.release(300)
    asyncio.get_running_loop().call_soon(late.cancel)  # after the look that gives it room, before it wakes
    for each in (early, late):
        with pytest.raises(asyncio.CancelledError):
            await each
    assert (one.held, two.held, memory.held) == (0, 0, 700)
    assert memory.refused == 0


async def test_one_who_waits_is_given_room_when_another_becomes_slow(
    memory: ConnectionMemory, timer: Clock
) -> None:
    dropped: list[str] = []
    idle = connection(memory, "a", dropped)
    assert idle.hold(1000)
    timer.now += 0.99
    waiting = await begun(connection(memory, "b").wait_for(300, 60))
    timer.now += 0.01
    assert await waiting
    assert dropped == ["a"]
