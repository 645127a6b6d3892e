"""Sets a damaged database aside, under a name that tells when."""

from datetime import UTC, datetime
from pathlib import Path

from storage.fsync import fsync_directory

_SUFFIXES = ("", "-wal", "-shm")


def set_aside(path: Path, now: float) -> Path:
    """Rename a database and what belongs to it to `NAME.damaged-TIME`, and return that; `now` in unix seconds.

    What was set aside before is deleted, so that there is one at most.
    """
    for old in path.parent.glob(f"{path.name}.damaged-*"):
        old.unlink()
    aside = path.with_name(f"{path.name}.damaged-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}")
    for suffix in _SUFFIXES:
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.rename(aside.with_name(aside.name + suffix))
    fsync_directory(path.parent)
    return aside
