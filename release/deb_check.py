"""Installs, starts, upgrades and purges the Debian package in a folder of its own: `python release/deb_check.py [DEB]`.

As root. The folder is a Debian 12 that debootstrap makes, build/debian-root, and is kept for the next time.
"""

import argparse
import json
import re
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from source import TREE, ReleaseError

ROOT = TREE / "build" / "debian-root"
PACKAGES = "python3,adduser,ca-certificates"
DATA, SETTINGS, BACKUPS = "var/lib/peerage", "etc/peerage/peerage.toml", "var/backups/peerage"
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PATIENCE = 90.0


class Machine:
    """A Debian in a folder, in which programs run as its root or as the service's user."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def command(self, *words: str, user: str = "") -> list[str]:
        """Return a command that runs another inside."""
        who = [f"--userspec={user}:{user}"] if user else []
        fixed = ["/usr/bin/env", "-i", f"PATH={_PATH}", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]
        return ["chroot", *who, str(self.root), *fixed, *words]

    def run(self, *words: str, user: str = "") -> str:
        """Run a program to its end and return what it printed. ReleaseError."""
        ended = subprocess.run(self.command(*words, user=user), capture_output=True, text=True, check=False)
        if ended.returncode:
            raise ReleaseError(
                f"{' '.join(words)}: {ended.returncode}\n{ended.stdout[-3000:]}{ended.stderr[-3000:]}"
            )
        return ended.stdout

    def require(self, name: str, mode: int, owner: str) -> None:
        """Require mode and owner of a file. ReleaseError."""
        found = (self.root / name).stat()
        users = (self.root / "etc/passwd").read_text()
        entry = re.search(rf"^{owner}:[^:]*:(\d+):", users, re.MULTILINE)
        if entry is None or found.st_uid != int(entry[1]) or stat.S_IMODE(found.st_mode) != mode:
            raise ReleaseError(
                f"/{name} is {found.st_uid} {stat.S_IMODE(found.st_mode):o}, not {owner} {mode:o}"
            )


def make_root(root: Path) -> None:
    """Make a Debian in a folder, where there is none yet. ReleaseError."""
    if (root / "usr/bin/python3").exists():
        return
    shutil.rmtree(root, ignore_errors=True)
    root.parent.mkdir(exist_ok=True)
    told = ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"]
    sites = subprocess.run(told, capture_output=True, text=True, check=True).stdout.split()
    made = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root), *sites[:1]]
    ended = subprocess.run(made, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise ReleaseError(f"debootstrap: {ended.stdout[-2000:]}")


def exec_start(unit: Path) -> list[str]:
    """Return the command of a unit."""
    found = re.search(r"^ExecStart=(.+)$", unit.read_text(), re.MULTILINE)
    if found is None:
        raise ReleaseError(f"{unit.name} starts nothing")
    return shlex.split(found[1])


def check_package(machine: Machine, package: Path) -> None:
    """Take a package through its whole life. ReleaseError."""
    install(machine, package)
    print("installed: user, folder, settings, unit, manual pages and completion are there")
    serve(machine)
    print("started by the unit's own ExecStart, backed up by the other's, stopped")
    settings = machine.root / SETTINGS
    settings.write_text(settings.read_text() + "# changed by its operator\n")
    with tempfile.TemporaryDirectory() as place:
        install(machine, _next_version(package, Path(place)))
    if "changed by its operator" not in settings.read_text():
        raise ReleaseError("an upgrade loses the settings")
    if not (machine.root / DATA / "peerage.db").exists():
        raise ReleaseError("an upgrade loses the data")
    serve(machine)
    print("upgraded: settings and data stay, and it starts")
    machine.run("dpkg", "--remove", "peerage")
    if not (machine.root / DATA / "peerage.db").exists() or (machine.root / "usr/bin/peerage").exists():
        raise ReleaseError("a removal takes the data, or leaves the program")
    machine.run("dpkg", "--purge", "peerage")
    left = [name for name in (DATA, "etc/peerage", "usr/lib/peerage") if (machine.root / name).exists()]
    if left or "peerage:" in (machine.root / "etc/passwd").read_text():
        raise ReleaseError(f"a purge leaves {', '.join(left) or 'the user'}")
    if not any((machine.root / BACKUPS / "backups").iterdir()):
        raise ReleaseError("a purge takes the backups")
    shutil.rmtree(machine.root / BACKUPS)
    print("removed, then purged: nothing is left but the backups")


def install(machine: Machine, package: Path) -> None:
    """Install a package, and look at what is there then. ReleaseError."""
    shutil.copyfile(package, machine.root / "tmp/peerage.deb")
    machine.run("dpkg", "--install", "/tmp/peerage.deb")
    machine.require(DATA, 0o700, "peerage")
    machine.require(BACKUPS, 0o700, "peerage")
    machine.require(SETTINGS, 0o640, "root")
    wanted = (
        *(f"lib/systemd/system/peerage{name}" for name in (".service", "-backup.service", "-backup.timer")),
        *("usr/share/man/man1/peerage.1.gz", "usr/share/man/man5/peerage.toml.5.gz"),
        *("usr/share/bash-completion/completions/peerage", "usr/share/doc/peerage/copyright"),
    )
    if missing := [name for name in wanted if not (machine.root / name).is_file()]:
        raise ReleaseError(f"{', '.join(missing)} are missing")
    machine.run("peerage", "--version")
    if any((machine.root / "usr/lib/peerage").rglob("*.pyc")) is False:
        raise ReleaseError("nothing is compiled")


def serve(machine: Machine) -> None:
    """Start the service as its unit does, with an address of our own, and end it. ReleaseError."""
    units = machine.root / "lib/systemd/system"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [*exec_start(units / "peerage.service"), "--listen", f"127.0.0.1:{port}"]
    inside = ["sh", "-c", f"umask 0077; cd /{DATA}; exec {shlex.join(words)}"]
    with tempfile.TemporaryFile() as log:
        running = subprocess.Popen(machine.command(*inside, user="peerage"), stdout=log, stderr=log)
        try:
            _wait(port, running)
            named = ("--config", f"/{SETTINGS}")
            told = json.loads(machine.run("peerage", "stats", "--json", *named, user="peerage"))
            if told["tracker"]["store"] != "native" or not told["health"]["ok"]:
                raise ReleaseError(f"the service is not as it should be: {told}")
            machine.run(*exec_start(units / "peerage-backup.service"), user="peerage")
        finally:
            running.send_signal(signal.SIGTERM)
            status = running.wait(_PATIENCE)
            log.seek(0)
            said = log.read().decode(errors="replace")
        if status:
            raise ReleaseError(f"it ended with {status}:\n{said[-3000:]}")


def _wait(port: int, running: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except OSError:
            if running.poll() is not None or time.monotonic() > end:
                raise ReleaseError("the service does not serve") from None
            time.sleep(0.2)


def _next_version(package: Path, place: Path) -> Path:
    """Return the same package as a later version."""
    tree, made = place / "tree", place / "next.deb"
    subprocess.run(["dpkg-deb", "-R", package, tree], check=True)
    control = tree / "DEBIAN/control"
    control.write_text(
        re.sub(r"^Version: (.+)$", r"Version: \1+next", control.read_text(), flags=re.MULTILINE)
    )
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, made], check=True, stdout=-3)
    return made


def main() -> None:
    """Check the newest package of dist/, or the one that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path, nargs="?")
    given = parser.parse_args()
    made = sorted((TREE / "dist").glob("peerage_*.deb"), key=lambda path: path.stat().st_mtime)
    try:
        package = given.package or (made[-1] if made else None)
        if package is None:
            raise ReleaseError("there is no package: make deb")
        make_root(ROOT)
        machine = Machine(ROOT)
        subprocess.run(machine.command("dpkg", "--purge", "peerage"), capture_output=True, check=False)
        shutil.rmtree(ROOT / BACKUPS, ignore_errors=True)
        check_package(machine, package)
    except ReleaseError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
