"""Runs these tests against another revision and against this one: `python -m tests.regressions REVISION [PYTEST…]`.

The revision is laid out and installed with its own locked packages under `build/regressions/`. It is a fault when a
test fails here, or passes there, since it shows nothing then; but what is marked `held_before` may pass there, because
it stands for its kind beside cases that did not.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from benchmarks.revisions import copy_revision
from tests.support.processes import ROOT

FOLDER = ROOT / "build" / "regressions"


def full_name(revision: str) -> str:
    """The hash of a revision's commit."""
    command = ["git", "-C", str(ROOT), "rev-parse", "--verify", f"{revision}^{{commit}}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def install(revision: str) -> Path:
    """Lay a revision out with the packages that its lock names, once, and return its folder."""
    commit = full_name(revision)
    tree = FOLDER / commit
    stamp = tree / ".venv" / "installed"
    if stamp.exists():
        return tree
    tree.mkdir(parents=True, exist_ok=True)
    copy_revision(commit, tree)
    subprocess.run([sys.executable, "-m", "venv", str(tree / ".venv")], check=True)
    pip = [
        str(tree / ".venv" / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "-q",
        "--disable-pip-version-check",
    ]
    for wanted in (["--require-hashes", "-r", "requirements.lock"], ["--no-deps", "--editable", "."]):
        subprocess.run([*pip, *wanted], check=True, cwd=tree)
    stamp.touch()
    return tree


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether a test passed, and why it may pass on an older revision, "" where it may not."""

    passed: bool = False
    held_before: str = ""


def outcome(case: Element) -> Outcome:
    """Read the outcome of one test in a report."""
    passed = not any(case.find(kind) is not None for kind in ("failure", "error", "skipped"))
    reason = case.find("properties/property[@name='held_before']")
    return Outcome(passed, "" if reason is None else reason.get("value", ""))


def run(options: Sequence[str], environment: Mapping[str, str]) -> dict[str, Outcome]:
    """Run the tests and tell for each by its name how it ended."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [
            sys.executable,
            "-m",
            "pytest",
            "--tb=no",
            "-p",
            "no:cacheprovider",
            f"--junit-xml={report}",
            "-o",
            "junit_family=xunit1",  # the one whose cases have properties
        ]
        chosen = [option for option in options if option.startswith("tests/")] or ["tests/regressions"]
        rest = [option for option in options if not option.startswith("tests/")]
        subprocess.run([*command, *chosen, *rest], cwd=ROOT, env={**os.environ, **environment})
        cases = ElementTree.parse(report).iter("testcase")
        return {f"{case.get('classname')}::{case.get('name')}": outcome(case) for case in cases}


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print one line a test, and return 1 where one shows nothing there or fails here."""
    parser = argparse.ArgumentParser(prog="python -m tests.regressions", description=__doc__)
    parser.add_argument("revision", help="what is tested beside this tree")
    given, options = parser.parse_known_args(arguments)
    tree = install(given.revision)
    there = run(
        options,
        {"PEERAGE_TEST_ROOT": str(tree), "PEERAGE_TEST_PYTHON": str(tree / ".venv" / "bin" / "python")},
    )
    here = run(options, {})
    told = {True: "passes", False: "fails"}
    before = {name: there.get(name, Outcome()).passed for name in here}
    for name, found in here.items():
        reason = f"  ({found.held_before})" if found.held_before else ""
        print(f"{told[before[name]]:>6} there, {told[found.passed]:>6} here  {name}{reason}")
    showing = sum(found.passed and not before[name] for name, found in here.items())
    held = sum(found.passed and before[name] and bool(found.held_before) for name, found in here.items())
    print(
        f"{len(here)} tests: {showing} fail at {given.revision} and pass here, {held} held before and hold here"
    )
    return 0 if here and showing + held == len(here) else 1


if __name__ == "__main__":
    sys.exit(main())
