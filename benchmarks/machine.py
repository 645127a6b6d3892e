"""Hides what the operating system tells of this machine and its processes: cores, CPU time, memory."""

import datetime
import os
import platform
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROC = Path("/proc")
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core the server has to itself and which its load; one and the same on a machine with one core."""

    server: int
    load: int


@cache
def cores() -> Cores:
    """Return the first two cores that this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[1 % len(allowed)])


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep this process on one core meanwhile; what it starts stays there for good."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def end_like_ctrl_c() -> None:
    """Make SIGTERM end this program as Ctrl-C does, so that what it started ends too.

    SIGINT is set as well: a shell starts what it puts into the background with that signal ignored.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)


def family(pid: int) -> list[int]:
    """Return a process and all that it started and that still run."""
    found, waiting = [], [pid]
    while waiting:
        parent = waiting.pop()
        found.append(parent)
        for task in (PROC / str(parent) / "task").glob("*/children"):
            waiting += [int(child) for child in _text(task).split()]
    return found


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and its children so far, by the scheduler's own books."""
    books = [path for each in family(pid) for path in (PROC / str(each) / "task").glob("*/schedstat")]
    return sum(int((_text(path) or "0").split()[0]) for path in books) / 1e9


def resident_bytes(pid: int) -> int:
    """Return the memory that a process and its children have in RAM."""
    page = os.sysconf("SC_PAGE_SIZE")
    return sum(int((_text(PROC / str(each) / "statm") or "0 0").split()[1]) * page for each in family(pid))


def _text(path: Path) -> str:
    """Read a file of /proc, empty if its process or thread has just ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def describe() -> str:
    """Return date, commit, processor, system and Python in one line, for the head of every report."""
    now = datetime.datetime.now(datetime.UTC)
    parts = [
        f"{now:%Y-%m-%d %H:%M} UTC",
        f"commit {_commit()}",
        f"{_processor()}, {len(os.sched_getaffinity(0))} cores usable (server {cores().server}, load {cores().load})",
        f"{platform.system()} {platform.release()}",
        f"{platform.python_implementation()} {platform.python_version()}",
        f"load average {os.getloadavg()[0]:.2f}",
    ]
    return " · ".join(parts)


def _commit() -> str:
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return answer.stdout.strip() or "unknown"


def _processor() -> str:
    for line in _text(PROC / "cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
