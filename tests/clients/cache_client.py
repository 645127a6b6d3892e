"""Runs documented example programs against the service under test, and fetches the result by curl."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

SCRIPTS = Path(__file__).parent / "scripts"
DOCUMENTED = "http://itorrents.org"
COMMANDS = {
    ".php": ("php", "-d", "soap.wsdl_cache_enabled=0"),
    ".pl": ("perl",),
    ".py": (sys.executable,),
}


def run(*command: str, folder: Path) -> str:
    """Run a program in `folder` without any proxy; return what it printed."""
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout.decode()


def run_example(name: str, url: str, torrent: bytes, folder: Path) -> str:
    """Run an example with nothing but its host changed beside `my.torrent`; return what it printed."""
    (folder / "my.torrent").write_bytes(torrent)
    script = folder / name
    script.write_text((SCRIPTS / name).read_text().replace(DOCUMENTED, url))
    return run(*COMMANDS[script.suffix], name, folder=folder).strip()


def fetch_digests(url: str, infohash: str, folder: Path) -> set[str]:
    """Fetch a torrent by curl, plain and compressed; return the SHA-1 of each."""
    digests = set()
    for number, options in enumerate(((), ("--compressed",))):
        file = folder / f"fetched{number}"
        run("curl", "-sSf", *options, "-o", str(file), f"{url}/torrent/{infohash}.torrent", folder=folder)
        digests.add(hashlib.sha1(file.read_bytes()).hexdigest())
    return digests
