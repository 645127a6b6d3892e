"""Fuzzes the Python readers: led by coverage where atheris is installed, by chance alone elsewhere.

python -m tests.fuzz                              a short run of every target
python -m tests.fuzz --inputs 2000000             that many inputs, shared out by the targets' weights
python -m tests.fuzz --seconds 600 magnet         one target for a time
python -m tests.fuzz --replay FILE magnet         one input again
"""

import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from tests.fuzz.blind import WORDS, run_blindly, seeds_of
from tests.fuzz.targets.target import Target

ROOT = Path(__file__).parents[2]
FOUND = ROOT / "build" / "found"
_SUBJECTS = {
    "formats": ["bittorrent", "doors.udp", "tracker.journal_row", "tracker.replication.batch"],
    "exchanges": ["bittorrent", "doors.announce", "doors.client_address", "doors.udp", "tracker"],
    "requests": [
        "accounts.relying_party",
        "fido2",
        "bittorrent",
        "doors",
        "soap",
        "catalogue",
        "starlette.formparsers",
        "python_multipart",
    ],
    "texts": ["bittorrent.filenames", "catalogue"],
    "files": [
        "actions",
        "accounts.fields",
        "bittorrent",
        "cache.compression",
        "catalogue",
        "tarfile",
        "zipfile",
    ],
}
"""The modules of targets, and those whose coverage leads the fuzzer."""
_DEFAULT_INPUTS = 200_000
_PATIENCE = 10
"""Seconds of one input."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the run of one target; `crash` is the file of the input that broke a property."""

    name: str
    inputs: int
    seconds: float
    failed: bool
    text: str


def main() -> int:
    """Run what the command line asks for; the exit status is 1 when a property broke."""
    options = _options()
    if options.worker:
        return _work(options.worker, options)
    if options.replay is not None:
        _target(options.targets[0]).check(options.replay.read_bytes())
        print("the properties hold")
        return 0
    wanted = [_target(name) for name in options.targets] or list(_all_targets().values())
    whole = sum(target.weight for target in wanted)
    FOUND.mkdir(parents=True, exist_ok=True)

    def run(target: Target) -> Outcome:
        return _run(target, options, options.inputs * target.weight // whole)

    began, failed, inputs = time.monotonic(), False, 0
    with ThreadPoolExecutor(options.workers) as pool:
        for outcome in pool.map(run, sorted(wanted, key=lambda target: -target.weight)):
            print(f"{outcome.name:<24} {outcome.inputs:>10,} inputs {outcome.seconds:>7.1f} s", flush=True)
            failed |= outcome.failed
            inputs += outcome.inputs
            if outcome.failed:
                print(outcome.text, flush=True)
    engine = "atheris" if find_spec("atheris") else "chance"
    print(
        f"{inputs:,} inputs in {time.monotonic() - began:.0f} s, by {engine}: {'FAILED' if failed else 'no complaint'}"
    )
    return int(failed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--inputs", type=int, default=_DEFAULT_INPUTS)
    parser.add_argument("--seconds", type=float, help="of each target, instead of a number of inputs")
    parser.add_argument("--seed", type=int, default=int(time.time()) % 2**31)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", type=Path)
    parser.add_argument("--worker", choices=_SUBJECTS, help=argparse.SUPPRESS)
    return parser.parse_args()


def _all_targets() -> dict[str, Target]:
    return {target.name: target for subject in _SUBJECTS for target in _targets_of(subject)}


def _targets_of(subject: str) -> tuple[Target, ...]:
    found: tuple[Target, ...] = import_module(f"tests.fuzz.targets.{subject}").TARGETS
    return found


def _target(name: str) -> Target:
    targets = _all_targets()
    if name not in targets:
        raise SystemExit(f"there is no target {name}; there are {', '.join(targets)}")
    return targets[name]


def _run(target: Target, options: argparse.Namespace, inputs: int) -> Outcome:
    """Run a target in a process of its own, so that one that hangs or crashes is told from the others."""
    began = time.monotonic()
    subject = next(each for each in _SUBJECTS if target in _targets_of(each))
    bound = ["--seconds", str(options.seconds)] if options.seconds else ["--inputs", str(inputs)]
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.fuzz",
            "--worker",
            subject,
            "--seed",
            str(options.seed),
            *bound,
            target.name,
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": str(options.seed)},
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    said = ran.stdout + ran.stderr
    counts = re.findall(r"(?:#|Done |stat::number_of_executed_units: )(\d+)", said)
    done = int(counts[-1]) if counts else 0
    return Outcome(
        target.name, done, time.monotonic() - began, ran.returncode != 0, _report(target.name, said, options)
    )


def _report(name: str, said: str, options: argparse.Namespace) -> str:
    """Return the end of what a failed run said, its input, and how it is run again."""
    lines = [said[-4000:]]
    found = re.search(r"Test unit written to (\S+)", said)
    if found is not None:
        path = Path(found[1])
        lines += [
            f"the input: {path.read_bytes()[:2000]!r}",
            f"again: python -m tests.fuzz --replay {path.relative_to(ROOT)} {name}",
        ]
    return "\n".join([*lines, f"the run: python -m tests.fuzz --seed {options.seed} {name}"])


def _work(subject: str, options: argparse.Namespace) -> int:
    """Fuzz one target in this process."""
    (name,) = options.targets
    if find_spec("atheris") is None:
        target = next(each for each in _targets_of(subject) if each.name == name)
        bound = {"seconds": options.seconds} if options.seconds else {"inputs": options.inputs}
        return run_blindly(target, seeds_of(target), f"{FOUND}/{name}-", options.seed, **bound)
    import atheris

    with atheris.instrument_imports(include=_SUBJECTS[subject], enable_loader_override=False):
        target = next(each for each in _targets_of(subject) if each.name == name)
    atheris.Setup([sys.argv[0], *_arguments(target, options)], target.check)
    atheris.Fuzz()
    return 0


def _arguments(target: Target, options: argparse.Namespace) -> list[str]:
    """Return libFuzzer's arguments: what it finds goes to build/, where the next run begins with it."""
    fresh = FOUND / f"corpus-{target.name}"
    fresh.mkdir(parents=True, exist_ok=True)
    bound = f"-max_total_time={int(options.seconds)}" if options.seconds else f"-runs={options.inputs}"
    return [
        bound,
        f"-dict={WORDS}",
        f"-max_len={target.longest}",
        f"-timeout={_PATIENCE}",
        f"-seed={options.seed}",
        f"-artifact_prefix={FOUND}/{target.name}-",
        "-rss_limit_mb=1500",
        "-print_final_stats=1",
        "-verbosity=0" if not options.seconds else "-verbosity=1",
        str(fresh),
        *(str(folder) for folder in seeds_of(target)),
    ]


if __name__ == "__main__":
    sys.exit(main())
