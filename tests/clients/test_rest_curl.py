import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.torrents import torrent

pytestmark = pytest.mark.clients

LOGIN = (
    "TOK=$(curl -s -XPOST $B/api/login -H 'Content-Type: application/json' "
    """-d '{"username":"u5","password":"p and more of it"}' """
    """| python -c 'import json,sys;print(json.load(sys.stdin)["data"]["token"])')\n"""
)
LIST = 'curl -si "$B/api/torrents?per_page=25" -H "Authorization: Bearer $TOK"\n'
UPLOAD = 'curl -s $B/api/torrents -H "Authorization: Bearer $TOK" -F file=@my.torrent -F title="My torrent"\n'


def shell(service, folder, script):
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "B": service.url, "PATH": path}
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_the_curl_lines_of_the_documentation_work(peerage_server, tmp_path):
    arguments = [sys.executable, "-m", "peerage", "user", "add", "u5", "--password-stdin"]
    subprocess.run(
        [*arguments, "--data", peerage_server.data],
        input="p and more of it\n",
        text=True,
        check=True,
        capture_output=True,
        cwd=Path(__file__).parents[2],
    )
    (tmp_path / "my.torrent").write_bytes(torrent("by curl"))
    uploaded = json.loads(shell(peerage_server, tmp_path, LOGIN + UPLOAD))
    assert uploaded["data"]["title"] == "My torrent"
    head, body = shell(peerage_server, tmp_path, LOGIN + LIST).replace("\r\n", "\n").split("\n\n", 1)
    headers = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:])
    assert headers["x-ratelimit-limit"] == "60"
    assert headers["x-ratelimit-remaining"] == "58"
    listing = json.loads(body)
    assert [each["title"] for each in listing["data"]] == ["My torrent"]
    assert listing["meta"]["per_page"] == 25
