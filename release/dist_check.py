"""Installs each built wheel where no compiler is, and starts it: `python release/dist_check.py [--dist DIR] [--twice]`.

With --twice everything is built once more, and has to be the same bytes.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from dist import build_all, interpreter
from source import TREE, ReleaseError, read_source

_TAG = re.compile(r"-cp3(\d+)-")
_PATIENCE = 60.0
_PROGRAMS = ("sh", "env", "uname")


def check_wheel(wheel: Path) -> None:
    """Install a wheel with the locked dependencies into an empty environment, and serve. ReleaseError."""
    version = f"3.{_TAG.search(wheel.name)[1]}"
    python = interpreter(version)
    if python is None:
        raise ReleaseError(f"{wheel.name}: no Python {version} is here to run it")
    with tempfile.TemporaryDirectory() as place:
        folder, programs = Path(place), Path(place) / "bin"
        programs.mkdir()
        for name in _PROGRAMS:
            if found := shutil.which(name):
                (programs / name).symlink_to(found)
        _run([python, "-m", "venv", folder / "venv"])
        inside = folder / "venv" / "bin"
        bare = {"PATH": f"{inside}:{programs}", "HOME": place, "LC_ALL": "C.UTF-8", **_registry()}
        pip = [inside / "python", "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        _run([*pip, "--require-hashes", "-r", TREE / "requirements.lock"], bare)
        _run([*pip, "--no-deps", wheel], bare)
        _run([inside / "python", "-m", "pip", "check"], bare)
        _run([inside / "peerage", "--version"], bare, folder)
        _serve(inside / "peerage", bare, folder)


def _registry() -> dict[str, str]:
    """Return what of our environment tells pip where packages are."""
    return {
        name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_"))
    }


def _serve(program: Path, environment: dict[str, str], folder: Path) -> None:
    """Start the service, announce over UDP, and stop it. ReleaseError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    command = [program, "serve", "--listen", f"127.0.0.1:{port}", "--data", folder / "data"]
    log = folder / "log"
    with log.open("wb") as output:
        running = subprocess.Popen(command, env=environment, cwd=folder, stdout=output, stderr=output)
    try:
        _wait(port, running, log)
        with (
            socket.create_connection(("127.0.0.1", port)),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking,
        ):
            asking.settimeout(5)
            asking.connect(("127.0.0.1", port))
            asking.send(struct.pack(">QII", 0x41727101980, 0, 7))
            if struct.unpack(">II", asking.recv(64)[:8]) != (0, 7):
                raise ReleaseError("no answer over UDP")
        told = subprocess.run(
            [program, "stats", "--json", "--data", folder / "data"],
            env=environment,
            capture_output=True,
            check=True,
        )
        store = json.loads(told.stdout)["tracker"]["store"]
        if store != "native":
            raise ReleaseError(f"the store is {store}, not native")
    finally:
        running.send_signal(signal.SIGTERM)
        if running.wait(_PATIENCE) != 0:
            raise ReleaseError(f"it ended with {running.returncode}:\n{log.read_text()[-2000:]}")


def _wait(port: int, running: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            if running.poll() is not None or time.monotonic() > end:
                raise ReleaseError(f"it does not serve:\n{log.read_text()[-2000:]}") from None
            time.sleep(0.1)


def _run(
    command: list[object], environment: dict[str, str] | None = None, folder: Path | None = None
) -> None:
    ended = subprocess.run(
        list(map(str, command)), env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise ReleaseError(f"{' '.join(map(str, command))}\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}")


def check_twice(folder: Path, only: str | None) -> None:
    """Build once more, and compare every file. ReleaseError."""
    with tempfile.TemporaryDirectory() as place:
        build_all(read_source(), Path(place), only)
        for path in sorted(Path(place).iterdir()):
            if _digest(path) != _digest(folder / path.name):
                raise ReleaseError(f"{path.name} is not the same bytes when it is built twice")
            print(f"the same bytes twice: {path.name}")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def main() -> None:
    """Check, and name what could not be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dist", type=Path, default=TREE / "dist")
    parser.add_argument("--only", help="the one version of Python whose wheel is looked at")
    parser.add_argument("--twice", action="store_true")
    given = parser.parse_args()
    mark = f"-cp{given.only.replace('.', '')}-" if given.only else ""
    wheels = [path for path in sorted(given.dist.glob("*.whl")) if mark in path.name]
    try:
        if not wheels:
            raise ReleaseError(f"there is no wheel in {given.dist}: make dist")
        for wheel in wheels:
            check_wheel(wheel)
            print(f"installed without a compiler, and served: {wheel.name}")
        if given.twice:
            check_twice(given.dist, given.only)
    except ReleaseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
