import ast
import importlib.metadata
import re
import statistics
import subprocess
import sys
import tomllib
from collections import defaultdict
from dataclasses import fields
from pathlib import Path

import pytest

from peerage.wiring.services import DialectServices

MOST_SERVICES = 10
"""What a dialect asks of the service, the admission and what it keeps itself among it."""
TREE = Path(__file__).parents[2]
PROJECT = tomllib.loads((TREE / "pyproject.toml").read_text())
PACKAGES = [name for name in PROJECT["tool"]["setuptools"]["packages"] if "." not in name]
MODULES = sorted(path for package in PACKAGES for path in (TREE / package).rglob("*.py"))
FUNCTION_LIMIT = 50
MEDIAN_LIMIT = 12
BANNED = {"utils", "util", "helpers", "helper", "manager", "managers", "common", "misc", "base"}
SHARED_NAMES: set[str] = set()
"""Public class names that may stand more than once, each with its reason."""
LOCKS = ["requirements.lock", "requirements-dev.lock"]
TOOL_LOCKS = ["release/builder.lock", "release/tools.lock", "requirements-docs.lock"]


def named(path):
    return str(path.relative_to(TREE))


def functions(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.end_lineno - node.lineno + 1


def in_git():
    """Every text file that is part of the tree; a copy without git is read as it lies."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TREE, capture_output=True, text=True)
    names = [name for name in listed.stdout.split("\0") if name]
    found = [TREE / name for name in names] or [TREE / package for package in PACKAGES]
    return [path for path in found if path.is_file()]


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_has_a_docstring_and_short_functions(path):
    text = path.read_text()
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring, "the first line says what the module is and does"
    assert re.match(r'r?"""\S', text), "the docstring comes first"
    assert path.stem not in BANNED
    too_long = [f"{name}: {lines} lines" for name, lines in functions(path) if lines > FUNCTION_LIMIT]
    assert not too_long


def test_a_public_class_name_stands_once():
    places = defaultdict(list)
    for path in MODULES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(named(path))
    assert {
        name: paths for name, paths in places.items() if len(paths) > 1 and name not in SHARED_NAMES
    } == {}


def test_a_dialect_states_few_services():
    stated = {each.name: len(fields(each.type)) for each in fields(DialectServices)}
    assert {name: number for name, number in stated.items() if number > MOST_SERVICES} == {}


def test_no_dependency_installs_a_package_of_our_names():
    installed_by = importlib.metadata.packages_distributions()
    assert {name: set(installed_by.get(name, [])) - {"peerage"} for name in PACKAGES} == {
        name: set() for name in PACKAGES
    }


def test_the_median_function_is_short():
    lengths = [lines for path in MODULES for _, lines in functions(path)]
    print(f"{len(lengths)} functions, median {statistics.median(lengths)} lines, longest {max(lengths)}")
    assert statistics.median(lengths) < MEDIAN_LIMIT


def test_every_package_of_the_tree_is_listed():
    found = {
        path.parent.relative_to(TREE)
        for package in PACKAGES
        for path in TREE.glob(f"{package}/**/__init__.py")
    }
    found_at_top = {path.parent.name for path in TREE.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert set(PACKAGES) == found_at_top
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == {str(path).replace("/", ".") for path in found}
    assert all(len(list((TREE / package).glob("*.py"))) > 1 for package in PACKAGES), "no package is empty"
    assert set(PROJECT["tool"]["mypy"]["packages"]) == set(PACKAGES)
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == set(PACKAGES)


def test_import_contracts_are_kept():
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
    ]
    outcome = subprocess.run([*command, "--no-cache"], cwd=TREE, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_no_file_names_a_machine():
    path = re.compile(r"(?<![\w.])/(?:work|root|home/\w+)/")
    found = [named(each) for each in in_git() if path.search(each.read_bytes().decode("utf-8", "replace"))]
    assert not found


@pytest.mark.parametrize("name", LOCKS + TOOL_LOCKS)
def test_a_lock_names_no_index_and_pins_every_package_by_hash(name):
    text = (TREE / name).read_text()
    assert "://" not in text
    assert "--index-url" not in text
    packages = re.findall(r"^([a-z0-9.-]+)==(\S+)(?: ; [^\\]+)? \\\n    --hash=sha256:", text, re.MULTILINE)
    assert len(packages) == len(re.findall(r"^\S", text, re.MULTILINE))


def test_the_locks_cover_what_the_project_asks_for():
    run, everything = (
        dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (TREE / name).read_text(), re.MULTILINE)) for name in LOCKS
    )
    project = PROJECT["project"]
    extras = [wanted for extra in project["optional-dependencies"].values() for wanted in extra]
    assert {normal(wanted) for wanted in project["dependencies"]} <= run.keys()
    assert {normal(wanted) for wanted in extras} | run.keys() <= everything.keys()
    assert all(everything[package] == version for package, version in run.items())


def test_the_lock_of_the_documentation_covers_its_group():
    pinned = re.findall(r"^([a-z0-9.-]+)==", (TREE / "requirements-docs.lock").read_text(), re.MULTILINE)
    assert {normal(wanted) for wanted in PROJECT["dependency-groups"]["docs"]} <= set(pinned)


def normal(requirement):
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def test_the_make_targets_explain_themselves():
    text = (TREE / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split()
    for target in targets:
        assert re.search(rf"^{target}:[^#\n]*  ## \S", text, re.MULTILINE), target
    assert {"run", "test", "check", "clients", "bench", "lock", "clean"} <= set(targets)
