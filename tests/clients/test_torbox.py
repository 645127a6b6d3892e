"""The programs that TorBox's customers use, against a running service that fetches from a seeder on loopback."""

import io
import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import httpx
import libtorrent as lt
import pytest

from bittorrent.metainfo import Metainfo
from tests.support.processes import ROOT, environment

pytestmark = pytest.mark.clients

SCRIPTS = Path(__file__).parent / "torbox"
ENVIRONMENTS = "TEST_TORBOX_ENVIRONMENTS"
"""Names a folder in which the programs' virtual environments are kept; they are made where it is unset."""
SIZES = (400_000, 5, 70_000)


@pytest.fixture(scope="module")
def peerage_settings():
    """Loopback is where the seeder is."""
    return {"lookups__private_peers": "true", "downloads__listen": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def pythons(tmp_path_factory):
    """Returns the Python of a virtual environment with one program in it."""
    kept = os.environ.get(ENVIRONMENTS)
    folder = Path(kept) if kept else tmp_path_factory.mktemp("environments")

    def python(wanted):
        place = folder / wanted
        found = place / "bin" / "python"
        if not found.exists():
            venv.create(place, with_pip=True)
            run = subprocess.run(
                [found, "-m", "pip", "install", "-q", wanted], capture_output=True, text=True
            )
            assert run.returncode == 0, run.stderr
        return found

    return python


@pytest.fixture(scope="module")
def npm_package(tmp_path_factory):
    """The folder in which the npm package is installed, by its lock file."""
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SCRIPTS / "npm" / name, folder)
    run = subprocess.run(
        ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return folder


class Seeder:
    """A seeder of the content on loopback, by libtorrent."""

    def __init__(self, folder):
        root = folder / "pack"
        root.mkdir(parents=True)
        self.files = {f"pack/f{number}.bin": os.urandom(size) for number, size in enumerate(SIZES)}
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        made = lt.create_torrent(lt.list_files(str(root)), piece_size=16384, flags=lt.create_torrent.v1_only)
        lt.set_piece_hashes(made, str(folder))
        self.torrent = lt.bencode(made.generate())
        # In the order of the torrent, by which they are numbered.
        order = ["/".join(("pack", *file.path)) for file in Metainfo.parse(self.torrent).files]
        self.files = {name: self.files[name] for name in order}
        settings = dict.fromkeys(["enable_dht", "enable_lsd", "enable_upnp", "enable_natpmp"], False)
        self.session = lt.session(
            {"listen_interfaces": "127.0.0.1:0", "allow_multiple_connections_per_ip": True} | settings
        )
        params = lt.load_torrent_buffer(self.torrent)
        params.save_path = str(folder)
        params.flags = lt.torrent_flags.seed_mode
        self.session.add_torrent(params)
        self.peer = f"127.0.0.1:{self.session.listen_port()}"
        self.hash = Metainfo.parse(self.torrent).infohash.lower


@pytest.fixture
def seeder(tmp_path):
    """A seeder of new content."""
    return Seeder(tmp_path / "seed")


@pytest.fixture(scope="module")
def keys(peerage_server):
    """Makes keys, each of an account of its own."""
    names = iter(f"member{number}" for number in range(9))

    def key():
        name = next(names)
        made = subprocess.run(
            [sys.executable, "-m", "peerage", "user", "add", name, "--password-stdin", "--data", peerage_server.data],
            input="correct horse battery staple\n", env=environment({}), cwd=ROOT,
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert made.returncode == 0, made.stderr
        return peerage_server.run("key", "add", name, "--scope", "torbox").stdout.split()[-1]

    return key


class ClientRun:
    """A client program that makes every request; `output` is its output before it deletes its torrent."""

    def __init__(self, python, script, server, key, seeder, *arguments, **more):
        peers = f"magnet:?xt=urn:btih:{seeder.hash}&dn=pack&x.pe={seeder.peer}"
        env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        env |= {"TB_BASE": server.url, "TB_KEY": key, "TB_HASH": seeder.hash, "TB_MAGNET": peers, **more}
        self._process = subprocess.Popen(
            [python, SCRIPTS / script, *arguments], env=env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.output = {}

    def __enter__(self):
        try:
            self.output = self._line()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.communicate()

    def _line(self):
        # Version 1.0.4 prints what it does as well.
        for line in self._process.stdout:
            if line.startswith("{") and (found := _object(line)) is not None:
                return found
        raise AssertionError(self._process.stderr.read())

    def end(self):
        """Let it delete the torrent."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._line()


def _object(line):
    try:
        return json.loads(line)
    except ValueError:
        return None


@pytest.mark.parametrize("version", ["1.0.4", "1.0.6"])
@pytest.mark.parametrize("by", ["magnet", "file"])
def test_the_official_library_makes_every_request(
    peerage_server, pythons, keys, seeder, tmp_path, version, by
):
    more = {}
    if by == "file":
        # A .torrent names no peers: the swarm is met through our own tracker, or by the magnet of another account.
        (tmp_path / "x.torrent").write_bytes(seeder.torrent)
        more["TB_FILE"] = str(tmp_path / "x.torrent")
        helped = httpx.post(
            f"{peerage_server.url}/v1/api/torrents/createtorrent",
            data={"magnet": f"magnet:?xt=urn:btih:{seeder.hash}&x.pe={seeder.peer}"},
            headers={"Authorization": f"Bearer {keys()}"},
        )
        assert helped.status_code == 200, helped.text
    flags = ["--torrent-file"] if version == "1.0.4" else []
    python = pythons(f"torbox-api=={version}")
    with ClientRun(python, "by_torbox_api.py", peerage_server, keys(), seeder, *flags, **more) as life:
        output = life.output
        assert output["refused"] == 403
        assert (output["hash"], output["name"]) == (seeder.hash, "pack" if by == "file" else "demo")
        assert set(output["states"]) <= {
            "metaDL",
            "downloading",
            "checkingResumeData",
            "uploading",
            "completed",
            "cached",
        }
        assert output["files"] == [[name, len(content)] for name, content in seeder.files.items()]
        assert output["info"] == ["pack", seeder.hash, sum(SIZES), len(SIZES)]
        assert output["magnet"].startswith(f"magnet:?xt=urn:btih:{seeder.hash}")
        for link, content in zip(output["links"], seeder.files.values(), strict=True):
            assert httpx.get(link).content == content
        part = httpx.get(output["links"][0], headers={"Range": "bytes=1000-1999"})
        assert (part.status_code, part.content) == (206, next(iter(seeder.files.values()))[1000:2000])
        with zipfile.ZipFile(io.BytesIO(httpx.get(output["zip"]).content)) as archive:
            assert {each.filename: archive.read(each) for each in archive.infolist()} == seeder.files
        if flags:
            assert Metainfo.parse(httpx.get(output["torrent"]).content).infohash.lower == seeder.hash
        assert life.end() == {"left": 0}
        assert httpx.get(output["links"][0]).status_code == 404


def test_torbox_makes_every_request(peerage_server, pythons, keys, seeder):
    with ClientRun(pythons("torbox==0.1.0a1"), "by_torbox.py", peerage_server, keys(), seeder) as life:
        output = life.output
        assert (output["hash"], output["name"], output["info"]) == (seeder.hash, "demo", seeder.hash)
        assert Metainfo.parse(bytes.fromhex(output["torrent"])).infohash.lower == seeder.hash
        assert httpx.get(output["link"]).content == list(seeder.files.values())[2]
        assert life.end() == {"left": 0}


def test_the_npm_package_makes_every_request(peerage_server, npm_package, keys, seeder):
    more = {"TB_MODULES": str(npm_package)}
    with ClientRun("node", "by_npm.mjs", peerage_server, keys(), seeder, **more) as life:
        output = life.output
        assert (output["hash"], output["name"], output["info"]) == (seeder.hash, "demo", seeder.hash)
        assert output["files"] == [[name, len(content)] for name, content in seeder.files.items()]
        for link, content in zip(output["links"], seeder.files.values(), strict=False):
            assert httpx.get(link).content == content
        assert output["again"].startswith("Found Cached Torrent")
        assert life.end() == {"left": 0}
