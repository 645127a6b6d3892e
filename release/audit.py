"""Asks for known weaknesses of what the locks install: `python release/audit.py`.

Status 0: none is known. 1: some are, each named. 2: the advisory data could not be reached, so nothing is known.
"""

import json
import subprocess
import sys

from source import TREE

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-docs.lock")
_UNKNOWN = 2


def audit(lock: str) -> tuple[int, str]:
    """Return the status of one lock and what was found, in lines."""
    asked = [
        sys.executable,
        "-m",
        "pip_audit",
        "--requirement",
        str(TREE / lock),
        "--require-hashes",
        "--disable-pip",
    ]
    told = subprocess.run(
        [*asked, "--progress-spinner", "off", "--format", "json"], capture_output=True, text=True, check=False
    )
    try:
        packages = json.loads(told.stdout)["dependencies"]
    except (ValueError, LookupError):
        return _UNKNOWN, f"{lock}: the advisory data cannot be reached: {_last(told.stderr)}"
    lines = [
        f"{lock}: {each['name']} {each['version']}: {found['id']}, right in {_joined(found['fix_versions'])}"
        for each in packages
        for found in each.get("vulns", [])
    ]
    skipped = [f"{lock}: {each['name']}: {each['skip_reason']}" for each in packages if "skip_reason" in each]
    if packages and len(skipped) == len(packages):
        return (
            _UNKNOWN,
            f"{lock}: the advisory data cannot be reached: none of {len(packages)} packages is known to it",
        )
    if skipped:
        return _UNKNOWN, "\n".join([*lines, *skipped])
    return (
        (1, "\n".join(lines))
        if lines
        else (0, f"{lock}: no weakness of its {len(packages)} packages is known")
    )


def _joined(versions: list[str]) -> str:
    return ", ".join(versions) or "no version"


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "it said nothing"


def main() -> None:
    """Audit what is installed to serve, to develop and to make the documentation."""
    statuses = []
    for lock in LOCKS:
        status, text = audit(lock)
        statuses.append(status)
        print(text)
    sys.exit(1 if 1 in statuses else max(statuses))


if __name__ == "__main__":
    main()
