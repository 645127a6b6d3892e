"""Four programs written for sites of Gazelle's family, against a running service."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.processes import ROOT, environment
from tests.support.torrents import names, torrent

pytestmark = pytest.mark.clients

SCRIPTS = Path(__file__).parent / "gazelle"
NAME, PASSWORD = "reader", "correct horse battery staple"
DATA = torrent("S288C genome", size=40 << 20)
AUTHORS = ["David Schild", "Robert K. Mortimer"]


@pytest.fixture(scope="module")
def peerage_settings():
    """All four programs ask as one account, one right after the other."""
    return {"limits__gazelle": "600/minute"}


@pytest.fixture(scope="module")
def site(peerage_server):
    """A service with an account, a torrent and a collage; the arguments of the programs."""
    made = subprocess.run(
        [
            sys.executable,
            "-m",
            "peerage",
            "user",
            "add",
            NAME,
            "--password-stdin",
            "--data",
            peerage_server.data,
        ],
        input=PASSWORD + "\n",
        env=environment({}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert made.returncode == 0, made.stderr
    rest, gazelle = (
        peerage_server.run("key", "add", NAME, "--scope", scope).stdout.split()[-1]
        for scope in ("rest", "gazelle")
    )
    with httpx.Client(base_url=peerage_server.url, headers={"Authorization": f"Bearer {rest}"}) as client:
        number, group = upload(client)
        collage = created(client.post("/api/collages", json={"name": "Genomes", "kind": "personal"}))["id"]
        created(client.post(f"/api/collages/{collage}/groups", json={"group_id": group}))
    return {
        "GZ_URL": peerage_server.url,
        "GZ_NAME": NAME,
        "GZ_PASSWORD": PASSWORD,
        "GZ_TOKEN": gazelle,
        "GZ_ID": str(number),
        "GZ_COLLAGE": str(collage),
        "GZ_WORD": "s288c",
        "GZ_PREFIX": "Bearer ",
    }


def upload(client):
    """Bring the torrent in; return its id and its group's."""
    fields = {"title": "S288C genome", "year": "1985", "platform": "Sanger", "license": "Public Domain"}
    fields |= {"authors": ",".join(AUTHORS), "tags": "fungi"}
    entered = created(client.post("/api/torrents", data=fields, files={"file": ("a.torrent", DATA)}))
    return entered["id"], entered["group_id"]


def created(answer):
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


def run(script, site, folder, **more):
    """What a program prints, as JSON; its own files stay in the folder."""
    env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / script)],
        env={**env, **site, **more, "XDG_CONFIG_HOME": str(folder), "HOME": str(folder)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("prefix", ["Bearer ", "token ", ""])
def test_python_gazelle_reads_its_typed_models(site, tmp_path, prefix):
    assert run("by_python_gazelle.py", site, tmp_path, GZ_PREFIX=prefix) == {
        "me": NAME,
        "files": [["S288C genome", 40 << 20]],
        "hash": names(DATA)[0],
        "group": [int(site["GZ_ID"])],
        "tags": ["ut", "ur"],
        "users": [NAME],
        "artist": ["S288C genome"],
        "similar": 0,
        "found": [int(site["GZ_ID"])],
        "news": 0,
        "collage": ["S288C genome"],
        "profile": NAME,
        "requests": 0,
        "download": DATA.hex(),
    }


def test_gazelle_client_logs_in_and_keeps_its_cookie(site, tmp_path):
    assert run("by_gazelle_client.py", site, tmp_path) == {
        "refused": True,
        "me": NAME,
        "again": NAME,
        "group": "S288C genome",
        "found": 1,
        "user": NAME,
        "status": [*["success"] * 7, "bad id parameter", "bad parameters"],
    }


def test_whatapi_logs_in_downloads_by_its_keys_and_logs_out(site, tmp_path):
    assert run("by_whatapi.py", site, tmp_path) == {"refused": True, "download": DATA.hex(), "left": True}


def test_redapi_posts_with_a_bare_token(site, tmp_path):
    assert run("by_redapi.py", site, tmp_path) == {
        "refused": "invalid token",
        "me": NAME,
        "hash": names(DATA)[0],
        "found": 1,
        "download": DATA.hex(),
    }


def test_python_gazelle_uploads_as_to_redacted_after_a_dry_run(site, peerage_server, tmp_path):
    """By another account: who owns a file already is answered with what there is."""
    data = torrent("Penicillium rubens genome", size=32 << 20)
    (tmp_path / "upload.torrent").write_bytes(data)
    told = run("by_python_gazelle_upload.py", site, tmp_path, GZ_FILE=str(tmp_path / "upload.torrent"))
    again = told.pop("again")
    assert told == {
        "tried": [0, 0],
        "before": 0,
        "made": [True, True],
        "group": "Penicillium rubens genome",
        "artists": ["Marco van den Berg", "Roel Bovenberg"],
        "same": True,
    }
    assert "already exists" in again
