"""Every shell block of the documentation, run page by page against a fresh server in an empty folder."""

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.swarm.client import free_port
from tests.support.console import SHELLS, Block, Terminal, blocks, looks_like, steps
from tests.support.processes import ROOT, PeerageProcess, environment

pytestmark = pytest.mark.clients

DOCS = ROOT / "docs"
PAGES = {
    str(path.relative_to(DOCS)): [each for each in blocks(path.read_text()) if each.language in SHELLS]
    for path in sorted(DOCS.rglob("*.md"))
}
SERVE = "peerage serve"
ADDRESS = "127.0.0.1:6969"
ARIA2 = "interface=127.0.0.1\nenable-dht=false\nenable-dht6=false\nbt-enable-lpd=false\n"
LEAST = 60
"""Commands that run, of all pages."""


def run_in(page: str) -> list[Block]:
    """The shell blocks of a page that run."""
    return [each for each in PAGES[page] if each.not_run is None]


class Reader:
    """Somebody who does what a page says, in a folder of their own, with the server in another terminal."""

    def __init__(self, folder: Path) -> None:
        # Files of a page may name the address before anything listens there.
        address = f"127.0.0.1:{free_port()}"
        self.service = PeerageProcess(folder / "data", listen=address)
        scratch = folder.with_name("scratch")
        for each in (folder, scratch):
            each.mkdir()
        (scratch / ".aria2").mkdir()
        (scratch / ".aria2" / "aria2.conf").write_text(ARIA2)
        path = f"{Path(sys.executable).parent}:{environment({})['PATH']}"
        # What a mirror fetches from, and what a client dials, is on this machine here.
        here = {"PATH": path, "HOME": str(scratch), "PEERAGE_LOOKUPS_PRIVATE_PEERS": "true"}
        self._terminal = Terminal(folder, scratch, here, {ADDRESS: address})
        self._folder = folder

    def follow(self, block: Block) -> None:
        """Write the file that a block is, or run its commands and compare what they print."""
        if block.is_file:
            (self._folder / block.title).write_text(self._terminal.here(block.text))
        elif block.language == "console":
            for command, expected in steps(block.text):
                self._give(command, expected, block)
        elif block.language in SHELLS:
            self._give(f"set -e\n{block.text}", "", block)

    def _give(self, command: str, expected: str, block: Block) -> None:
        if command.partition("  #")[0].strip() == SERVE:
            self._serve()
            return
        ran = self._terminal.run(command)
        told = f"line {block.line}\n$ {command}\n{ran.output}{ran.errors}"
        assert ran.status == 0, f"{told}status {ran.status}"
        if expected or block.language == "console":
            assert looks_like(ran.output, self._terminal.here(expected)), f"{told}\nexpected:\n{expected}"

    def _serve(self) -> None:
        if self.service.process is not None:
            self.service.stop()
        self.service.start()

    def close(self) -> None:
        """End everything that was started."""
        self._terminal.close()
        self.service.kill()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """A reader with nothing done yet."""
    with contextlib.closing(Reader(tmp_path / "here")) as reader:
        yield reader


@pytest.mark.parametrize("page", [page for page in PAGES if run_in(page)])
def test_what_a_page_says_to_do_works(page: str, reader: Reader) -> None:
    for block in blocks((DOCS / page).read_text()):
        if block.not_run is None:
            reader.follow(block)


def test_what_does_not_run_says_why() -> None:
    given = [step for page in PAGES for each in run_in(page) for step in commands(each)]
    left = [(page, each) for page in PAGES for each in PAGES[page] if each.not_run is not None]
    print(
        f"\n{len(given)} commands of {sum(map(bool, map(run_in, PAGES)))} pages run; {len(left)} blocks do not:"
    )
    for page, each in left:
        print(f"  {page}:{each.line}: {each.not_run}")
        assert each.not_run
    assert len(given) > LEAST


def commands(block: Block) -> list[str]:
    """The commands of a block that runs."""
    if block.language == "console":
        return [command for command, _ in steps(block.text)]
    return [line for line in block.text.splitlines() if line]


def test_no_command_stands_in_a_block_that_is_no_shell() -> None:
    loose = re.compile(r"^(\$ |# |sudo |curl |peerage [a-z]|make |apt)", re.MULTILINE)
    wrong = [
        f"{path.relative_to(DOCS)}:{each.line}"
        for path in DOCS.rglob("*.md")
        for each in blocks(path.read_text())
        if not each.language and loose.match(each.text)
    ]
    assert not wrong
