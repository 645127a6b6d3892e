"""Makes a release of the commit that has its tag: `python release/release.py [--rehearse]`.

Beside sdist and wheels `dist/` gets the changelog's section, an SBOM (CycloneDX), the licences of what is installed
with it, and SHA256SUMS over all. --rehearse does the same for a commit without a tag, whose version says so.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from dist import build_all
from source import TREE, ReleaseError, Source, changelog_section, read_source, uncommitted

_BUILD_ONLY = {"pip", "setuptools", "wheel"}


def make_release(source: Source, out: Path, only: str | None) -> list[str]:
    """Write everything into an empty folder; return which wheels could not be built. ReleaseError."""
    if out.exists() and any(out.iterdir()):
        raise ReleaseError(f"{out} is not empty: delete what is in it")
    missing = build_all(source, out, only)
    changes = (TREE / "CHANGELOG.md").read_text()
    section = source.version if source.tagged else "Unreleased"
    (out / "CHANGES.md").write_text(changelog_section(changes, section))
    bill = _bill_of_materials(source)
    (out / f"peerage-{source.version}.cdx.json").write_text(json.dumps(bill, indent=1, sort_keys=True) + "\n")
    (out / "LICENCES.txt").write_text(_licences(bill))
    sums = "".join(f"{_digest(path)}  {path.name}\n" for path in sorted(out.iterdir()))
    (out / "SHA256SUMS").write_text(sums)
    return missing


def _bill_of_materials(source: Source) -> dict[str, object]:
    """Return the bill of what requirements.lock installs, as its environment tells; the same for the same commit."""
    with tempfile.TemporaryDirectory() as place:
        tree = source.unpack(Path(place) / "peerage")
        environment = Path(place) / "venv"
        _run([sys.executable, "-m", "venv", environment])
        python = environment / "bin" / "python"
        pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "install", "--require-hashes", "-r", tree / "requirements.lock"])
        output = Path(place) / "bill.json"
        made = ["-m", "cyclonedx_py", "environment", "--spec-version", "1.6", "--output-reproducible"]
        about = ["--pyproject", tree / "pyproject.toml", "--output-format", "JSON", "--output-file", output]
        _run([sys.executable, *made, *about, python])
        bill: dict[str, object] = json.loads(output.read_text())
    components = bill["components"]
    assert isinstance(components, list)
    bill["components"] = [each for each in components if each["name"] not in _BUILD_ONLY]
    return bill


def _licences(bill: dict[str, object]) -> str:
    components = bill["components"]
    assert isinstance(components, list)
    lines = [f"{each['name']} {each['version']}: {_licence(each)}" for each in components]
    return "\n".join(["peerage: MIT", *sorted(lines, key=str.lower)]) + "\n"


def _licence(component: dict[str, object]) -> str:
    named = component.get("licenses", [])
    assert isinstance(named, list)
    found = {
        each.get("expression") or each["license"].get("id") or each["license"].get("name", "")
        for each in named
    }
    return " / ".join(sorted(" ".join(text.split())[:80] for text in found if text)) or "not stated"


def _run(command: list[object]) -> None:
    ended = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    if ended.returncode:
        raise ReleaseError(f"{' '.join(map(str, command))}\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Release, or say what is in the way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=TREE / "dist")
    parser.add_argument("--only", help="the one version of Python to build a wheel for")
    parser.add_argument(
        "--rehearse", action="store_true", help="release nothing: a commit without a tag will do"
    )
    given = parser.parse_args()
    try:
        source = read_source()
        if not given.rehearse and not source.tagged:
            version = source.version.partition("+")[0]
            raise ReleaseError(
                f"HEAD has no tag. Give pyproject.toml, peerage/__init__.py and CHANGELOG.md the next version, commit, "
                f"and tag it: git tag -s v{version}-or-later. To try: --rehearse"
            )
        if not given.rehearse and (changed := uncommitted()):
            raise ReleaseError(f"these are not committed: {', '.join(changed[:10])}")
        missing = make_release(source, given.out, given.only)
    except ReleaseError as error:
        sys.exit(str(error))
    print((given.out / "SHA256SUMS").read_text(), end="")
    for each in missing:
        print(f"no wheel for Python {each}")


if __name__ == "__main__":
    main()
