"""Reads and runs the Dockerfile where no engine is: `python release/container_check.py`, as root.

hadolint reads it. Each stage is a copy of a Debian that debootstrap makes (build/container-root), RUN is bash in it,
and the image's command is started as its user on a root that is read-only; its health check has to go well.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deb_check import make_root
from source import TREE, ReleaseError, read_source

ROOT = TREE / "build" / "container-root"
BASE = "debian:bookworm-slim"
_PATIENCE = 90.0
_HOST_TRUSTS = "/etc/ssl/certs/ca-certificates.crt"
_TRUSTED = "/etc/trusted-here.pem"
_SHELL = ["/bin/bash", "-o", "pipefail", "-c"]


@dataclass(slots=True)
class Stage:
    """A stage that is being built: its folder, what its programs find in their environment, and who they are."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "0:0"
    folder: str = "/"
    health: list[str] = field(default_factory=list)
    entry: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def words(self, *words: str) -> list[str]:
        """Return a command that runs another in the stage."""
        usual = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        passed = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("PIP_", "http", "https", "no_proxy"))
        }
        if (self.root / _TRUSTED.lstrip("/")).exists():
            passed |= {"PIP_CERT": _TRUSTED}
        given = [f"{name}={value}" for name, value in (usual | passed | self.environment).items()]
        inside = ["/bin/bash", "-c", f"cd {shlex.quote(self.folder)} && exec {shlex.join(words)}"]
        return ["chroot", f"--userspec={self.user}", str(self.root), "/usr/bin/env", "-i", *given, *inside]


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield each instruction of a Dockerfile and what follows it, lines joined."""
    joined = re.sub(r"\\\n\s*", "", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    for line in joined.splitlines():
        if line.strip():
            name, _, rest = line.partition(" ")
            yield name, rest.strip()


def build_image(context: Path, place: Path) -> Stage:
    """Run every instruction, and return the last stage. ReleaseError."""
    stages: dict[str, Stage] = {}
    stage = Stage(place)
    for name, rest in instructions((TREE / "Dockerfile").read_text()):
        print(f"{name} {rest[:100]}", flush=True)
        if name == "FROM":
            base, _, called = rest.partition(" AS ")
            if base != BASE:
                raise ReleaseError(f"{base} is not a Debian that debootstrap makes here")
            stage = Stage(place / (called or "image"))
            stages[called] = stage
            _run(["cp", "-a", str(ROOT), str(stage.root)])
            if Path(_HOST_TRUSTS).exists():  # where a proxy of this machine's own stands before the index
                shutil.copyfile(_HOST_TRUSTS, stage.root / _TRUSTED.lstrip("/"))
        elif name == "RUN":
            _run(stage.words(*_SHELL, rest))
        elif name == "COPY":
            _copy(stage, stages, context, rest)
        elif name == "ENV":
            for each in shlex.split(rest):
                key, _, value = each.partition("=")
                stage.environment[key] = value.replace("$PATH", "/usr/local/bin:/usr/bin:/bin")
        elif name == "USER":
            stage.user = rest
        elif name == "WORKDIR":
            stage.folder = rest
        elif name == "HEALTHCHECK":
            stage.health = json.loads(rest.partition("CMD ")[2])
        elif name in {"ENTRYPOINT", "CMD"}:
            setattr(stage, "entry" if name == "ENTRYPOINT" else "command", json.loads(rest))
    return stage


def _copy(stage: Stage, stages: dict[str, Stage], context: Path, rest: str) -> None:
    """Copy from the context or another stage."""
    *options, source, target = rest.split()
    origin = stages[options[0].partition("=")[2]].root if options else context
    to = stage.root / target.lstrip("/")
    if target.endswith("/"):
        to.mkdir(parents=True, exist_ok=True)
        to /= Path(source).name
    to.parent.mkdir(parents=True, exist_ok=True)
    path = origin / source.lstrip("/.")
    _run(["cp", "-a", f"{path}/." if path.is_dir() else str(path), str(to)])


def _context(place: Path) -> Path:
    """Return what .dockerignore leaves of the last commit."""
    tree = read_source().unpack(place / "context")
    kept = {line[1:] for line in (TREE / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for path in tree.iterdir():
        if path.name not in kept:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.copyfile(TREE / "requirements.lock", tree / "requirements.lock")
    return tree


@contextmanager
def _read_only(root: Path, writable: str) -> Iterator[None]:
    """Bind the root read-only over itself, with one folder that can be written."""
    data = root / writable.lstrip("/")
    mounts = [
        ["mount", "--bind", str(root), str(root)],
        ["mount", "--bind", str(data), str(data)],
        ["mount", "-t", "tmpfs", "tmpfs", str(root / "tmp")],
        ["mount", "-o", "remount,ro,bind", str(root)],
    ]
    done = 0
    try:
        for each in mounts:
            _run(each)
            done += 1
        yield
    finally:
        for path in (root / "tmp", data, root)[-done:] if done else ():
            subprocess.run(["umount", "-l", path], check=False, capture_output=True)


def check_image(image: Stage) -> None:
    """Start the image's command, wait for its health check, and stop it. ReleaseError."""
    if image.user.startswith("0"):
        raise ReleaseError("the image runs as root")
    if any(image.root.glob("usr/bin/*gcc*")):
        raise ReleaseError("the image holds a compiler")
    with _read_only(image.root, image.environment["PEERAGE_DATA"]), tempfile.TemporaryFile() as log:
        running = subprocess.Popen(image.words(*image.entry, *image.command), stdout=log, stderr=log)
        end = time.monotonic() + _PATIENCE
        try:
            while subprocess.run(image.words(*image.health), capture_output=True, check=False).returncode:
                if running.poll() is not None or time.monotonic() > end:
                    log.seek(0)
                    raise ReleaseError(
                        f"its health check fails:\n{log.read().decode(errors='replace')[-3000:]}"
                    )
                time.sleep(0.5)
        finally:
            running.send_signal(signal.SIGTERM)
            status = running.wait(_PATIENCE)
        if status:
            raise ReleaseError(f"it ended with {status}")


def _run(command: list[str]) -> None:
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if ended.returncode:
        raise ReleaseError(f"{' '.join(command)[-300:]}\n{ended.stdout[-3000:]}")


def main() -> None:
    """Read it, run it, and say how large the image is."""
    try:
        _run([str(Path(sys.executable).parent / "hadolint"), str(TREE / "Dockerfile")])
        print("hadolint finds nothing")
        make_root(ROOT)
        with tempfile.TemporaryDirectory(dir=TREE / "build") as place:
            image = build_image(_context(Path(place)), Path(place))
            check_image(image)
            size = subprocess.run(
                ["du", "-sm", image.root], capture_output=True, text=True, check=True
            ).stdout
            print(f"runs as {image.user} on a read-only root, healthy; {size.split()[0]} MB with its Debian")
    except ReleaseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
