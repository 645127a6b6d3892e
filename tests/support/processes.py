"""Runs the real command as a process: start, watch, stop, kill."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "pyproject.toml").is_file())
READY = (re.compile(r"http://127\.0\.0\.1:(\d+)/announce"), re.compile(r"udp://127\.0\.0\.1:(\d+)/announce"))
# Another revision's interpreter and checkout, when the black-box tests are run against it.
PROGRAM = (os.environ.get("PEERAGE_TEST_PYTHON", sys.executable), "-m", "peerage")
PROGRAM_ROOT = Path(os.environ.get("PEERAGE_TEST_ROOT", ROOT))
START_TIME = 30.0
STOP_TIME = 15.0


def wait_until(ready: Callable[[], Any], what: str, limit: float = 20.0, pace: float = 0.05) -> Any:
    """Ask `ready` again and again until it answers something true, which is returned; fail after `limit`."""
    end = time.monotonic() + limit
    while not (answer := ready()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit:g} s: {what() if callable(what) else what}")
        time.sleep(pace)
    return answer


def environment(settings: Mapping[str, object]) -> dict[str, str]:
    """Our environment with `tracker__mode="listed"` as PEERAGE_TRACKER_MODE, and no other setting."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PEERAGE_")}
    ours = {f"PEERAGE_{name.upper().replace('__', '_')}": str(value) for name, value in settings.items()}
    return {**kept, **ours, "PYTHONPATH": str(PROGRAM_ROOT)}


@dataclass
class PeerageProcess:
    """One running `peerage serve` on a loopback port that the system chose, TCP and UDP alike."""

    data: Path
    settings: Mapping[str, object] = field(default_factory=dict)
    launcher: Sequence[str] = ()
    """What runs the command, such as a program that limits it."""
    listen: str = "127.0.0.1:0"
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where HTTP is answered."""
        return f"http://127.0.0.1:{self.port}"

    def announce_url(self, transport: str) -> str:
        """The tracker's URL over `http` or `udp`."""
        return f"{transport}://127.0.0.1:{self.port}/announce"

    @property
    def output(self) -> str:
        """All that it printed so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def _log(self) -> Path:
        return self.data.with_name(self.data.name + ".log")

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the process without waiting for anything."""
        arguments = [*self.launcher, *PROGRAM, "serve", "--listen", self.listen, "--data", str(self.data)]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment(self.settings),
                cwd=self.data.parent,
            )
        return self.process

    def start(self) -> "PeerageProcess":
        """Start it, learn its port from what it prints, and wait until it keeps what is announced."""
        process = self.launch()
        try:
            wait_until(lambda: self._ready() or process.poll() is not None, lambda: self.output, START_TIME)
            assert process.poll() is None, f"serve ended with {process.returncode}:\n{self.output}"
        except BaseException:
            self.kill()
            raise
        return self

    def _ready(self) -> bool:
        ports = [found.group(1) for line in READY if (found := line.search(self.output))]
        if len(ports) == len(READY):
            assert len(set(ports)) == 1, f"TCP and UDP on different ports:\n{self.output}"
            self.port = int(ports[0])
        # Until the journal is read, announces are answered with a warning and kept nowhere.
        return self.port > 0 and "swarms.restored" in self.output

    def run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """One of the operator's commands on this data folder, with a text as its input."""
        return subprocess.run(
            [*PROGRAM, *arguments, "--data", str(self.data)],
            input=given,
            capture_output=True,
            text=True,
            env=environment(self.settings),
            cwd=self.data.parent,
            timeout=60,
        )

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """End it with a signal and return its exit status."""
        assert self.process is not None
        self.process.send_signal(by)
        try:
            status = self.process.wait(STOP_TIME)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"no end within {STOP_TIME:g} s of {by.name}:\n{self.output}") from None
        self.port = 0
        return status

    def kill(self) -> None:
        """End it as a power cut would; harmless when it has ended."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.port = 0

    def restart(self) -> "PeerageProcess":
        """Start again on the same data folder."""
        assert self.process is None or self.process.poll() is not None
        return self.start()


@contextlib.contextmanager
def peerage_processes(folder: Path) -> Iterator[Callable[..., PeerageProcess]]:
    """A function that starts services with their data in `folder`; all of them end with the block."""
    started: list[PeerageProcess] = []

    def start(**settings: object) -> PeerageProcess:
        service = PeerageProcess(folder / f"data{len(started)}", settings)
        started.append(service)
        return service.start()

    try:
        yield start
    finally:
        for service in started:
            service.kill()
