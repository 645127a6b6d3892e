"""What the checks of an installation look at: settings, data folder, the running service, and the system around it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from peerage.config import Settings
from peerage.setting_values import ListenAddress
from storage.data_folder import DataFolder
from storage.maintenance import MaintenanceLog

if TYPE_CHECKING:
    from actions.cache_room import RoomState
    from doors.arrivals import Arrivals
    from tracker.replication.replicator import Replicator


@dataclass(frozen=True, slots=True)
class RunningService:
    """The service whose process examines itself: its addresses with their real ports, and how requests arrive.

    `room` is how full its cache was a moment ago, None before it looked. `replicator` exchanges swarms with other
    nodes, None where there is one node.
    """

    listening: tuple[ListenAddress, ...]
    arrivals: "Arrivals"
    room: "RoomState | None" = None
    replicator: "Replicator | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """An installation at a unix time; `service` is None where none runs.

    `thorough` asks for the databases to be read whole. `system` is the root of /proc and /sys. `timer` gives the
    seconds of a clock that never goes back.
    """

    settings: Settings
    now: float
    service: RunningService | None = None
    thorough: bool = False
    patience: float = 5.0
    system: Path = field(default=Path("/"))
    timer: Callable[[], float] = time.perf_counter

    @property
    def folder(self) -> DataFolder:
        """The data folder, which is read and not owned."""
        return DataFolder(self.settings.data)

    @property
    def maintenance(self) -> MaintenanceLog:
        """What was done to the data folder."""
        return MaintenanceLog(self.folder.maintenance)

    def number(self, path: str) -> int | None:
        """Return the number in a file of /proc or /sys, None where there is none."""
        try:
            return int((self.system / path).read_text("ascii"))
        except (OSError, ValueError):
            return None

    def text(self, path: str) -> str:
        """Return the text of a file of /proc or /sys, "" where there is none."""
        try:
            return (self.system / path).read_text("utf-8", "replace")
        except OSError:
            return ""
