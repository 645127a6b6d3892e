"""How much memory the service takes at most, as far as the settings bound it, and how much there is."""

from pathlib import Path

from peerage.config import Settings

OWN = 130 << 20
"""Bytes of the program, its libraries and databases' pages under load, as `make soak` saw them."""
CHILDREN = 60 << 20
"""Bytes of a child that reads a large upload, and of passwords that are hashed meanwhile."""
CENSUS = 64 << 20
"""As the census keeps of its open day, which a test compares; the rest it reads again when needed."""
_CENSUS_OF_TORRENT = 150
_TORRENT, _PEER = 250, 25
"""Bytes of a swarm with one peer, with its part of what waits for journal and catalogue; and of each further peer."""


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


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
