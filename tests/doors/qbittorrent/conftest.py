"""Fixtures of the tests of qBittorrent's API."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from accounts.model import Scope
from bittorrent.metainfo import Metainfo
from downloads.model import ContentKey
from tests.support.torbox import TorboxClient, open_torbox

BASE = "/qbittorrent/api/v2"


class QbittorrentClient:
    """A client with a key, over the jobs that the TorBox API has too."""

    def __init__(self, box: TorboxClient) -> None:
        self.box = box
        self.key, self.other = (box.mint(each, Scope.QBITTORRENT) for each in box.users)

    def ask(self, verb: str, path: str, *, key: str | None = "", **options: Any) -> httpx.Response:
        """Ask with the first account's key, another one or, with None, none."""
        headers = {} if key is None else {"Authorization": f"Bearer {key or self.key}"}
        headers |= options.pop("headers", {})
        # The jar of one client must not answer for the next call.
        self.box.client.cookies.clear()
        return self.box.run(self.box.client.request(verb, f"{BASE}/{path}", headers=headers, **options))

    def get(self, path: str, **options: Any) -> Any:
        """Return the JSON of a success."""
        answer = self.ask("GET", path, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, *, key: str = "", files: Any = None, **fields: Any) -> str:
        """Send a form; return the text of a success."""
        answer = self.ask("POST", path, key=key, data=fields, files=files)
        assert answer.status_code == 200, (answer.status_code, answer.text)
        return answer.text

    def add(self, torrent: bytes, **fields: Any) -> str:
        """Add a .torrent."""
        return self.post("torrents/add", files={"torrents": ("a.torrent", torrent)}, **fields)

    def info(self, **query: Any) -> list[dict[str, Any]]:
        """Return the list."""
        found: list[dict[str, Any]] = self.get("torrents/info", params=query)
        return found

    def finish(self, torrent: bytes) -> None:
        """Let the engine finish a torrent, its files on the disk."""
        metainfo = Metainfo.parse(torrent)
        folder = self.box.engine.requests[ContentKey(metainfo.infohash)].folder
        folder.mkdir(parents=True, exist_ok=True)
        for index, file in enumerate(metainfo.files):
            (folder / str(index)).write_bytes(bytes(file.length))
        self.box.finish(torrent)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[QbittorrentClient]:
    """A client of the API, without torrents."""
    with open_torbox(tmp_path) as box:
        yield QbittorrentClient(box)
