"""The machine under a measurement: its cores, its processor, the commit and the date."""

import datetime
import os
import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

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


def describe() -> str:
    """Return date, commit, processor, system and Python in one line, for the head of every report."""
    now = datetime.datetime.now(datetime.UTC)
    usable = len(os.sched_getaffinity(0))
    parts = [
        f"{now:%Y-%m-%d %H:%M} UTC",
        f"commit {_commit()}",
        f"{_processor()}, {usable} cores usable (server {cores().server}, load {cores().load})",
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
    cpuinfo = Path("/proc/cpuinfo")
    for line in cpuinfo.read_text().splitlines() if cpuinfo.exists() else ():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
