import random

import pytest

from tasks.fair_queue import FairQueue
from tasks.recent_work import HALF_LIFE, RecentWork
from tests.support.clock import Clock


@pytest.fixture
def clock():
    return Clock(1000.0)


def work_of(clock, seconds):
    work = RecentWork(clock)
    work.add(seconds)
    return work


def drain(queue):
    return [queue.pop() for _ in range(len(queue))]


def test_the_service_comes_first_then_who_cost_least_each_in_order(clock):
    queue = FairQueue()
    much, little, nothing = work_of(clock, 5), work_of(clock, 1), RecentWork(clock)
    for client, name in ((much, "much"), (little, "little"), (None, "service"), (nothing, "nothing")):
        queue.push(client, name)
    assert len(queue) == 4
    assert sorted(queue) == ["little", "much", "nothing", "service"]
    assert drain(queue) == ["service", "nothing", "little", "much"]
    assert queue.pop() is None


def test_what_a_client_costs_meanwhile_counts(clock):
    queue = FairQueue()
    burst, other = RecentWork(clock), work_of(clock, 0.1)
    for number in range(100):
        queue.push(burst, number)
    queue.push(other, "other")
    taken = []
    while (item := queue.pop()) is not None:
        taken.append(item)
        (other if item == "other" else burst).add(0.03)
    assert taken.index("other") == 4
    assert [each for each in taken if each != "other"] == list(range(100))


def test_those_who_cost_the_same_take_turns(clock):
    queue = FairQueue()
    one, two = work_of(clock, 1), work_of(clock, 1)
    for client, name in ((one, "a"), (one, "b"), (two, "x"), (two, "y")):
        queue.push(client, name)
    assert drain(queue) == ["a", "x", "b", "y"]


def test_clients_that_are_not_allowed_stay_where_they_are(clock):
    queue = FairQueue()
    clients = [work_of(clock, seconds) for seconds in (1, 2, 3)]
    for number, client in enumerate(clients):
        queue.push(client, number)
    assert queue.pop(lambda client: client is clients[1]) == 1
    assert queue.pop(lambda _: False) is None
    assert drain(queue) == [0, 2]


def test_the_order_is_that_of_what_is_left_of_the_work(clock):
    chance = random.Random(7)
    clients = [RecentWork(clock) for _ in range(30)]
    queue = FairQueue()
    for client in clients:
        for _ in range(chance.randrange(4)):
            client.add(chance.expovariate(10))
            clock.now += chance.random() * HALF_LIFE
        queue.push(client, client)
    for client in chance.sample(clients, 10):
        client.add(0.5)
    left = [client.seconds() for client in drain(queue)]
    assert left == sorted(left)
    assert left[0] < left[-1]


def test_it_can_be_emptied(clock):
    queue = FairQueue()
    queue.push(RecentWork(clock), 1)
    queue.clear()
    assert (len(queue), queue.pop()) == (0, None)
