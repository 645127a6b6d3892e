"""Servers that speak S3: versitygw, a gateway over a folder, where there is one, and moto, which imitates it."""

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import Request, urlopen

from tests.support.processes import PROGRAM_ROOT, wait_until

KEY, SECRET, REGION, BUCKET = "an-access-key", "a-secret-key", "us-east-1", "torrents"
VERSITYGW = shutil.which("versitygw") or next(
    (str(path) for path in [PROGRAM_ROOT / "build" / "versitygw"] if os.access(path, os.X_OK)), None
)


@dataclass
class S3Server:
    """One server on a port of its own that has one bucket."""

    folder: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def command(self) -> list[str]:
        """What starts it on its port."""
        raise NotImplementedError

    def make_bucket(self) -> None:
        """Make the bucket that it does not have yet."""
        raise NotImplementedError

    @property
    def environment(self) -> dict[str, str]:
        """What tells a service where the bucket is, and by which keys it is opened."""
        return {
            "AWS_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def start(self) -> None:
        """Start it, again on the port that it had, and wait until it accepts."""
        if not self.port:
            with socket.create_server(("127.0.0.1", 0)) as free:
                self.port = free.getsockname()[1]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(self.command(), stdout=log, stderr=log, cwd=self.folder)
        wait_until(self._accepts, f"{type(self).__name__} accepts")
        self.make_bucket()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def _accepts(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "server.log").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
        except OSError:
            return False
        return True


class Versitygw(S3Server):
    """The gateway; its bucket is a folder."""

    def command(self) -> list[str]:
        """What starts it on its port."""
        assert VERSITYGW is not None
        buckets, sidecar = self.folder / "buckets", self.folder / "sidecar"
        for each in (buckets, sidecar):
            each.mkdir(exist_ok=True)
        keys = ["--access", KEY, "--secret", SECRET, "--region", REGION, "--port", f"127.0.0.1:{self.port}"]
        return [VERSITYGW, *keys, "posix", "--sidecar", str(sidecar), str(buckets)]

    def make_bucket(self) -> None:
        """Make the folder."""
        (self.folder / "buckets" / BUCKET).mkdir(exist_ok=True)


class Moto(S3Server):
    """An imitation in memory: what it held is gone when it ends."""

    def command(self) -> list[str]:
        """What starts it on its port."""
        return [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]

    def make_bucket(self) -> None:
        """Ask for it."""
        with urlopen(Request(f"http://127.0.0.1:{self.port}/{BUCKET}", method="PUT"), timeout=20) as answer:
            assert answer.status == 200


SERVERS: dict[str, type[S3Server]] = {"moto": Moto} | ({"versitygw": Versitygw} if VERSITYGW else {})
