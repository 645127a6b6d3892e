"""The table of finished answers in C: what it keeps, what it refuses, and how many bytes it holds."""

import os
import random

import pytest

native = pytest.importorskip("tracker._native")

SECRET = bytes(range(16))
FAR = 10**9
COST = 200  # bytes at most that the table adds to a file


def name(number: int) -> bytes:
    return random.Random(number).randbytes(20)


def put(table, number, size=100, packed=True, generation=None, until=FAR):
    if generation is None:
        generation = table.generation(name(number))
    return table.put(name(number), packed, generation, b"h" * 50, b"u" * 40, b'"tag"', bytes(size), until)


def in_use(table, most=1024):
    """Every file that ends before FAR + 1 and was found; only the door finds files, so none here."""
    return [each for shard in range(16) for each in table.ending(shard, FAR + 1, most)]


def test_a_file_is_put_once_for_each_coding() -> None:
    table = native.Files(1 << 20, SECRET)
    assert put(table, 1)
    assert put(table, 1)
    assert put(table, 1, packed=False)
    numbers = table.numbers()
    assert (numbers["count"], numbers["stored"], numbers["refused"]) == (2, 3, 0)
    assert 2 * 195 < numbers["bytes"] <= 2 * (195 + COST)
    table.drop(name(1))
    assert (table.numbers()["count"], table.numbers()["bytes"]) == (0, 0)
    assert in_use(table) == []


def test_what_was_decided_before_a_drop_is_refused() -> None:
    table = native.Files(1 << 20, SECRET)
    generation = table.generation(name(1))
    table.drop(name(1))
    assert not put(table, 1, generation=generation)
    assert table.numbers()["refused"] == 1
    assert put(table, 1)
    generation = table.generation(name(2))
    table.clear()
    assert not put(table, 2, generation=generation)
    assert table.numbers()["count"] == 0


def test_a_drop_of_what_is_not_kept_is_no_error() -> None:
    table = native.Files(1 << 20, SECRET)
    table.drop(name(1))
    table.clear()
    assert put(table, 1)


def test_the_bytes_are_bounded_whatever_is_put() -> None:
    capacity, rng = 1 << 20, random.Random(5)
    table = native.Files(capacity, SECRET)
    assert table.most() == capacity // 64
    for number in range(3000):
        size = rng.choice([0, 100, 1000, 10_000, table.most() - 300])
        assert put(table, rng.randrange(500), size, packed=bool(number & 1))
        assert table.numbers()["bytes"] <= capacity
        if rng.random() < 0.1:
            table.drop(name(rng.randrange(500)))
    numbers = table.numbers()
    assert numbers["evicted"] > 100
    assert numbers["bytes"] > capacity // 4
    table.clear()
    assert table.numbers()["bytes"] == 0


def test_of_what_is_stored_as_it_is_sent_the_heads_stay(tmp_path) -> None:
    root = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
    table = native.Files(1 << 18, SECRET, root)
    os.close(root)

    def put_stamped(number: int, size: int, *, apart: bool = False) -> bool:
        generation = table.generation(name(number))
        parts = (b"h" * 50, b"u" * 40, b'"tag"', bytes(size), FAR)
        return table.put(name(number), True, generation, *parts, 77, 5, apart)

    assert put_stamped(0, 10**6, apart=True)
    assert table.numbers()["bytes"] < 95 + COST
    for number in range(200):
        assert put_stamped(number, 3000)
    numbers = table.numbers()
    assert numbers["evicted"] > 100
    assert numbers["count"] == 200
    for number in range(200, 5000):
        assert put_stamped(number, 1000)
        assert table.numbers()["bytes"] <= 1 << 18
    # Heads have three quarters, whole files the rest.
    assert 3 * (1 << 18) // 4 // (95 + COST) < table.numbers()["count"] < (1 << 18) // 95
    with pytest.raises(ValueError, match="stamp"):
        table.put(name(1), True, 0, b"", b"", b'""', b"", 1, 0, 0, True)
    with pytest.raises(ValueError, match="stamp"):
        native.Files(1 << 18, SECRET).put(name(1), True, 0, b"", b"", b'""', b"", 1, 1, 1, True)
    with pytest.raises(OSError, match="descriptor"):
        native.Files(1, SECRET, 10**6)


@pytest.mark.parametrize("capacity", [1, 100, 4096, 1 << 16])
def test_a_table_too_small_for_a_file_takes_none(capacity: int) -> None:
    table = native.Files(capacity, SECRET)
    assert not put(table, 1, capacity)
    assert table.numbers()["bytes"] == 0


def test_a_file_or_head_that_is_too_large_is_refused() -> None:
    table = native.Files(1 << 20, SECRET)
    assert not put(table, 1, table.most())
    long = b"h" * 8192
    assert not table.put(name(1), True, table.generation(name(1)), long, b"u", b'""', b"", FAR)
    assert table.numbers()["count"] == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda table: table.generation(b"short"),
        lambda table: table.drop("text"),
        lambda table: table.put(bytes(32), True, 0, b"", b"", b'""', b"", 1),
        lambda table: table.put(bytes(20), True, 0, b"", b"", b'"', b"", 1),
        lambda table: table.ending(0, 1, 0),
        lambda table: table.ending(0, 1, 1025),
        lambda _: native.Files(0, SECRET),
        lambda _: native.Files(1, b"short"),
    ],
)
def test_arguments_that_are_none_are_refused(call) -> None:
    with pytest.raises(ValueError, match=r"bytes|tag|at once|capacity"):
        call(native.Files(1 << 20, SECRET))
