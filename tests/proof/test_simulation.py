"""A short sample of the simulation; `python -m tests.proof.simulation` runs more, and one seed again."""

import asyncio
import random
import subprocess
import sys

from bittorrent.infohash import InfoHash
from tests.proof.history import History, Kind
from tests.proof.simulated_loop import simulated
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
