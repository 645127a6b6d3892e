from urllib.parse import quote

import pytest

from doors.gazelle.door import ACTIONS
from tests.doors.gazelle.client import open_gazelle, torrent_file

READ = {
    "announcements": ("page",),
    "artist": ("id", "artistname", "artistreleases"),
    "bookmarks": ("type",),
    "browse": (
        *("page", "searchstr", "groupname", "artistname", "description", "filelist", "taglist", "tags_type"),
        *("filter_cat", "filter_cat[]", "filter_cat[1]", "freetorrent", "year", "size_min", "size_max"),
        *("size_unit", "order_by", "order_way", "media", "cataloguenumber", "location", "group_results"),
    ),
    "collage": ("id",),
    "download": ("id", "usetoken"),
    "index": ("auth",),
    "request": ("id",),
    "requests": ("search",),
    "similar_artists": ("id", "limit"),
    "stats": ("auth",),
    "tcomments": ("id", "page"),
    "top10": ("type", "limit", "details"),
    "torrent": ("id", "hash"),
    "torrentgroup": ("id", "hash"),
    "upload": ("groupid",),
    "user": ("id",),
    "usersearch": ("search", "page"),
}
VALUES = (
    b"",
    b"0",
    b"-1",
    b"1e999",
    b"99999999999999999999999999",
    b"9223372036854775808",
    b"\x00",
    b"a\x00b",
    b"\x1b[31m\r\nSet-Cookie: a=b",
    "\u202egnp.exe".encode(),
    "\u200b\ufeff\u2028".encode(),
    b"\xed\xa0\x80",
    b"\xff\xfe\xfd",
    "𝕏é漢字".encode(),
    "\ue000every \ue000h0".encode(),
    b"' OR '1'='1",
    b"1; DROP TABLE torrent; --",
    b'" OR name:* NEAR(a b) ^x -y +z (',
    b"a* AND NOT b",
    b"{{{|||}}}",
    b"<script>alert(1)</script>",
    b"../../etc/passwd",
    b"%%25%n%s",
    b"!" * 50,
    b"x" * 20_000,
    b"a " * 5_000,
    b"a," * 5_000,
    b"a|" * 5_000,
)


@pytest.fixture(scope="module")
def filled_api(tmp_path_factory):
    with open_gazelle(tmp_path_factory.mktemp("api")) as api:
        ann = api.user("ann")
        api.upload(ann, "a torrent", {"authors": ["A"], "tags": ["a"]})
        yield api, api.token(ann)


@pytest.mark.parametrize("action", sorted(ACTIONS))
def test_no_value_of_any_parameter_breaks_an_action(filled_api, action):
    api, token = filled_api
    for parameter in (*READ[action], "action"):
        for value in VALUES:
            query = f"action={action}&{quote(parameter)}={quote(value)}"
            answer = api.run(
                api.client.get(f"/ajax.php?{query}", headers={"Authorization": f"Bearer {token}"})
            )
            assert answer.status_code == 200, query
            assert answer.json()["status"] in {"success", "failure", "error"}
            assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "field", ["artists[]", "groupid", "title", "year", "tags", "image", "album_desc", "bitrate"]
)
def test_no_value_of_any_field_breaks_an_upload(filled_api, field):
    api, token = filled_api
    for number, value in enumerate(VALUES):
        parts = [(field, (None, value)), ("file_input", ("a.torrent", torrent_file(f"{field} {number}")))]
        title = [] if field == "title" else [("title", (None, b"A title"))]
        answer = api.run(
            api.client.post(
                "/ajax.php?action=upload",
                files=[*title, *parts],
                headers={"Authorization": f"Bearer {token}"},
            )
        )
        assert answer.status_code == 200, value
        assert answer.json()["status"] in {"success", "failure"}


def test_very_many_parameters_fail(filled_api):
    api, token = filled_api
    query = "action=browse&" + "&".join(f"filter_cat[{number}]=1" for number in range(1000))
    answer = api.run(api.client.get(f"/ajax.php?{query}", headers={"Authorization": f"Bearer {token}"}))
    assert answer.json()["error"] == "bad parameters"


def test_a_body_is_never_read(filled_api):
    api, token = filled_api
    answer = api.run(
        api.client.post(
            "/ajax.php?action=index",
            content=b"[" * (1 << 20),
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
    )
    assert answer.json()["status"] == "success"
