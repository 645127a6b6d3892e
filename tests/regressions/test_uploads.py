"""What is said of an upload, and that it is counted, whichever way it took."""

import re
from collections.abc import Callable
from pathlib import Path

from tests.support import raw_torrents
from tests.support.clients import ask, upload
from tests.support.processes import PeerageProcess


def test_an_import_is_counted_as_uploads(
    start_peerage: Callable[..., PeerageProcess], tmp_path: Path
) -> None:
    service = start_peerage()
    folder = tmp_path / "import"
    folder.mkdir()
    (folder / "a.torrent").write_bytes(raw_torrents.torrent())
    (folder / "b.torrent").write_bytes(raw_torrents.torrent())
    assert service.run("import", str(folder)).returncode == 0
    assert upload(service.port, raw_torrents.torrent()).status == 200
    metrics = ask(service.port, "/metrics").body.decode()
    counted = re.search(r"^peerage_uploads_total (\S+)$", metrics, re.MULTILINE)
    assert counted is not None
    assert float(counted[1]) == 3


def test_a_missing_an_empty_and_an_unsafe_name_have_sentences_of_their_own(
    start_peerage: Callable[..., PeerageProcess],
) -> None:
    service = start_peerage()
    unnamed = raw_torrents.info()
    del unnamed[b"name"]
    answers = {
        upload(service.port, raw_torrents.torrent(inside)).body
        for inside in (unnamed, raw_torrents.info(name=b".."), unnamed | {b"name": b""})
    }
    assert len(answers) == 3
