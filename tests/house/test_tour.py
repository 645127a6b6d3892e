"""The README's tour, run word for word against a real service."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT

BLOCKS = re.findall(r"^```console\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def steps(block: str) -> list[tuple[str, str]]:
    """The commands of a block, each with the output that is printed under it."""
    found: list[tuple[str, str]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        else:
            command, output = found[-1]
            found[-1] = command, f"{output}{line}\n"
    return found


def looks_like(printed: str, expected: str) -> bool:
    """Whether the output is as expected, where `...` stands for anything."""
    pattern = re.escape(expected.strip()).replace(re.escape("..."), ".*?")
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


@pytest.mark.clients
def test_the_tour_prints_what_the_readme_says(start_peerage, tmp_path: Path):
    service = start_peerage(trusted_proxies="127.0.0.2")
    peerage = f"{sys.executable} -m peerage"
    script = tmp_path / "shell"
    commands = [step for block in BLOCKS for step in steps(block) if not step[0].startswith("aria2c")]
    assert len(commands) > 12

    environment = {**os.environ, "PEERAGE_DATA": str(service.data)}
    variables = ""
    for command, expected in commands:
        line = command.replace("127.0.0.1:6969", f"127.0.0.1:{service.port}")
        line = line.replace(".venv/bin/peerage", peerage)
        script.write_text(f"{variables}{line}\n")
        ran = subprocess.run(
            ["bash", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
        )
        assert looks_like(ran.stdout, expected), f"$ {line}\n{ran.stdout}{ran.stderr}\nexpected:\n{expected}"
        variables += f"{line}\n" if re.match(r"[A-Z]+=", line) else ""
