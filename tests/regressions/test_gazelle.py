"""What programs written for Gazelle's sites ask for."""

import json
from collections.abc import Callable

from tests.support.clients import ask
from tests.support.processes import PeerageProcess


def test_bookmarks_are_well_formed_where_there_are_none(start_peerage: Callable[..., PeerageProcess]) -> None:
    service = start_peerage()
    added = service.run("user", "add", "ada", "--password-stdin", given="correct horse battery staple\n")
    assert added.returncode == 0, added.stderr
    key = service.run("key", "add", "ada", "--scope", "gazelle").stdout.split()[-1]
    for kind, name in (("torrents", "bookmarks"), ("artists", "artists")):
        answer = ask(service.port, f"/ajax.php?action=bookmarks&type={kind}", Authorization=f"Bearer {key}")
        content = json.loads(answer.body)
        assert (content["status"], content["response"]) == ("success", {name: []})
