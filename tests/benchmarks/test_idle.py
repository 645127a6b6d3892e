"""Connections are held, counted while they live, and their cost put into a row."""

import resource
import socket

import pytest

from benchmarks import gil, idle
from benchmarks.idle import IdleCost, files_allowed, held_connections, measure, still_open
from benchmarks.servers import running


def test_connections_are_held_until_the_block_ends() -> None:
    with running("ceiling", 1) as server:
        with held_connections(server.port, 20) as connections:
            assert len(connections) == still_open(connections) == 20
        assert all(each.fileno() == -1 for each in connections)


def test_connections_that_the_server_ended_are_not_counted_as_open() -> None:
    ours, theirs = socket.socketpair()
    kept, other = socket.socketpair()
    with ours, kept, other:
        theirs.close()
        assert still_open([ours, kept]) == 1


def test_a_server_that_gives_fewer_connections_is_measured_with_those() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    with held_connections(port, 5) as connections:
        assert connections == []


def test_an_idle_measurement_has_memory_and_time() -> None:
    with running("ceiling", 1) as server:
        took = measure(server, 50)
    assert (took.connections, took.still_open) == (50, 50)
    assert min(took.after, took.before) > 0


def test_a_row_gives_bytes_for_each_connection() -> None:
    assert IdleCost("ours", 1000, 999, 1.25, 10_000_000, 10_256_000).row() == [
        "ours",
        "1,000",
        "999",
        "1.2",
        "10.0",
        "10.3",
        "256",
    ]


def test_no_more_connections_are_wanted_than_files_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_024, 4_096))
    raised: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    assert files_allowed(15_000) == 4_096 - idle.SPARE_FILES
    assert files_allowed(100) == 100
    assert raised == [(4_096, 4_096)] * 2


def test_the_two_servers_of_the_gil_comparison_are_of_one_variant() -> None:
    plan = gil.read_plan(["--quick", "--door", "uvicorn", "--store", "python"])
    assert plan.servers == ("peerage", "peerage-spinning")
    assert plan.settings == {"PEERAGE_TRACKER_DOOR": "uvicorn", "PEERAGE_TRACKER_STORE": "python"}
