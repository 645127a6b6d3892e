"""How much memory the service takes at most, as far as the settings bound it, how much there is, and what is left."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from peerage.allocator import trim_memory
from peerage.config import Settings

if TYPE_CHECKING:  # the doctor needs none of what a server is made of
    from doors.connection_memory import ConnectionMemory

OWN = 130 << 20
"""Bytes of the program, its libraries and databases' pages under load, as `make soak` saw them."""
CHILDREN = 60 << 20
"""Bytes of a child that reads a large upload, and of passwords that are hashed meanwhile."""
CENSUS = 64 << 20
"""As the census keeps of its open day, which a test compares; the rest it reads again when needed."""
_CENSUS_OF_TORRENT = 150
_TORRENT, _PEER = 250, 25
"""Bytes of a swarm with one peer, with its part of what waits for journal and catalogue; and of each further peer."""
_FULL = 0.65
"""The part of what is allowed from which on less is held: the rest is for children, and for pages of files."""
_LOOK = 0.25  # seconds between two looks
_TRIMMED = 2.0  # seconds between two times that free memory is given back
_PAGE = os.sysconf("SC_PAGE_SIZE")


def memory_needed(settings: Settings) -> int:
    """Return the bytes that everything takes where each part is at its bound: a rough sum, without downloads."""
    tracker, http = settings.tracker, settings.http
    census = min(CENSUS, tracker.max_torrents * _CENSUS_OF_TORRENT)
    swarms = tracker.max_torrents * _TORRENT + tracker.max_peers * _PEER
    return OWN + CHILDREN + census + http.memory + settings.cache.memory + swarms


def memory_allowed(system: Path, *, own: bool) -> int | None:
    """Return the bytes that the machine has, or the control group allows; None where it does not say.

    `system` is the root of /proc and /sys. With `own` the group of this process counts, which need not be the
    service's; that of the whole container always does.
    """
    told = (line.split() for line in _text(system / "proc/meminfo").splitlines())
    found = [int(words[1]) << 10 for words in told if words[:1] == ["MemTotal:"]]
    groups = [""]
    for line in _text(system / "proc/self/cgroup").splitlines() if own else ():
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            groups.append(path.strip("/"))
    for group in groups:
        for file in (
            Path("sys/fs/cgroup", group, "memory.max"),
            Path("sys/fs/cgroup/memory", group, "memory.limit_in_bytes"),
        ):
            limit = _text(system / file).strip()
            if limit.isdecimal():
                found.append(int(limit))
    return min(found, default=None)


def own_memory() -> int:
    """Return the bytes of memory that the process has for itself, without pages of files; 0 where nothing tells."""
    words = _text(Path("/proc/self/statm")).split()
    return (int(words[1]) - int(words[2])) * _PAGE if len(words) > 2 else 0


class MemoryWatch:
    """Has connections hold less while the process is near the bytes that it is allowed; None: it is not bounded.

    `trim`, which runs in a thread, gives back what the allocator keeps free meanwhile.
    """

    def __init__(
        self,
        memory: "ConnectionMemory",
        allowed: int | None,
        taken: Callable[[], int] = own_memory,
        trim: Callable[[], None] = trim_memory,
    ) -> None:
        self._memory = memory
        self._allowed = allowed
        self._taken = taken
        self._trim = trim

    async def run(self) -> None:
        """Look again and again; never returns."""
        untrimmed = _TRIMMED
        while True:
            self.look()
            if self._memory.withheld and untrimmed >= _TRIMMED:
                untrimmed = 0.0
                await asyncio.to_thread(self._trim)
            await asyncio.sleep(_LOOK)
            untrimmed += _LOOK

    def look(self) -> None:
        """Withhold what is taken beyond the part of what is allowed that may be full."""
        if self._allowed is not None:
            self._memory.withheld = max(0, self._taken() - int(self._allowed * _FULL))


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
