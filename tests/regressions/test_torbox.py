"""What programs written for TorBox send and read, as far as it shows before anything is fetched."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import raw_torrents
from tests.support.clients import ask, multipart
from tests.support.processes import PeerageProcess

BASE = "/v1/api"
FILES = ("film.mkv", "film.ass", "song.flac")


class Torbox:
    """A client with a key of an account of its own."""

    def __init__(self, service: PeerageProcess) -> None:
        self._port = service.port
        added = service.run("user", "add", "ada", "--password-stdin", given="correct horse battery staple\n")
        assert added.returncode == 0, added.stderr
        key = service.run("key", "add", "ada", "--scope", "torbox").stdout.split()[-1]
        self._key = f"Bearer {key}"

    def get(self, path: str) -> Any:
        """The envelope of an answer."""
        return json.loads(ask(self._port, BASE + path, Authorization=self._key).body)

    def post(self, path: str, body: bytes, media: str) -> Any:
        """The envelope of the answer to a body."""
        answer = ask(self._port, BASE + path, "POST", body, Authorization=self._key, Content_Type=media)
        return json.loads(answer.body)

    def add(self) -> int:
        """A job for a torrent of FILES that nobody seeds; its id."""
        files = [{b"length": 5, b"path": [name.encode()]} for name in FILES]
        inside = raw_torrents.info(files=files)
        inside.pop(b"length", None)
        body, media = multipart(raw_torrents.torrent(inside), "file")
        return int(self.post("/torrents/createtorrent", body, media)["data"]["torrent_id"])


@pytest.fixture
def torbox(start_peerage: Callable[..., PeerageProcess]) -> Torbox:
    """A client of a service that fetches, from loopback alone."""
    return Torbox(start_peerage(lookups__private_peers="true", downloads__listen="127.0.0.1:0"))


def test_a_link_without_a_file_id_is_one_to_file_0(torbox: Torbox) -> None:
    number = torbox.add()
    with_zero = torbox.get(f"/torrents/requestdl?torrent_id={number}&file_id=0")
    without = torbox.get(f"/torrents/requestdl?torrent_id={number}&zip_link=false")
    assert without == with_zero
    assert with_zero["error"] == "DIFF_ISSUE"  # it is not fetched yet


def test_files_that_players_play_have_their_media_type(torbox: Torbox) -> None:
    torbox.add()
    (found,) = torbox.get("/torrents/mylist?bypass_cache=true")["data"]
    types = {file["short_name"]: file["mimetype"] for file in found["files"]}
    assert types == {"film.mkv": "video/x-matroska", "film.ass": "text/x-ssa", "song.flac": "audio/flac"}


def test_a_key_without_a_value_is_left_out(torbox: Torbox) -> None:
    torbox.add()
    (found,) = torbox.get("/torrents/mylist?bypass_cache=true")["data"]
    assert None not in found.values()
    assert None not in found["files"][0].values()
    assert None not in torbox.get("/user/me")["data"].values()


def test_a_torrent_is_created_by_a_json_body(torbox: Torbox) -> None:
    wish = {"magnet": f"magnet:?xt=urn:btih:{'ab' * 20}", "seed": 1, "allow_zip": True}
    answer = torbox.post("/torrents/createtorrent", json.dumps(wish).encode(), "application/json")
    assert answer["success"] is True
    assert answer["data"]["hash"] == "ab" * 20
