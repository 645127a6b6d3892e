"""The protocol of drivers of BitTorrent programs."""

import socket
from pathlib import Path
from typing import Protocol


class Client(Protocol):
    """One running BitTorrent program; the tracker in the torrent is the only way it has to find others."""

    dials_loopback: bool
    """Whether it dials peers on 127/8; one that does not must announce first."""

    def seed(self, torrent: Path, folder: Path) -> None:
        """Seed the content, complete in `folder`."""

    def leech(self, torrent: Path, folder: Path) -> None:
        """Fetch the content into `folder`."""

    def reannounce(self) -> None:
        """Announce again where the program can be asked to; called while a test waits."""

    @property
    def log(self) -> str:
        """Its log so far."""

    def stop(self) -> None:
        """End it and whatever it started; harmless when it has ended."""


def free_port() -> int:
    """A TCP port of 127.0.0.1 that is free now, for programs that do not take port 0."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
