"""Turns, medians, ratios and tables."""

from pathlib import Path

import pytest

from benchmarks.comparison import COLUMNS, Sample, compare, median_of, ratio, rows, table, threads
from benchmarks.generators import LoadError, Result
from benchmarks.servers import Server


def result(rps: float, requests: int = 100) -> Result:
    return Result(requests, 0, 1.0, rps, 10.0, 20.0, 100.0, 80.0, 10.0, 0.5)


def samples(*rates: float) -> list[Sample]:
    return [Sample(result(rate), 0.5) for rate in rates]


def server(name: str) -> Server:
    # A process id beyond what the kernel gives: nothing of it is found in /proc.
    return Server(name, 1 << 22, 1, keeps=True, closes=True, log=Path("/nonexistent"))


def test_servers_take_turns() -> None:
    order: list[tuple[str, int]] = []

    def drive(each: Server, number: int) -> Result:
        order.append((each.name, number))
        return result(1.0)

    taken = compare([server("a"), server("b")], drive, 2)
    assert order == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    assert {name: len(each) for name, each in taken.items()} == {"a": 2, "b": 2}


def test_a_server_that_never_answers_ends_the_comparison() -> None:
    with pytest.raises(LoadError, match=r"b: no reply.*\nb is ended"):
        compare([server("a"), server("b")], lambda each, _: result(1.0, 0 if each.name == "b" else 1), 1)


def test_ratios_are_formed_round_by_round() -> None:
    # A disturbed round halves both: the ratio of medians would be 2 or 4, depending on where it falls.
    assert ratio(samples(100, 40, 100), samples(50, 20, 50), lambda each: each.rps) == 2.0
    assert median_of(samples(1, 9, 3), lambda each: each.rps) == 3


def test_figures_per_cpu_come_from_the_servers_own_time() -> None:
    assert Sample(result(10.0, requests=50), 0.25).per_cpu == 200
    assert Sample(result(10.0), 0.0).per_cpu == 0


def test_a_table_is_aligned_markdown() -> None:
    text = table(("name", "n"), [("a", "1"), ("longer", "1,000")])
    assert text.splitlines() == [
        "| name   |     n |",
        "| ------ | ----: |",
        "| a      |     1 |",
        "| longer | 1,000 |",
    ]


def test_each_row_has_a_cell_for_each_column() -> None:
    taken = {"a": samples(10, 10), "b": samples(5, 5)}
    body = rows(taken, [server("a"), server("b")], {"b": "b (closes)"})
    assert [len(row) for row in body] == [len(COLUMNS)] * 2
    assert [row[:3] for row in body] == [["a", "10", "1.00"], ["b (closes)", "5", "0.50"]]


def test_the_busy_threads_of_a_server_are_named_with_their_shares() -> None:
    taken = [Sample(result(1.0), 0.5, {"main 1": 0.1, "loop 2": 0.4, "idle 3": 0.001}) for _ in range(3)]
    assert threads("ours", taken) == "threads of ours: loop 2 0.40, main 1 0.10"
    assert threads("ours", samples(1)) == ""
