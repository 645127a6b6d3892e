"""A redis-server of a test's own on loopback, ended with the test."""

import shutil
import socket
import subprocess
from pathlib import Path

from tests.support.processes import wait_until

PROGRAM = shutil.which("redis-server")


class RedisServer:
    """One server on a port of its own; what it holds outlives a kill only where it `keeps`."""

    def __init__(self, folder: Path, *, keeps: bool = False, cluster: bool = False) -> None:
        self._folder = folder
        self._options = ["--appendonly", "yes", "--appendfsync", "always"] if keeps else ["--save", ""]
        if cluster:
            self._options += ["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"]
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, again on the port that it had, and wait until it accepts."""
        if not self.port:
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
        assert PROGRAM is not None
        with (self._folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    PROGRAM,
                    "--port",
                    str(self.port),
                    "--bind",
                    "127.0.0.1",
                    "--dir",
                    str(self._folder),
                    *self._options,
                ],
                stdout=log,
                stderr=log,
            )
        wait_until(self._answers, "redis-server answers")

    def kill(self) -> None:
        """End it as a power cut would; harmless when it has ended."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def call(self, *arguments: str) -> str:
        """Send one command, and return the beginning of its answer."""
        with socket.create_connection(("127.0.0.1", self.port), 5) as connection:
            parts = b"".join(b"$%d\r\n%s\r\n" % (len(each), each.encode()) for each in arguments)
            connection.sendall(b"*%d\r\n" % len(arguments) + parts)
            return connection.recv(4096).decode()

    def _answers(self) -> bool:
        try:
            return self.call("PING").startswith("+PONG")
        except OSError:
            return False
