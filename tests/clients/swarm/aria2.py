"""Driver of aria2: one aria2c process for each torrent, configured by its command line."""

from pathlib import Path

from tests.clients.swarm.client import free_port
from tests.clients.swarm.program import Program

OPTIONS = (
    "--no-conf=true",
    "--interface=127.0.0.1",
    "--bt-enable-lpd=false",
    "--enable-peer-exchange=false",
    "--enable-dht6=false",
    "--bt-tracker-interval=1",
    "--bt-tracker-connect-timeout=5",
    "--bt-tracker-timeout=5",
    "--follow-torrent=mem",
    "--file-allocation=none",
    "--seed-ratio=0",  # goes on seeding until it is stopped
    "--summary-interval=0",
    "--console-log-level=notice",
    "--log-level=info",
)


class Aria2:
    """One aria2c."""

    dials_loopback = True

    def __init__(self, folder: Path) -> None:
        self._program = Program(folder)
        self._log = folder / "aria2.log"

    def seed(self, torrent: Path, folder: Path) -> None:
        """Seed the content after hashing it."""
        self._run(str(torrent), folder, "--check-integrity=true", "--bt-hash-check-seed=true")

    def leech(self, torrent: Path, folder: Path) -> None:
        """Fetch by the .torrent file."""
        self._run(str(torrent), folder)

    def leech_url(self, url: str, folder: Path) -> None:
        """Fetch the .torrent itself by HTTP, and then its content."""
        self._run(url, folder)

    def _run(self, source: str, folder: Path, *options: str) -> None:
        folder.mkdir(exist_ok=True)
        # aria2's UDP tracker client sends from the DHT's socket; the DHT itself has no node to start from.
        dht = ("--enable-dht=true", f"--dht-listen-port={free_port()}", "--dht-file-path=dht.dat")
        port = f"--listen-port={free_port()}"
        self._program.run(
            ["aria2c", *OPTIONS, *dht, port, f"--log={self._log}", *options, "-d", str(folder), source]
        )

    def reannounce(self) -> None:
        """It asks the tracker every second by itself."""

    @property
    def log(self) -> str:
        """Its output and its log."""
        return self._program.output + (self._log.read_text(errors="replace") if self._log.exists() else "")

    def stop(self) -> None:
        """End it."""
        self._program.stop()
