"""A client program as a child process with its output in a file."""

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

PATIENCE = 5.0


class Program:
    """A child process with its output in `folder`, and `folder` for its home."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._output = folder / "output.log"
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, command: Sequence[str]) -> None:
        """Start it."""
        assert self._process is None, "one driver runs one program"
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env={**os.environ, "HOME": str(self.folder)},
            )

    def write_line(self, line: str) -> None:
        """Write a line to its input; nothing happens when it has ended."""
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    @property
    def output(self) -> str:
        """What it printed."""
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def stop(self) -> None:
        """Ask it to end, and end it when it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
