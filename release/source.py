"""The source of a release: a clean copy of a commit, its version and its time."""

import io
import os
import re
import subprocess
import tarfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

TREE = Path(__file__).resolve().parents[1]
_STATED = re.compile(r'^((?:__)?version(?:__)? = )".*"$', re.MULTILINE)
_VERSION_FILES = ("pyproject.toml", "peerage/__init__.py")


class ReleaseError(Exception):
    """Something is not as a release needs it; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """A commit of a tree: its version, whether a tag names it so, and its time in unix seconds."""

    commit: str
    version: str
    tagged: bool
    time: int
    tree: Path = TREE

    def unpack(self, folder: Path) -> Path:
        """Write the commit's files into a folder that is made, with its version and no later time; return it."""
        folder.mkdir(parents=True)
        archive = subprocess.run(
            ["git", "archive", "--format=tar", self.commit], cwd=self.tree, check=True, capture_output=True
        )
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
            packed.extractall(folder, filter="data")
        for name in _VERSION_FILES:
            path = folder / name
            stated = rf'\1"{self.version}"'
            text, count = re.subn(_STATED, stated, path.read_text(), count=1)
            if not count:
                raise ReleaseError(f"{name} states no version")
            path.write_text(text)
            os.utime(path, (self.time, self.time))
        return folder


def read_source(commit: str = "HEAD", tree: Path = TREE) -> Source:
    """Read a commit.

    The tree states the version of the last release. A commit that has its tag is that release; any other is so many
    commits after it, which no index takes: 0.1.0+12.gabcdef0. ReleaseError: a tag says another version than the tree.
    """
    found = _git(tree, "rev-parse", f"{commit}^{{commit}}")
    project = tomllib.loads(_git(tree, "show", f"{found}:pyproject.toml"))["project"]
    stated = str(project["version"])
    time = int(_git(tree, "log", "-1", "--format=%ct", found))
    tags = [tag for tag in _git(tree, "tag", "--points-at", found).split() if tag.startswith("v")]
    if tags and f"v{stated}" not in tags:
        raise ReleaseError(
            f"the tag says {tags[0]}, and pyproject.toml {stated}: move the one or change the other"
        )
    if tags:
        return Source(found, stated, True, time, tree)
    since = f"v{stated}..{found}" if _git(tree, "tag", "--list", f"v{stated}") else found
    count = _git(tree, "rev-list", "--count", since)
    return Source(found, f"{stated}+{count}.g{found[:7]}", False, time, tree)


def uncommitted(tree: Path = TREE) -> list[str]:
    """Return the files that differ from the commit, which are in no release."""
    return [line[3:] for line in _git(tree, "status", "--porcelain").splitlines()]


def changelog_section(text: str, version: str) -> str:
    """Return what the changelog says of a version. ReleaseError: nothing."""
    found = re.search(
        rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## \[|\Z)", text, re.MULTILINE | re.DOTALL
    )
    if found is None or not found[1].strip():
        raise ReleaseError(f"CHANGELOG.md has no section [{version}]: name it so, with its day")
    return found[1].strip() + "\n"


def _git(tree: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=tree, check=True, capture_output=True, text=True
    ).stdout.strip()
