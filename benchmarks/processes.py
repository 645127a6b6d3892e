"""Child processes: pinned to a core, ended whatever happens, their CPU time and memory read."""

import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

PROC = Path("/proc")
STOPPED = 15
"""Seconds that a program may take to end after SIGTERM."""


class RunError(Exception):
    """A program did not end in time, or ended with an error."""


def end_like_ctrl_c() -> None:
    """Make SIGTERM end this program as Ctrl-C does, so that what it started ends too.

    SIGINT is set as well: a shell starts what it puts into the background with that signal ignored.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off SIGTERM and SIGINT to the end of the block: a program half started could not be ended."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number in came:
        signal.raise_signal(number)


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Keep this process on one core meanwhile, or on any; what it starts stays there for good."""
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def started(
    command: Sequence[str],
    core: int | None,
    folder: Path,
    output: IO[bytes] | int,
    *,
    errors: IO[bytes] | int = subprocess.STDOUT,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program on one core, or on all, until the block ends, however it ends."""
    process: subprocess.Popen[bytes] | None = None
    try:
        with uninterrupted(), pinned(core):
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=errors
            )
        yield process
    finally:
        if process is not None:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program that we started: SIGTERM, and SIGKILL if that has no effect."""
    try:
        if process.poll() is None:
            process.terminate()
            process.wait(STOPPED)
    except subprocess.TimeoutExpired:
        print(f"{process.args!r} did not end within {STOPPED} s of SIGTERM and was killed", file=sys.stderr)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def output_of(command: Sequence[str], core: int, folder: Path, seconds: int) -> bytes:
    """Run a program on one core and return what it printed; raises RunError."""
    with started(command, core, folder, subprocess.PIPE, errors=subprocess.PIPE) as process:
        try:
            printed, errors = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise RunError(f"{' '.join(command)} did not end within {seconds} s") from error
    if process.returncode:
        text = errors.decode(errors="replace")
        raise RunError(f"{' '.join(command)}: exit status {process.returncode}\n{text}")
    return printed


def family(pid: int) -> list[int]:
    """Return a process and all that it started and that still run."""
    found, waiting = [], [pid]
    while waiting:
        parent = waiting.pop()
        found.append(parent)
        for task in (PROC / str(parent) / "task").glob("*/children"):
            waiting += [int(child) for child in _text(task).split()]
    return found


def cpu_seconds(pid: int, apart: Collection[str] = ()) -> float:
    """Return the CPU time of a process and its children so far, but for threads whose name is in `apart`."""
    return sum(used for name, used in thread_seconds(pid).items() if name.partition(" ")[0] not in apart)


def thread_seconds(pid: int) -> dict[str, float]:
    """Return the CPU time of each thread so far, by the scheduler's own books, as "name id"."""
    used = {}
    for each in family(pid):
        for task in (PROC / str(each) / "task").glob("*"):
            name = "main" if task.name == str(each) else _text(task / "comm").strip().replace(" ", "-")
            used[f"{name} {task.name}"] = int((_text(task / "schedstat") or "0").split()[0]) / 1e9
    return used


def resident_bytes(pid: int) -> int:
    """Return the memory that a process and its children have in RAM."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int((_text(PROC / str(each) / "statm") or "0 0").split()[1]) * page for each in family(pid))


def proportional_bytes(pid: int) -> int:
    """Return the user memory of a process and its children: pages that several share count in part (PSS)."""
    lines = [line for each in family(pid) for line in _text(PROC / str(each) / "smaps_rollup").splitlines()]
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def _text(path: Path) -> str:
    """Read a file of /proc, empty if its process or thread has just ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
