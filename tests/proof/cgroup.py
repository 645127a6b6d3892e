"""Holds processes within a limit of memory by a control group, and tells the most that a process held.

Version 1 and 2 of the kernel's interface are known. Where no group can be made (not root, no controller) the limit is
watched instead: the resident memory is read from outside every few milliseconds, and who asks sees the peak all the same.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

VERSION_1 = Path("/sys/fs/cgroup/memory")
VERSION_2 = Path("/sys/fs/cgroup")
PACE = 0.005
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class MemoryGroup:
    """A control group with a limit; `folder` is None where none could be made."""

    folder: Path | None

    @property
    def launcher(self) -> tuple[str, ...]:
        """What to put before a command so that it runs in the group from its first page on."""
        if self.folder is None:
            return ()
        return ("sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', "sh")


def _make_group(name: str, limit: int) -> Path | None:
    for root, file in ((VERSION_1, "memory.limit_in_bytes"), (VERSION_2, "memory.max")):
        folder = root / name
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            (folder / file).write_text(str(limit))
        except OSError:
            folder.rmdir()
            continue
        with contextlib.suppress(OSError):
            (folder / "memory.swap.max").write_text("0")
        return folder
    return None


@contextlib.contextmanager
def memory_group(limit: int) -> Iterator[MemoryGroup]:
    """A group that ends with the block, when its processes have ended."""
    folder = _make_group(f"peerage-{os.getpid()}-{threading.get_ident()}", limit)
    try:
        yield MemoryGroup(folder)
    finally:
        if folder is not None:
            with contextlib.suppress(OSError):
                folder.rmdir()


def resident_bytes(pid: int, *, own: bool = False) -> int:
    """The memory that a process has in RAM now, with `own` without pages of files that it shares; 0 when it has ended."""
    try:
        _, resident, shared, *_ = Path(f"/proc/{pid}/statm").read_text().split()
    except (OSError, ValueError):
        return 0
    return (int(resident) - (int(shared) if own else 0)) * PAGE


def most_resident_bytes(pid: int) -> int:
    """The most that a process had in RAM so far, by the kernel's books; 0 when it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def family(pid: int) -> list[int]:
    """A process and all that it started and that still run."""
    found, waiting = [], [pid]
    while waiting:
        parent = waiting.pop()
        found.append(parent)
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                waiting += [int(child) for child in children.read_text().split()]
    return found


@dataclass
class MemoryWatch:
    """The most that a process and its children had in RAM together while the watch ran."""

    pid: int
    peak: int = 0
    children: int = 0
    """What of the peak its children had."""
    _over: threading.Event = field(default_factory=threading.Event)

    def _run(self) -> None:
        while not self._over.wait(PACE):
            children = sum(resident_bytes(each, own=True) for each in family(self.pid) if each != self.pid)
            held = resident_bytes(self.pid) + children
            if held > self.peak:
                self.peak, self.children = held, children


@contextlib.contextmanager
def watched_memory(pid: int) -> Iterator[MemoryWatch]:
    """Watch a process until the block ends."""
    watch = MemoryWatch(pid)
    thread = threading.Thread(target=watch._run, daemon=True)
    thread.start()
    try:
        yield watch
    finally:
        watch._over.set()
        thread.join()
        watch.peak = max(watch.peak, most_resident_bytes(pid))
