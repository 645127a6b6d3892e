"""The load generators: compiled from C sources and run, with a checked result."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

from benchmarks.machine import cores
from benchmarks.processes import RunError, output_of

SOURCES = Path(__file__).parent / "load"
BUILD = Path(__file__).parent / "build"
FLAGS = ("-std=gnu11", "-Wall", "-Wextra", "-Werror")
OPTIMISED = ("-O2",)
GRACE = 30
"""Seconds that a load program may take beyond the time it was given, before it is ended."""

_MASK = (1 << 64) - 1


class LoadError(Exception):
    """A load program could not be built, or ended without a result."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a load program saw; times in microseconds unless named seconds."""

    requests: int
    failures: int
    seconds: float
    rps: float
    p50_us: float
    p99_us: float
    bytes_per_reply: float
    body_per_reply: float
    peers_per_reply: float
    cpu_seconds: float
    details: Mapping[str, float] = field(default_factory=dict)
    """Whatever else the program counted, the causes of failures above all."""


def torrent_hash(index: int) -> bytes:
    """Return the infohash of torrent `index`: the rule that load/population.h states."""
    return b"".join(_splitmix(3 * index + part).to_bytes(8, "big") for part in range(3))[:20]


def _splitmix(seed: int) -> int:
    state = (seed * 0x9E3779B97F4A7C15 + 0x9E3779B97F4A7C15) & _MASK
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
    return state ^ (state >> 31)


def build(name: str, flags: Sequence[str] = OPTIMISED, folder: Path = BUILD) -> Path:
    """Return the program `name`, compiled when it is missing or older than any source. Raises LoadError."""
    program = folder / name
    newest = max(path.stat().st_mtime for path in SOURCES.glob("*.[ch]"))
    if program.exists() and program.stat().st_mtime >= newest:
        return program
    folder.mkdir(parents=True, exist_ok=True)
    compiler = os.environ.get("CC", "cc")
    command = [compiler, *FLAGS, *flags, "-o", str(program), str(SOURCES / f"{name}.c")]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    except FileNotFoundError as error:
        raise LoadError(f"no C compiler: {compiler} (on Debian: apt-get install gcc libc6-dev)") from error
    if done.returncode:
        raise LoadError(f"{' '.join(command)}\n{done.stderr}")
    return program


def drive(program: Path, port: int, seconds: int, *options: str | int) -> Result:
    """Let a load program work on a port of 127.0.0.1 for some seconds; raises LoadError if it has no result."""
    command = [str(program), "--port", str(port), "--seconds", str(seconds), *map(str, options)]
    try:
        answer = json.loads(output_of(command, cores().load, program.parent, seconds + GRACE))
    except RunError as error:
        raise LoadError(str(error)) from error
    named = {each.name: answer.pop(each.name) for each in fields(Result) if each.name != "details"}
    return Result(**named, details=answer)
