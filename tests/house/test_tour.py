"""The README's tour, run word for word against a real service."""

import contextlib
import sys
from pathlib import Path

import pytest

from tests.support.console import Terminal, blocks, looks_like, steps
from tests.support.processes import ROOT


@pytest.mark.clients
def test_the_tour_prints_what_the_readme_says(start_peerage, tmp_path: Path):
    service = start_peerage(trusted_proxies="127.0.0.2")
    consoles = [each for each in blocks((ROOT / "README.md").read_text()) if each.language == "console"]
    commands = [step for block in consoles for step in steps(block.text) if not step[0].startswith("aria2c")]
    assert len(commands) > 12

    written = {
        "127.0.0.1:6969": f"127.0.0.1:{service.port}",
        ".venv/bin/peerage": f"{sys.executable} -m peerage",
    }
    terminal = Terminal(ROOT, tmp_path, {"PEERAGE_DATA": str(service.data)}, written)
    with contextlib.closing(terminal):
        for command, expected in commands:
            ran = terminal.run(command)
            assert looks_like(ran.output, expected), (
                f"$ {command}\n{ran.output}{ran.errors}\nexpected:\n{expected}"
            )
