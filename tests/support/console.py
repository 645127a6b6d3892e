"""The blocks of a page of Markdown, and a terminal in which its commands run in order."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(
    r'^(?P<indent> *)```(?P<language>\w*)(?: title="(?P<title>[^"]*)")?\n(?P<text>.*?)^(?P=indent)```$'
    r"|^<!-- first\n(?P<first>.*?)^-->$",
    re.MULTILINE | re.DOTALL,
)
SHELLS = ("console", "sh", "shell")
NOT_RUN = "not run: "
WITHIN = 60.0
"""Seconds that a command may take."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page: its language, title and text, and the line at which it begins."""

    language: str
    title: str
    text: str
    line: int

    @property
    def not_run(self) -> str | None:
        """Why its commands are not run, where it says so."""
        return self.title.removeprefix(NOT_RUN) if self.title.startswith(NOT_RUN) else None

    @property
    def is_file(self) -> bool:
        """Whether it is what a file holds, and its title the file's name."""
        return bool(self.title) and self.not_run is None and self.language not in SHELLS


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a command."""

    output: str
    errors: str
    status: int


def blocks(page: str) -> Iterator[Block]:
    """Yield the blocks of a page; a comment `<!-- first` holds commands that readers do not see."""
    for found in FENCE.finditer(page):
        line = page.count("\n", 0, found.start()) + 1
        if found["first"] is not None:
            yield Block("console", "", found["first"], line)
            continue
        indent = len(found["indent"])
        text = "".join(each[indent:] or "\n" for each in found["text"].splitlines(keepends=True))
        yield Block(found["language"], found["title"] or "", text, line)


def steps(text: str) -> list[tuple[str, str]]:
    """Return the commands of a block, each with the output that is printed under it.

    A command begins with `$ `; lines that begin with `> ` go on with it.
    """
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
            continue
        assert found, f"not a command: {line}"
        command, output = found[-1]
        if line.startswith("> ") and not output:
            found[-1] = f"{command}\n{line[2:]}", ""
        else:
            found[-1] = command, f"{output}{line}\n"
    return found


def looks_like(printed: str, expected: str) -> bool:
    """Whether the output is as expected, where `...` stands for anything."""
    pattern = re.escape(expected.strip()).replace(re.escape("..."), ".*?")
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


@dataclass
class Terminal:
    """Runs commands one after the other in a folder, with the shell's variables kept between them.

    `written` are texts of the page and what stands for them here, such as an address.
    """

    folder: Path
    scratch: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    _groups: list[int] = field(default_factory=list)

    def here(self, text: str) -> str:
        """Return a text of the page as it is here."""
        for page, ours in self.written.items():
            text = text.replace(page, ours)
        return text

    def run(self, command: str) -> Ran:
        """Run a command, and wait for it but not for what it leaves in the background."""
        script, variables, output, errors = (
            self.scratch / name for name in ("script", "variables", "output", "errors")
        )
        variables.touch()
        # Files and no pipes: what goes on in the background would hold those open.
        script.write_text(
            f". {variables}\n{self.here(command)}\nstatus=$?\n"
            f"declare -p | grep -E '^declare -- [A-Z]+=' > {variables}\nexit $status\n"
        )
        with output.open("wb") as out, errors.open("wb") as err:
            process = subprocess.Popen(
                ["bash", script],
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            self._groups.append(process.pid)
            status = process.wait(WITHIN)
        return Ran(output.read_text(), errors.read_text(), status)

    def close(self) -> None:
        """End what was left in the background."""
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)
        self._groups.clear()
