"""What `peerage init` prints for a proxy is what that program takes."""

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from peerage.cli import main
from peerage.proxy_configuration import PROXIES
from tests.clients.proxies.reverse_proxy import filled

pytestmark = pytest.mark.clients

HOST = "peers.test"
ANSWERS = ["--domain", HOST, "--mode", "private", "--uploads", "accounts", "--no-downloads", "--admin", "ada"]


def check_command(name: str, file: Path, certificate: Path) -> list[str]:
    """What lets a proxy read its configuration and nothing else; certificates are those of the test."""
    here = {f"/etc/ssl/{HOST}.pem": str(certificate), f"/etc/ssl/{HOST}.key": str(certificate)}
    text = file.read_text()
    if name == "nginx":
        text = f"pid nginx.pid; events {{ }}\nhttp {{\n{filled(text, here)}\n}}\n"
    elif name == "haproxy":
        text = filled(text, {f"/etc/ssl/{HOST}.pem": str(certificate)})
    file.write_text(text)
    return {
        "nginx": ["nginx", "-t", "-p", str(file.parent), "-c", file.name, "-e", "error.log"],
        "haproxy": ["haproxy", "-c", "-f", str(file)],
        "caddy": ["caddy", "validate", "--config", str(file), "--adapter", "caddyfile"],
    }[name]


@pytest.mark.parametrize("name", PROXIES)
def test_the_proxy_takes_the_configuration(name: str, tmp_path: Path, certificate: Path) -> None:
    settings = tmp_path / "peerage.toml"
    done = CliRunner().invoke(main, ["init", "--config", str(settings), *ANSWERS, "--proxy", name])
    assert done.exit_code == 0, done.stderr
    file = tmp_path / PROXIES[name].file
    file.write_text(done.stdout)
    command = check_command(name, file, certificate)
    home = {"HOME": str(tmp_path), "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
    checked = subprocess.run(command, cwd=tmp_path, env=home, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "[warn" not in (checked.stdout + checked.stderr).lower()
