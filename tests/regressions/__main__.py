"""Runs these tests against another revision and against this one: `python -m tests.regressions REVISION [PYTEST…]`.

The revision is laid out and installed with its own locked packages under `build/regressions/`. It is a fault when a
test passes there, since it shows nothing then, or fails here.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

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


def run(options: Sequence[str], environment: Mapping[str, str]) -> dict[str, bool]:
    """Run the tests and tell for each by its name whether it passed."""
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
        ]
        chosen = [option for option in options if option.startswith("tests/")] or ["tests/regressions"]
        rest = [option for option in options if not option.startswith("tests/")]
        subprocess.run([*command, *chosen, *rest], cwd=ROOT, env={**os.environ, **environment})
        cases = ElementTree.parse(report).iter("testcase")
        return {
            f"{case.get('classname')}::{case.get('name')}": not any(
                case.find(kind) is not None for kind in ("failure", "error", "skipped")
            )
            for case in cases
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare, print one line a test, and return 1 where one passes there or fails here."""
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
    for name, passed in here.items():
        print(f"{told[there.get(name, False)]:>6} there, {told[passed]:>6} here  {name}")
    showing = sum(passed and not there.get(name, False) for name, passed in here.items())
    print(f"{len(here)} tests: {showing} fail at {given.revision} and pass here")
    return 0 if here and showing == len(here) else 1


if __name__ == "__main__":
    sys.exit(main())
