"""Runs a simulation for many seeds in several processes, and tells which of them failed and how each is run again."""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path


def run_seeds(
    module: str,
    run: Callable[[int], str],
    arguments: Sequence[str] | None,
    *,
    prepare: Callable[[], None],
    usual: int = 2000,
) -> int:
    """Run the seeds that the command line of a module asks for; return 1 where one failed.

    `run` returns what failed, "" for nothing; `prepare` is called first in each process.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("--seeds", type=int, default=usual, help="how many")
    parser.add_argument(
        "--from", dest="first", type=int, help="the first seed; drawn and printed if not given"
    )
    parser.add_argument(
        "--jobs",
        type=int,
        default=len(os.sched_getaffinity(0)),
        help="processes; as many as cores if not given",
    )
    given = parser.parse_args(arguments)
    if arguments is None and os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets is part of what a seed decides.
        command = [sys.executable, "-m", module, *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, "PYTHONHASHSEED": "0"})
    first = given.first if given.first is not None else random.SystemRandom().randrange(10**9)
    print(f"{given.seeds} seeds from {first}", flush=True)
    tempfile.tempdir = fast_folder()
    began, failed = time.monotonic(), 0
    with ProcessPoolExecutor(given.jobs, initializer=prepare) as workers:
        for seed, failure in enumerate(
            workers.map(run, range(first, first + given.seeds), chunksize=8), first
        ):
            if failure:
                failed += 1
                print(f"seed {seed} fails: python -m {module} --seeds 1 --from {seed}\n{failure}", flush=True)
    print(f"{given.seeds} seeds, {failed} failed, {time.monotonic() - began:.0f} s")
    return 1 if failed else 0


def fast_folder() -> str | None:
    """A folder in memory, where a sync costs nothing, if the machine has one and no other is asked for."""
    shared = Path("/dev/shm")
    usable = "TMPDIR" not in os.environ and os.access(shared, os.W_OK)
    return str(shared) if usable and shutil.disk_usage(shared).free > 2**30 else None
