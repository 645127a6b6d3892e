"""Runs honest load at a fixed rate beside the whole hostile mix: `python -m tests.proof.soak [--seconds S] [--seed N]`.

The service has a core and a limit of memory to itself, load and attacks have the other core; honest load goes first. Half
of the time honest load runs alone, half under attack, at a tenth of the rate of announces that the service was just seen to
reach. It prints p50, p99 and errors of each kind of request, alone and under attack, with the generators' own lateness, the most memory
that the service held, its longest stall, and what each attack did; and it ends with 1 where the service passed a bound of `BOUNDS`.
"""

import argparse
import contextlib
import json
import math
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.comparison import table
from benchmarks.generators import build, drive
from benchmarks.machine import cores, describe
from benchmarks.processes import pinned
from tests.proof import cgroup
from tests.proof.attacks import ATTACKS
from tests.support import raw_torrents
from tests.support.clients import ask, upload
from tests.support.processes import PROGRAM_ROOT, PeerageProcess

MEMORY = 400 * 2**20
FILES = 200
LARGE_FILES = 4000
ACCOUNT = ("ada", "correct horse battery staple")
SETTINGS = {
    "cache__upload_rate": "100000/minute",
    "tracker__max_torrents": 100_000,
    "tracker__max_peers": 1_000_000,
}
"""The rate is for the uploads that fill the service before; what honest load asks stays within the usual rates.

The limits are those that a machine of MEMORY needs (`peerage doctor` tells it): an attack fills what it may.
"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the service must keep under attack."""

    announce_ratio: float = 4.0
    announce_floor_ms: float = 2.0
    """A p99 below this is good whatever it was alone: at that size it is the machine's."""
    request_ms: float = 100.0
    stall_ms: float = 100.0
    memory: int = MEMORY


BOUNDS = Bounds()


@dataclass(frozen=True, slots=True)
class Phase:
    """What honest load saw in one part of the run; latencies in milliseconds."""

    kinds: Mapping[str, Mapping[str, object]]
    attacks: Mapping[str, int]
    peak: int
    children: int
    stall: float


def fill(service: PeerageProcess, chance: random.Random) -> tuple[list[str], str]:
    """Upload what honest load asks for, make an account, and return the files' paths and that of a large one."""
    paths = []
    for number in range(FILES + 1):
        name = f"{chance.choice(('coast', 'archive', 'light'))} {chance.randbytes(4).hex()}".encode()
        inside = raw_torrents.info(name)
        if number == FILES:
            inside = raw_torrents.info(name, pieces=chance.randbytes(20 * 100_000), length=16384 * 100_000)
        data = raw_torrents.torrent(inside)
        answer = upload(service.port, data)
        assert answer.status == 200, answer
        paths.append(f"/torrent/{raw_torrents.infohash(data).hex().upper()}.torrent")
    name, password = ACCOUNT
    done = service.run("user", "add", name, "--password-stdin", given=password + "\n")
    assert done.returncode == 0, done.stderr
    return paths[:-1], paths[-1]


def stall_seconds(service: PeerageProcess) -> float:
    """The longest stall of the loop since the start, as /metrics tells it; infinite when nobody answers."""
    try:
        answer = ask(service.port, "/metrics")
    except (OSError, AssertionError):
        return math.inf
    for line in answer.body.decode().splitlines():
        if line.startswith("peerage_loop_longest_stall_seconds "):
            return float(line.split()[1])
    return 0.0


def _lines(output: bytes) -> Iterator[dict[str, object]]:
    yield from (json.loads(line) for line in output.splitlines())


def _start(command: Sequence[object], *, first: bool) -> subprocess.Popen[bytes]:
    """Start a program on the load's core; what goes first is scheduled before all else where that is allowed."""
    with pinned(cores().load):
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, cwd=PROGRAM_ROOT)
    if first:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, -15)
    return process


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom to ask for what, and how often."""

    service: PeerageProcess
    files: Sequence[str]
    large: str
    rates: tuple[int, int]
    seed: int

    def announces(self, seconds: int) -> list[object]:
        udp, http = self.rates
        ours = (build("paced_load"), "--port", self.service.port, "--seconds", seconds, "--seed", self.seed)
        return [*ours, "--udp-rate", udp, "--http-rate", http, "--torrents", 500]

    def requests(self, seconds: int) -> list[object]:
        ours = (sys.executable, "-m", "tests.proof.honest", "--port", self.service.port, "--seconds", seconds)
        return [*ours, "--seed", self.seed, "--account", ":".join(ACCOUNT), "--file", *self.files[:20]]

    def attacks(self, seconds: int) -> list[object]:
        ours = (
            sys.executable,
            "-m",
            "tests.proof.attacks",
            "--port",
            self.service.port,
            "--seconds",
            seconds,
        )
        return [*ours, "--seed", self.seed, "--large", self.large]


def run_phase(plan: Plan, seconds: int, *, attacked: bool) -> Phase:
    """Run honest load, and the attacks where it is attacked, for some seconds."""
    service = plan.service
    assert service.process is not None
    with cgroup.watched_memory(service.process.pid) as memory:
        attack = [_start(plan.attacks(seconds + 1), first=False)] if attacked else []
        honest = [_start(plan.announces(seconds), first=True), _start(plan.requests(seconds), first=True)]
        outputs = [process.communicate(timeout=seconds + 90)[0] for process in (*honest, *attack)]
    kinds = {f"announce over {line.pop('lane')}": _milliseconds(line) for line in _lines(outputs[0])}
    kinds |= {str(line.pop("kind")): line for line in _lines(outputs[1])}
    return Phase(
        kinds,
        json.loads(outputs[2]) if attacked else {},
        memory.peak,
        memory.children,
        stall_seconds(service),
    )


def _milliseconds(line: dict[str, object]) -> dict[str, object]:
    """A line of the paced load in the form of the others."""
    times = {name[:-3] + "_ms": float(str(line[name])) / 1000 for name in line if name.endswith("_us")}
    counts = {why: int(str(line[why])) for why in ("errors", "lost")}
    return {
        "answers": line["replies"],
        "errors": {why: count for why, count in counts.items() if count},
        **times,
    }


def refusals(attacked: Phase, bounds: Bounds = BOUNDS) -> list[str]:
    """What must hold on a machine of any speed, each in one line: all these are answered, and the limit of memory is kept."""
    found = [
        f"{name}: errors {figures['errors']}"
        for name, figures in attacked.kinds.items()
        if figures["errors"] and (name.startswith("announce") or name == "file")
    ]
    return found + _over_memory(attacked, bounds)


def failures(alone: Phase, attacked: Phase, bounds: Bounds = BOUNDS) -> list[str]:
    """What passed its bound, each in one line."""
    found = []
    for name, figures in attacked.kinds.items():
        p99 = float(str(figures["p99_ms"]))
        if figures["errors"]:
            found.append(f"{name}: errors {figures['errors']}")
        if name.startswith("announce"):
            before = float(str(alone.kinds[name]["p99_ms"]))
            if p99 > max(bounds.announce_ratio * before, bounds.announce_floor_ms):
                found.append(f"{name}: p99 {p99:.1f} ms under attack, {before:.1f} ms alone")
        elif name in {"healthz", "file", "page"} and p99 > bounds.request_ms:
            found.append(f"{name}: p99 {p99:.1f} ms under attack")
    found += _over_memory(attacked, bounds)
    if attacked.stall * 1000 > bounds.stall_ms:
        found.append(f"the loop stood still for {attacked.stall * 1000:.0f} ms")
    return found


def _over_memory(attacked: Phase, bounds: Bounds) -> list[str]:
    return [f"memory: {attacked.peak / 2**20:.0f} MiB"] if attacked.peak > bounds.memory else []


def report(alone: Phase, attacked: Phase) -> str:
    """The table of a run."""
    columns = (
        "request",
        "answers",
        "errors",
        "p50 ms",
        "p99 ms",
        "late p99 ms",
        "answers",
        "errors",
        "p50 ms",
        "p99 ms",
        "late p99 ms",
    )
    rows = [[name, *_cells(alone.kinds[name]), *_cells(attacked.kinds[name])] for name in alone.kinds]
    attacks = ", ".join(f"{name} {rounds}" for name, rounds in attacked.attacks.items())
    return "\n".join(
        (
            table(columns, rows),
            f"peak memory: {alone.peak / 2**20:.0f} MiB alone, {attacked.peak / 2**20:.0f} MiB under attack",
            f"{attacked.children / 2**20:.0f} MiB of that were its children's",
            f"longest stall of the loop: {alone.stall * 1000:.0f} ms alone, {attacked.stall * 1000:.0f} ms under attack",
            f"rounds of each attack: {attacks}",
        )
    )


def _cells(figures: Mapping[str, object]) -> list[str]:
    errors = figures["errors"]
    assert isinstance(errors, Mapping)
    times = (f"{float(str(figures[name])):.1f}" for name in ("p50_ms", "p99_ms", "late_p99_ms"))
    return [f"{figures['answers']}", f"{sum(errors.values())}", *times]


@contextlib.contextmanager
def limited_service(folder: Path) -> Iterator[PeerageProcess]:
    """A service on the server's core within the limit of memory."""
    with cgroup.memory_group(MEMORY) as group:
        service = PeerageProcess(folder / "data", SETTINGS, group.launcher)
        try:
            service.start()
            assert service.process is not None
            for thread in Path(f"/proc/{service.process.pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {cores().server})
            yield service
            if service.process.poll() is not None:
                print(f"the service ended with {service.process.returncode}, by itself or for want of memory")
        finally:
            service.kill()


def capacity(port: int) -> tuple[int, int]:
    """The announces a second that the service answers over UDP and over HTTP, from a closed loop."""
    return tuple(
        int(drive(build(name), port, 2, "--torrents", 500).rps) for name in ("udp_load", "http_load")
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both phases, print, and return 1 where a bound was passed."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof.soak", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--untimed", action="store_true", help="end with 1 only for errors and memory, not for times"
    )
    given = parser.parse_args(arguments)
    print(f"{describe()} · seed {given.seed} · {len(ATTACKS)} attacks")
    (PROGRAM_ROOT / "build").mkdir(exist_ok=True)
    # On a disk: what lies in a tmpfs would count as memory of the group.
    with (
        tempfile.TemporaryDirectory(dir=PROGRAM_ROOT / "build") as folder,
        limited_service(Path(folder)) as service,
    ):
        files, large = fill(service, random.Random(given.seed))
        udp, http = capacity(service.port)
        plan = Plan(service, files, large, (udp // 20, http // 20), given.seed)
        print(
            f"announces a second: {udp} over UDP and {http} over HTTP at most, {udp // 20} and {http // 20} asked for"
        )
        alone = run_phase(plan, given.seconds // 2, attacked=False)
        attacked = run_phase(plan, given.seconds // 2, attacked=True)
    print(report(alone, attacked))
    found = failures(alone, attacked)
    print("\n".join(("passed its bounds:", *found)) if found else "within all bounds")
    return 1 if (refusals(attacked) if given.untimed else found) else 0


if __name__ == "__main__":
    sys.exit(main())
