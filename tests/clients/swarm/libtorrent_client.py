"""Driver of libtorrent: one process for each torrent, since a process shares its UDP connection ids."""

import sys
from pathlib import Path

from tests.clients.swarm.program import Program

PEER = Path(__file__).with_name("libtorrent_peer.py")


class Libtorrent:
    """One process with one libtorrent session."""

    dials_loopback = True

    def __init__(self, folder: Path) -> None:
        self._program = Program(folder)

    def seed(self, torrent: Path, folder: Path) -> None:
        """Seed the content without checking it again."""
        self._run("seed", str(torrent), folder)

    def leech(self, torrent: Path, folder: Path) -> None:
        """Fetch by the .torrent file."""
        self._run("leech", str(torrent), folder)

    def leech_magnet(self, uri: str, folder: Path) -> None:
        """Fetch by a magnet link."""
        self._run("leech", uri, folder)

    def _run(self, role: str, source: str, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._program.run([sys.executable, str(PEER), role, source, str(folder)])

    def reannounce(self) -> None:
        """Announce again, the tracker's minimum interval notwithstanding."""
        self._program.write_line("announce")

    @property
    def log(self) -> str:
        """The alerts so far."""
        return self._program.output

    def stop(self) -> None:
        """End it."""
        self._program.stop()
