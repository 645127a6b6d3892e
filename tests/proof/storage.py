"""Fails the disk and cuts power at every call that the service makes: `python -m tests.proof.storage [--cases N] [--seed S]`.

Each scenario is run once over a disk that notes every call. Then power is cut before each call, with every fate of what
was not synced where that is little and a seeded choice where it is much; and each call is made again with each fault that
it can meet, the service is asked while it runs, after a restart, and after a power cut on top. What was answered with
success has to be there and whole; everything else has to be told by an error that the doors know.
A case that fails is printed with the command that runs it again.
"""

import argparse
import asyncio
import copy
import errno
import hashlib
import itertools
import os
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Coroutine, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NoReturn

import structlog

from peerage.wiring.application import Application
from tests.proof.disk import Call, Disk, LoggedCall, read_log, write_folder
from tests.proof.history import History, Kind
from tests.proof.preload import Act, Faults, run_under_it
from tests.proof.simulated_loop import simulated
from tests.proof.storage_acts import (
    BLOCKED,
    HONEST,
    NEW,
    SCENARIOS,
    Acts,
    Scenario,
    at_cut,
    check,
    check_backups,
    damage,
    make_old,
    opened,
    prepare,
    restore_newest,
    run,
    tear,
)

MODULE = "tests.proof.storage"
BEYOND = 60
"""How many fates are drawn where more is pending than can be tried exhaustively."""
CUTS_AFTER_FAULT = 3

_WRITES = (
    (Act.FAIL, errno.ENOSPC),
    (Act.FAIL, errno.EIO),
    (Act.FAIL, errno.EINTR),
    (Act.SHORT, 0),
    (Act.TEAR, 0),
    (Act.WAIT, 0),
    (Act.FLIP, 0),
    (Act.FORGET, 0),
    (Act.FULL, 0),
)
_READS = ((Act.FAIL, errno.EIO), (Act.FAIL, errno.EINTR), (Act.SHORT, 0), (Act.WAIT, 0), (Act.FLIP, 0))
_NAMES = ((Act.FAIL, errno.ENOSPC), (Act.FAIL, errno.EIO), (Act.WAIT, 0), (Act.FULL, 0))
_SYNCS = (
    (Act.FAIL, errno.EIO),
    (Act.FAIL, errno.ENOSPC),
    (Act.FAIL, errno.EINTR),
    (Act.WAIT, 0),
    (Act.FORGET, 0),
)
FAULTS_OF = {
    Call.WRITE: _WRITES,
    Call.TRUNCATE: (*_NAMES, (Act.FORGET, 0)),
    Call.SYNC: _SYNCS,
    Call.SYNC_ALL: _SYNCS,
    Call.RENAME: (*_NAMES, (Act.FORGET, 0)),
    Call.LINK: _NAMES,
    Call.MKDIR: _NAMES,
    Call.CREATE: (*_NAMES, (Act.FAIL, errno.EMFILE)),
    Call.OPEN: ((Act.FAIL, errno.EIO), (Act.FAIL, errno.EMFILE), (Act.FAIL, errno.EINTR)),
    Call.UNLINK: ((Act.FAIL, errno.EIO), (Act.FORGET, 0)),
    Call.RMDIR: ((Act.FAIL, errno.EIO),),
    Call.CLOSE: ((Act.FAIL, errno.EIO),),
    Call.READ: _READS,
}
LIES = {Act.FLIP, Act.FORGET}
"""A disk that says it did what it did not: nothing can be kept by it, so only what is told is compared."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one run did to its disk: the folder before, the calls, and what was answered when."""

    base: Path
    calls: list[LoggedCall]
    history: History


@dataclass
class Tally:
    """What a part of the work found."""

    cuts: int = 0
    faults: int = 0
    told: int = 0
    disks: int = 0
    failures: list[str] = field(default_factory=list)


"""What lasts as long as the process."""


@cache
def faults() -> Faults:
    """The library under this process."""
    structlog.configure(processors=[_drop])
    return Faults()


def _drop(logger: object, method: str, event: object) -> NoReturn:
    raise structlog.DropEvent


@cache
def scratch() -> Path:
    """A folder of this process."""
    return Path(tempfile.mkdtemp(prefix="proof-storage-")).resolve()


def complete(coroutine: Coroutine[None, None, None], seed: float) -> None:
    """Run a coroutine to its end in simulated time; the seed decides whose turn it is, so that calls come in one order."""
    with simulated(random.Random(seed)) as loop:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(coroutine)


@cache
def prepared(name: str) -> tuple[Path, History]:
    """The folder that a scenario begins with, and what was answered in it."""
    scenario, folder = SCENARIOS[name], scratch() / f"{name}-base"
    folder.mkdir()
    acts = Acts(lambda: 0)

    async def fill() -> None:
        if scenario.old:
            await make_old(folder)
            acts.history.note(Kind.BLOCK, BLOCKED.infohash)
        elif not scenario.empty:
            async with opened(folder) as application:
                await prepare(acts, application)
            if scenario.damaged:
                damage(folder, acts.history)
            if scenario.torn:
                tear(folder, acts.history)

    complete(fill(), 0)
    return folder, acts.history


def begun(name: str) -> tuple[Path, Acts]:
    """A copy of the folder that a scenario begins with, which the library watches."""
    base, history = prepared(name)
    folder = scratch() / "run"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(base, folder)
    acts = Acts(faults().calls)
    acts.history.operations = copy.deepcopy(history.operations)
    return folder, acts


@cache
def recorded(name: str) -> Recorded:
    """Run a scenario once over a disk that works."""
    folder, acts = begun(name)
    base, log = scratch() / f"{name}-begun", scratch() / f"{name}.log"
    disk = Disk.of(folder, random.Random(0))
    faults().begin(folder, log)
    complete(run(SCENARIOS[name], folder, acts), 0)
    faults().end()
    _disks[name] = disk
    return Recorded(base, read_log(log), acts.history)


_disks: dict[str, Disk] = {}


def disk_of(name: str) -> Disk:
    """The disk that a scenario's run began with, not yet changed."""
    recorded(name)
    return copy.deepcopy(_disks[name])


# Power cuts.


def cuts(name: str, seed: int) -> Iterator[tuple[int, int]]:
    """Every point and number of fate of a scenario."""
    disk = disk_of(name)
    for point, call in enumerate([*recorded(name).calls, None]):
        chance = random.Random(f"{seed}/{name}/{point}")
        for number, _ in enumerate(disk.fates(BEYOND, chance)):
            yield point, number
        if call is not None:
            disk.apply(call)


class Cutter:
    """Cuts power in one run, at points that ascend; a disk that was checked already is not checked again."""

    def __init__(self, scenario: Scenario, disk: Disk, calls: Sequence[LoggedCall], history: History) -> None:
        self.scenario = scenario
        self.disk = disk
        self.calls = calls
        self.history = history
        self.point = 0
        self.seen: set[tuple[bytes, int, int]] = set()

    def move(self, point: int) -> None:
        """Go to the moment before a call."""
        while self.point < point:
            self.disk.apply(self.calls[self.point])
            self.point += 1

    def cut(self, fates: Sequence[int], chance: random.Random, *, honest: bool = False) -> None:
        """Cut power here, start the service on what is left, and compare."""
        found = self.disk.after(fates, chance)
        known = at_cut(self.history, self.point)
        key = (_digest(found), len(known.operations), sum(each.done for each in known.operations))
        if key in self.seen:
            return
        self.seen.add(key)
        folder = scratch() / "cut"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        write_folder(found, folder)
        complete(restarted(self.scenario, folder, known, honest=honest), chance.random())


def _digest(found: dict[str, bytes | None]) -> bytes:
    hashed = hashlib.blake2b(digest_size=16)
    for path, data in sorted(found.items()):
        hashed.update(f"{path} {len(data) if data is not None else -1} ".encode())
        hashed.update(data or b"")
    return hashed.digest()


async def restarted(scenario: Scenario, folder: Path, history: History, *, honest: bool) -> None:
    """Start the service on a folder, and compare; a disk that lied may leave what cannot be opened, and that is told."""
    try:
        async with opened(folder, jobs=scenario.jobs) as application:
            await check(application, history, honest=honest)
            if scenario.backups and not honest:
                await check_backups(folder, _emptied("from-backup"), history)
                await backed_up_again(folder, application, history)
    except HONEST:
        if not honest:
            raise


async def backed_up_again(folder: Path, application: Application, history: History) -> None:
    """Make one more backup where another may have been cut off, and restore it."""
    acts = Acts(lambda: 0)
    await acts.back_up(application)
    again = _emptied("from-next-backup")
    restore_newest(folder, again)
    async with opened(again) as restored:
        await check(restored, history)


def _emptied(name: str) -> Path:
    folder = scratch() / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


# Faults.


def fault_cases(name: str) -> Iterator[tuple[int, int]]:
    """Every call of a scenario with the number of every fault that it can meet."""
    for point, call in enumerate(recorded(name).calls):
        for number, _ in enumerate(FAULTS_OF[call.call]):
            yield point, number


def run_fault(name: str, point: int, number: int, chance: random.Random, tally: Tally) -> None:
    """Run a scenario with one fault; ask the service meanwhile, after a restart, and after power cuts on top."""
    scenario = SCENARIOS[name]
    act, error = FAULTS_OF[recorded(name).calls[point].call][number]
    folder, acts = begun(name)
    acts.faulty = True
    disk, log = Disk.of(folder, chance), scratch() / "fault.log"
    faults().begin(folder, log)
    faults().arm(point, act, error)
    try:
        complete(run(scenario, folder, acts), 0)
    finally:
        faults().end()
    tally.faults += 1
    tally.told += bool(acts.told)
    honest = act in LIES
    history = at_cut(acts.history, sys.maxsize)
    complete(restarted(scenario, _copied(folder), history, honest=honest), chance.random())
    if not honest:
        complete(healed(scenario, folder, acts), chance.random())
    calls = read_log(log)
    cutter = Cutter(scenario, disk, calls, history)
    for cut in sorted(chance.sample(range(len(calls) + 1), min(CUTS_AFTER_FAULT, len(calls) + 1))):
        cutter.move(cut)
        fates = chance.choice(list(cutter.disk.fates(5, chance)))
        cutter.cut(fates, chance, honest=honest)
        tally.cuts += 1


def _copied(folder: Path) -> Path:
    target = folder.with_name("restarted")
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(folder, target)
    return target


async def healed(scenario: Scenario, folder: Path, acts: Acts) -> None:
    """What failed is done again on a disk that works, succeeds, and is there."""
    acts.faulty = False
    async with opened(folder, jobs=scenario.jobs) as application:
        if not acts.history.blocked(NEW.infohash, float("inf")):
            await acts.upload(application, NEW)
            held = await application.torrents.cache.get(NEW.infohash)
            assert held is not None, "an upload after a fault is not there"
            assert held.plain() == NEW.data, "an upload after a fault has other bytes"
        await check(application, acts.history)


# How it runs.


@dataclass(frozen=True, slots=True)
class Share:
    """One worker's share: a scenario, cuts or faults, and which of its cases."""

    scenario: str
    kind: str
    seed: int
    cases: tuple[tuple[int, int], ...]


def work(share: Share) -> Tally:
    """Run the cases of a share, in ascending order of their points."""
    tally = Tally()
    cutter = None
    if share.kind == "cut":
        taken = recorded(share.scenario)
        cutter = Cutter(SCENARIOS[share.scenario], disk_of(share.scenario), taken.calls, taken.history)
    for point, number in share.cases:
        case = f"{share.scenario}/{share.kind}/{point}/{number}"
        try:
            _run_case(share, point, number, cutter, tally)
        except BaseException:
            if sys.exc_info()[0] is KeyboardInterrupt:
                raise
            tally.failures.append(
                f"{case} fails: python -m {MODULE} --seed {share.seed} --case {case}\n{traceback.format_exc()}"
            )
    if cutter is not None:
        tally.disks += len(cutter.seen)
    return tally


def _run_case(share: Share, point: int, number: int, cutter: Cutter | None, tally: Tally) -> None:
    chance = random.Random(f"{share.seed}/{share.scenario}/{share.kind}/{point}/{number}")
    if cutter is None:
        run_fault(share.scenario, point, number, chance, tally)
        return
    cutter.move(point)
    drawn = random.Random(f"{share.seed}/{share.scenario}/{point}")
    fates = next(itertools.islice(cutter.disk.fates(BEYOND, drawn), number, None), None)
    if fates is None:
        return  # the threads of this run came in another order, and less was pending here
    cutter.cut(fates, chance)
    tally.cuts += 1


def enumerated(argument: tuple[str, int]) -> tuple[str, list[tuple[int, int]], list[tuple[int, int]]]:
    """Every case of a scenario: its name, cuts and faults."""
    name, seed = argument
    return name, list(cuts(name, seed)), list(fault_cases(name))


def shares_of(
    found: Sequence[tuple[str, list[tuple[int, int]], list[tuple[int, int]]]], cases: int, seed: int
) -> list[Share]:
    """Spread the cases over shares; fewer than all are drawn by the seed, a fault for every four cuts."""
    chance = random.Random(seed)
    cut = [(name, "cut", each) for name, own, _ in found for each in own]
    fault = [(name, "fault", each) for name, _, own in found for each in own]
    if 0 < cases < len(cut) + len(fault):
        fault = chance.sample(fault, min(len(fault), cases // 5))
        cut = chance.sample(cut, min(len(cut), cases - len(fault)))
    made = []
    for name, _, _ in found:
        for kind, every, most in (("cut", cut, 1000), ("fault", fault, 100)):
            own = sorted(each for owner, _, each in every if owner == name)
            made += [Share(name, kind, seed, tuple(own[at : at + most])) for at in range(0, len(own), most)]
    return made


def arguments_of(given: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=__doc__)
    parser.add_argument("--cases", type=int, default=0, help="how many, drawn by the seed; all if not given")
    parser.add_argument("--seed", type=int, help="drawn and printed if not given")
    parser.add_argument("--case", help="one case again, as it was printed")
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), action="append", help="only these")
    return parser.parse_args(given)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the cases on every core, print those that fail, and return 1 where one did."""
    given = arguments_of(arguments)
    run_under_it(MODULE)
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(10**9)
    began, total = time.monotonic(), Tally()
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), initializer=faults) as workers:
        if given.case:
            name, kind, point, number = given.case.split("/")
            shares = [Share(name, kind, seed, ((int(point), int(number)),))]
        else:
            names = given.scenario or list(SCENARIOS)
            shares = shares_of(
                list(workers.map(enumerated, [(name, seed) for name in names])), given.cases, seed
            )
        print(f"seed {seed}: {sum(len(each.cases) for each in shares)} cases", flush=True)
        for share, tally in zip(shares, workers.map(work, shares), strict=True):
            for name in ("cuts", "faults", "told", "disks"):
                setattr(total, name, getattr(total, name) + getattr(tally, name))
            total.failures += tally.failures
            print(*tally.failures, sep="\n", end="\n" if tally.failures else "", flush=True)
            del share
    print(
        f"{total.cuts} power cuts on {total.disks} different disks, {total.faults} faults of which {total.told} were told, "
        f"{len(total.failures)} failed, {time.monotonic() - began:.0f} s"
    )
    return 1 if total.failures else 0


if __name__ == "__main__":
    sys.exit(main())
