"""The log of maintenance in a data folder: what was done to it, when, and how it went, as lines of JSON."""

import asyncio
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

_MOST_BYTES = 1 << 20
_LONGEST = 4000
_ONE_AT_A_TIME = threading.Lock()  # threads of the service append, and shortening replaces the file

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class MaintenanceEntry:
    """What was done at a unix time, the seconds that it took, whether all went well, and its numbers and names."""

    time: int
    what: str
    seconds: float
    well: bool
    details: Mapping[str, object]


class MaintenanceLog:
    """Appends to the file and reads it; what is older than its last megabyte is dropped, but the newest of each kind.

    It is a file beside the databases, so that it tells of what was done while none was open, and of what one did not
    survive.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, entry: MaintenanceEntry) -> None:
        """Add an entry, durably. OSError."""
        line = json.dumps(
            {
                "time": entry.time,
                "what": entry.what,
                "seconds": round(entry.seconds, 3),
                "well": entry.well,
                "details": dict(entry.details),
            }
        )
        if len(line) > _LONGEST:
            line = json.dumps({**json.loads(line), "details": {}})
        with _ONE_AT_A_TIME:
            self._shorten()
            self._write(line)

    def entries(self, *whats: str) -> list[MaintenanceEntry]:
        """Return the entries, or those of some kinds, the newest first; a line that is damaged is left out. OSError."""
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        found = [entry for line in reversed(lines) if (entry := _read(line)) is not None]
        return [entry for entry in found if not whats or entry.what in whats]

    def _write(self, line: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(self._path, flags, 0o600)
        try:
            os.write(file, line.encode() + b"\n")
            os.fsync(file)
        finally:
            os.close(file)

    def _shorten(self) -> None:
        """Keep the newer half of a file that became too long, and of each kind the newest entry."""
        if not self._path.exists() or self._path.stat().st_size < _MOST_BYTES:
            return
        whole = self._path.read_bytes()
        kept = whole[-_MOST_BYTES // 2 :].partition(b"\n")[2]
        kinds = {entry.what for line in kept.splitlines() if (entry := _read(line)) is not None}
        newest: dict[str, bytes] = {}
        for line in whole[: len(whole) - len(kept)].splitlines():
            if (entry := _read(line)) is not None and entry.what not in kinds:
                newest.pop(entry.what, None)
                newest[entry.what] = line + b"\n"
        kept = b"".join(newest.values()) + kept
        draft = self._path.with_name(f".{self._path.name}.new")
        draft.unlink(missing_ok=True)
        file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(kept)
            out.flush()
            os.fsync(out.fileno())
        draft.replace(self._path)


async def note(
    path: Path, what: str, began: float, ended: float, *, details: Mapping[str, object], well: bool
) -> None:
    """Append to a log what was done between two unix times; a failure to write that is told in the service's log."""
    entry = MaintenanceEntry(int(began), what, max(0.0, ended - began), well, details)
    try:
        await asyncio.to_thread(MaintenanceLog(path).append, entry)
    except OSError as error:
        log.warning("maintenance.not_noted", what=what, error=str(error))


def _read(line: bytes) -> MaintenanceEntry | None:
    try:
        given = json.loads(line)
        return MaintenanceEntry(
            int(given["time"]),
            str(given["what"]),
            float(given["seconds"]),
            bool(given["well"]),
            dict(given["details"]),
        )
    except (ValueError, LookupError, TypeError):
        return None
