"""Puts `tests/native/disk_faults.c` under this process or another: builds it, and steers it from inside."""

import ctypes
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from enum import IntEnum
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "native" / "disk_faults.c"
FLAGS = ("-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread")
LIBRARY = "FAULTS_LIBRARY"


class Act(IntEnum):
    """What happens to a call, as numbered in C."""

    NOTHING = 0
    FAIL = 1
    SHORT = 2
    TEAR = 3
    WAIT = 4
    FLIP = 5
    FORGET = 6
    KILL = 7
    FULL = 8
    UNSYNCED = 9


@cache
def library() -> Path:
    """Build the library, once in a process and those that it starts."""
    if made := os.environ.get(LIBRARY):
        return Path(made)
    path = Path(tempfile.mkdtemp(prefix="disk-faults-")) / "disk_faults.so"
    subprocess.run(["gcc", *FLAGS, str(SOURCE), "-o", str(path), "-ldl"], check=True)
    return path


def preloaded(values: Mapping[str, str], **faults: object) -> dict[str, str]:
    """An environment in which a process runs over the library; `root`, `log`, `at`, `act`, `errno`, `while` steer it."""
    own = {
        f"FAULTS_{name.upper()}": str(int(value) if isinstance(value, Act) else value)
        for name, value in faults.items()
    }
    return {**values, "LD_PRELOAD": str(library()), LIBRARY: str(library()), **own}


def run_under_it(module: str) -> None:
    """Run this program again over the library, unless it is."""
    if LIBRARY not in os.environ:
        os.execve(sys.executable, [sys.executable, "-m", module, *sys.argv[1:]], preloaded(os.environ))


class Faults:
    """The library under this process."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(os.environ[LIBRARY])
        self._library.faults_calls.restype = ctypes.c_uint64
        self._library.faults_arm.argtypes = (ctypes.c_uint64, ctypes.c_int, ctypes.c_int)
        self._library.faults_begin.argtypes = (ctypes.c_char_p, ctypes.c_char_p)

    def begin(self, folder: Path, log: Path) -> None:
        """Log and number the calls on files below a folder from now on."""
        self._library.faults_begin(os.fsencode(folder), os.fsencode(log))

    def arm(self, number: int, act: Act, error: int = 0) -> None:
        """Have the call of that number meet a fault."""
        self._library.faults_arm(number, act, error)

    def calls(self) -> int:
        """How many calls were made."""
        return int(self._library.faults_calls())

    def end(self) -> None:
        """Leave the calls alone."""
        self._library.faults_end()
