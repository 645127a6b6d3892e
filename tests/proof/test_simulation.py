"""A short sample of the simulation; `python -m tests.proof.simulation` runs more, and one seed again."""

import asyncio
import random
import subprocess
import sys

import pytest

from bittorrent.infohash import InfoHash
from tests.proof import simulation
from tests.proof.history import History, Kind, Operation
from tests.proof.simulated_loop import Deadlock, simulated
from tests.support.processes import ROOT

HASH = InfoHash(b"x" * 20)


def test_no_seed_of_a_sample_fails() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.proof.simulation", "--seeds", "40"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_threads_overtake_each_other_as_the_seed_says() -> None:
    def order(seed: int) -> list[int]:
        async def run() -> list[int]:
            done: list[int] = []
            await asyncio.gather(*(asyncio.to_thread(done.append, number) for number in range(9)))
            return done

        with simulated(random.Random(seed)) as loop:
            return loop.run_until_complete(run())

    assert order(1) == order(1)
    assert sorted(order(1)) == list(range(9))
    assert len({tuple(order(seed)) for seed in range(9)}) > 5


def test_of_calls_at_the_same_time_the_first_asked_for_comes_first_and_a_cancelled_one_never() -> None:
    with simulated(random.Random(1)) as loop:
        done: list[str] = []
        for name in "abc":
            loop.call_later(5.0, done.append, name)
        loop.call_later(5.0, done.append, "d").cancel()
        loop.call_later(4.0, done.append, "e")
        loop.call_soon(done.append, "f")
        loop.run_until_complete(asyncio.sleep(6.0))
        assert (done, loop.now) == (["f", "e", "a", "b", "c"], 6.0)


def test_waiting_for_ever_is_told_and_so_is_a_call_that_fails() -> None:
    with simulated(random.Random(1)) as loop:
        loop.call_soon(lambda: 1 / 0)
        with pytest.raises(Deadlock):
            loop.run_until_complete(asyncio.Event().wait())
        assert ["ZeroDivisionError" in each for each in loop.failures] == [True]


def test_a_seed_makes_the_same_run_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def operations() -> list[Operation]:
        made = simulation.Run
        runs: list[simulation.Run] = []
        with monkeypatch.context() as patch:
            patch.setattr(simulation, "Run", lambda *given: runs.append(made(*given)) or runs[-1])
            assert simulation.run_seed(7) == ""
        return runs[0].history.operations

    operations()  # what the first run of a process makes is there now
    assert operations() == operations()


async def test_what_must_be_true_follows_from_what_did_not_overlap() -> None:
    now = 0.0
    history = History(lambda: now)
    async with history.operation(Kind.UPLOAD, HASH):
        now = 1.0
    assert not history.file(HASH, 0.5).there
    assert history.file(HASH, 1.0).there
    now = 2.0
    block = history.operation(Kind.BLOCK, HASH)
    await block.__aenter__()
    assert not history.file(HASH, 2.0).there
    assert not history.file(HASH, 2.0).gone
    now = 3.0
    await block.__aexit__(None, None, None)
    assert history.file(HASH, 3.0).gone
    assert history.record(HASH, 3.0).gone
    assert not history.file(InfoHash(b"y" * 20), 3.0).gone


async def test_a_kill_loses_announces_that_no_answered_flush_wrote():
    now = 0.0
    history = History(lambda: now)
    for each in range(3):
        now = float(each)
        async with history.operation(Kind.ANNOUNCE, HASH):
            pass
        if each == 1:
            now = 1.5
            async with history.operation(Kind.FLUSH, None):
                pass
    history.lose_unflushed()
    now = 5.0
    async with history.operation(Kind.FLUSH, None):
        pass
    assert history.flushed_announces(HASH) == 2
