"""Builds the Debian package: `python release/deb.py [--out DIR] [--python /usr/bin/python3]`.

The packages of requirements.lock lie in a virtual environment of Debian's Python below /usr/lib/peerage, compiled, so
that the service writes nothing there. The same commit gives the same bytes.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from dist import build_wheel, fixed_environment, run
from source import TREE, ReleaseError, Source, read_source

HOME = Path("usr/lib/peerage")
_FILES = TREE / "release" / "debian"
_UNITS = ("peerage.service", "peerage-backup.service", "peerage-backup.timer")
_SCRIPTS = ("postinst", "prerm", "postrm")


def build_deb(source: Source, out: Path, python: Path, revision: str = "1") -> Path:
    """Build the package into a folder and return its path. ReleaseError."""
    out.mkdir(parents=True, exist_ok=True)
    version = (
        f"{source.version.replace('+', '+git')}-{revision}"
        if not source.tagged
        else f"{source.version}-{revision}"
    )
    with tempfile.TemporaryDirectory() as place:
        tree = source.unpack(Path(place) / "peerage")
        root = Path(place) / "root"
        inside = _install(tree, source, root, python, Path(place))
        _documents(tree, root, inside)
        _settle(root, source)
        _control(root, version)
        architecture = _told(["dpkg", "--print-architecture"])
        made = out / f"peerage_{version}_{architecture}.deb"
        command = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z6", "--build", str(root), str(made)]
        run(command, **fixed_environment(source, tree))
    return made


def _install(tree: Path, source: Source, root: Path, python: Path, place: Path) -> list[str]:
    """Install what the lock names and the wheel below HOME; return the command that runs its interpreter."""
    home = root / HOME
    run([str(python), "-m", "venv", "--without-pip", str(home)])
    version = _told([str(python), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
    wheels = place / "wheels"
    wheels.mkdir()
    build_wheel(tree, source, python, version, wheels)
    (wheel,) = wheels.glob("*.whl")
    inside = home / "bin" / "python3"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(inside),
        "--quiet",
        "--disable-pip-version-check",
        "install",
    ]
    fixed = fixed_environment(source, tree)
    run([*pip, "--no-compile", "--require-hashes", "-r", str(tree / "requirements.lock")], **fixed)
    run([*pip, "--no-compile", "--no-deps", str(wheel)], **fixed)
    return [str(inside)]


def _documents(tree: Path, root: Path, inside: list[str]) -> None:
    """Add manual pages, completion, units, settings and the licence."""
    manual, shells = root / "usr/share/man", root / "usr/share"
    run([*inside, "-B", "-m", "peerage.man_pages", str(manual / "all")])
    for page in sorted((manual / "all").iterdir()):
        folder = manual / f"man{page.suffix[1:]}"
        folder.mkdir(exist_ok=True)
        run(["gzip", "-9n", str(page)])
        page.with_name(page.name + ".gz").rename(folder / f"{page.name}.gz")
    (manual / "all").rmdir()
    places = {
        "bash": "bash-completion/completions/peerage",
        "zsh": "zsh/vendor-completions/_peerage",
        "fish": "fish/vendor_completions.d/peerage.fish",
    }
    for shell, name in places.items():
        script = subprocess.run(
            [*inside, "-B", "-m", "peerage", "completion", shell], check=True, capture_output=True
        ).stdout
        _put(shells / name, script)
    for unit in _UNITS:
        _put(root / "lib/systemd/system" / unit, (_FILES / unit).read_bytes())
    _put(root / "etc/peerage/peerage.toml", (_FILES / "peerage.toml").read_bytes(), 0o640)
    _put(root / "usr/share/doc/peerage/copyright", (tree / "LICENSE").read_bytes())
    for page in sorted((tree / "docs" / "proxies").iterdir()):
        _put(root / "usr/share/doc/peerage/proxies" / page.name, page.read_bytes())
    (root / "usr/bin").mkdir(parents=True)
    (root / "usr/bin/peerage").symlink_to(f"/{HOME}/bin/peerage")


def _settle(root: Path, source: Source) -> None:
    """Leave nothing of where and when it was built: paths in scripts, times, what installers note."""
    home = root / HOME
    for path in (*(home / "bin").iterdir(), home / "pyvenv.cfg"):
        if not path.is_symlink() and str(root).encode() in (data := path.read_bytes()):
            path.write_bytes(data.replace(str(root).encode(), b""))
    for name in ("activate", "activate.csh", "activate.fish", "Activate.ps1"):
        (home / "bin" / name).unlink(missing_ok=True)
    for path in home.rglob("direct_url.json"):
        path.unlink()
    for path in home.rglob("*.dist-info/RECORD"):
        path.unlink()
    packages = next((home / "lib").glob("python3.*"))
    compiling = [
        "-m",
        "compileall",
        "-q",
        "--invalidation-mode",
        "unchecked-hash",
        "-s",
        str(root),
        "-p",
        "/",
    ]
    run(
        [str(home / "bin" / "python3"), *compiling, str(packages)],
        PYTHONHASHSEED="0",
        PATH=os.environ["PATH"],
    )
    for path in sorted(root.rglob("*")):
        if not path.is_symlink():
            private = path.match("etc/peerage/peerage.toml")
            path.chmod(0o640 if private else 0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (source.time, source.time), follow_symlinks=False)


def _control(root: Path, version: str) -> None:
    size = (
        sum(path.stat().st_size for path in root.rglob("*") if path.is_file() and not path.is_symlink())
        // 1024
    )
    control = root / "DEBIAN"
    control.mkdir()
    text = (_FILES / "control").read_text()
    architecture = _told(["dpkg", "--print-architecture"])
    (control / "control").write_text(text.format(version=version, architecture=architecture, size=size))
    (control / "conffiles").write_text("/etc/peerage/peerage.toml\n")
    for name in _SCRIPTS:
        shutil.copyfile(_FILES / name, control / name)
        (control / name).chmod(0o755)


def _put(path: Path, data: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def _told(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def main() -> None:
    """Build, and say what was built."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=TREE / "dist")
    parser.add_argument("--python", type=Path, default=Path("/usr/bin/python3"), help="Debian's own")
    parser.add_argument("--revision", default="1", help="of the package")
    given = parser.parse_args()
    try:
        made = build_deb(read_source(), given.out, given.python, given.revision)
    except ReleaseError as error:
        sys.exit(str(error))
    print(f"{made.stat().st_size:>11,}  {made}")


if __name__ == "__main__":
    main()
