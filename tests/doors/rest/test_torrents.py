import bencodepy
import httpx
import pytest

from bittorrent.infohash import InfoHash
from tests.doors.rest.client import RestClient, names, torrent
from tracker.model import Counts

DIALECT = [
    "id",
    "info_hash",
    "title",
    "description",
    "category",
    "size",
    "files_count",
    "seeders",
    "leechers",
    "completed",
    "uploader",
    "created_at",
    "updated_at",
]


def hash_of(name):
    return names(torrent(name))[0].lower()


def test_a_collection_is_as_on_the_page(api):
    for number in range(26):
        api.now += 60
        api.upload(f"linux {number}")
    api.upload("another")
    query = "search=linux&sort=created_at&order=desc&page=2&per_page=25"
    answer = api.ask("GET", f"/torrents?{query}").json()
    assert answer["success"] is True
    assert {name: answer["meta"][name] for name in list(answer["meta"])[:4]} == {
        "current_page": 2,
        "per_page": 25,
        "total": 26,
        "total_pages": 2,
    }
    assert [each["title"] for each in answer["data"]] == ["linux 0"]


def test_a_torrent_has_every_field(api):
    api.swarms[InfoHash.parse(hash_of("a file"))] = Counts(5, 3, 2, 2)
    told = api.upload("a file", description="[b]bold[/b] <script>", tags="linux, iso", year="1999")
    assert list(told)[: len(DIALECT)] == DIALECT
    assert {name: told[name] for name in DIALECT} == {
        "id": 1,
        "info_hash": hash_of("a file"),
        "title": "a file",
        "description": "[b]bold[/b] <script>",
        "category": told["category"],
        "size": 1 << 20,
        "files_count": 1,
        "seeders": 5,
        "leechers": 2,
        "completed": 3,
        "uploader": {"id": api.user("user").id, "username": "user"},
        "created_at": "2023-11-14T22:13:20Z",
        "updated_at": "2023-11-14T22:13:20Z",
    }
    assert set(told["category"]) == {"id", "name"}
    assert told["description_html"] == "<strong>bold</strong> &lt;script&gt;"
    assert told["tags"] == ["iso", "linux"]
    assert told["year"] == 1999
    assert told["magnet"].startswith(f"magnet:?xt=urn:btih:{hash_of('a file')}")
    assert told["held"] is True
    assert told["freeleech"] == "normal"
    assert told["files"] == [{"path": "a file", "size": 1 << 20}]
    assert told["trackers"] == [["http://tracker.example/announce"]]
    assert told["web_seeds"] == []


def test_a_torrent_is_found_by_its_id_and_by_its_hash(api):
    told = api.upload()
    assert api.done("GET", "/torrents/1") == told | {"bookmarked": False}
    assert api.done("GET", f"/torrents/{told['info_hash']}")["id"] == 1
    assert api.done("GET", f"/torrents/{told['info_hash'].upper()}")["id"] == 1
    api.refused(404, "GET", f"/torrents/{'0' * 40}")
    api.refused(404, "GET", "/torrents/2")


def test_an_upload_needs_a_title_as_on_the_page(api):
    error = api.refused(
        422, "POST", "/torrents", "user", files={"file": ("x.torrent", torrent())}, data={"description": ""}
    )
    assert error == {
        "code": "VALIDATION_ERROR",
        "message": "Validation failed",
        "details": {"title": ["The title field is required."]},
    }


def test_an_upload_needs_an_account(api):
    api.refused(401, "POST", "/torrents", files={"file": ("x.torrent", torrent())}, data={"title": "a"})


@pytest.mark.parametrize("content", [b"", b"nonsense", b"d4:infode", torrent()[:-1], b"\x1f\x8b" + b"0" * 50])
def test_a_file_that_is_no_torrent_is_a_fault_of_the_file(api, content):
    error = api.refused(422, "POST", "/torrents", "user", files={"file": ("x", content)}, data={"title": "a"})
    assert list(error["details"]) == ["file"]
    assert api.done("GET", "/torrents")["data"] == []


def test_a_file_that_is_too_large_is_a_fault_of_the_file(tmp_path):
    api = RestClient(tmp_path, limit=1 << 20)
    for size in (1 << 20, 8 << 20):
        error = api.refused(
            422,
            "POST",
            "/torrents",
            "user",
            files={"file": ("x", torrent(extra=b"0" * size))},
            data={"title": "a"},
        )
        assert list(error["details"]) == ["file"]
    api.close()


def test_an_upload_without_a_file_or_with_two_is_refused(api):
    two = [("file", ("a", torrent("a"))), ("file", ("b", torrent("b")))]
    error = api.refused(422, "POST", "/torrents", "user", files=two, data={"title": "a"})
    assert list(error["details"]) == ["file"]
    nothing = {"other": ("a", b"")}
    error = api.refused(422, "POST", "/torrents", "user", files=nothing, data={"title": "a"})
    assert "file" in error["details"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "a\x00b"),
        ("title", "\u202egnp.exe"),
        ("title", "a" * 300),
        ("title", " "),
        ("year", "soon"),
        ("year", "99999"),
        ("category_id", "99999999999999999999"),
        ("category_id", "777"),
        ("group_id", "777"),
        ("anonymous", "maybe"),
        ("tags", ",".join(f"tag{n}" for n in range(51))),
        ("picture", "javascript:alert(1)"),
        ("imdb_id", "nm0000001"),
        ("freeleech", "1"),
        ("hidden", "1"),
    ],
)
def test_a_field_of_an_upload_at_fault_is_refused_and_nothing_is_kept(api, name, value):
    answer = api.ask(
        "POST",
        "/torrents",
        "user",
        files={"file": ("x.torrent", torrent())},
        data={"title": "a", name: value},
    )
    assert answer.status_code in {404, 422}, answer.text
    if answer.status_code == 422:
        assert list(answer.json()["error"]["details"]) == [name]
    assert api.done("GET", "/torrents", "admin")["data"] == []


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"--x\r\n", "multipart/form-data; boundary=y"),
        (b"", "multipart/form-data; boundary=y"),
        (b"--y", "multipart/form-data"),
        (b"\x00" * 5000, "multipart/form-data; boundary=\xff".encode("latin-1")),
        (b"{}", "application/json"),
        (torrent(), "application/x-bittorrent"),
        (b"--y\r\nnonsense\r\n\r\n\r\n--y--", "multipart/form-data; boundary=y"),
        (
            b"--y\r\nContent-Disposition: form-data\r\n\r\nx\r\n--y--\r\n",
            "multipart/form-data; boundary=y",
        ),
    ],
)
def test_what_is_no_form_is_refused(api, content, content_type):
    answer = api.ask("POST", "/torrents", "user", content=content, headers={"Content-Type": content_type})
    assert answer.status_code in {400, 422}, answer.text


def test_who_owns_it_makes_a_second_upload_a_conflict(api):
    api.upload("a", "user")
    error = api.refused(
        409, "POST", "/torrents", "other", files={"file": ("x", torrent("a"))}, data={"title": "mine"}
    )
    assert error["code"] == "CONFLICT"


def test_what_the_cache_holds_without_an_owner_is_claimed(api):
    api.run(api.services.uploads.accept(torrent("a"), "test"))
    before = api.done("GET", f"/torrents/{hash_of('a')}")
    assert before["uploader"] is None
    after = api.upload("a", "user", title="My own")
    assert after["id"] == before["id"]
    assert after["uploader"]["username"] == "user"
    assert after["title"] == "My own"


def test_an_owner_edits_and_nobody_else_but_a_moderator(api):
    api.upload("a", "user")
    change = {"title": "New", "tags": ["x"]}
    changed = api.done("PATCH", "/torrents/1", "user", json=change)
    assert (changed["title"], changed["tags"]) == ("New", ["x"])
    api.refused(403, "PATCH", "/torrents/1", "other", json={"title": "Mine"})
    api.refused(401, "PATCH", "/torrents/1", json={"title": "Mine"})
    assert api.done("PATCH", "/torrents/1", "moderator", json={"year": 2001})["year"] == 2001
    assert api.done("GET", "/torrents/1")["title"] == "New"


def test_an_owner_deletes_and_nobody_else_but_a_moderator(api):
    api.upload("a", "user")
    api.refused(403, "DELETE", "/torrents/1", "other")
    api.refused(401, "DELETE", "/torrents/1")
    api.done("DELETE", "/torrents/1", "user", 204)
    api.refused(404, "GET", "/torrents/1")
    api.refused(404, "GET", "/torrents/1/download")
    api.upload("b", "user")
    api.done("DELETE", f"/torrents/{hash_of('b')}?reason=spam", "moderator", 204)
    assert api.done("GET", "/log", "moderator")["data"][0]["detail"] == "b: spam"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"title": ""}, "title"),
        ({"title": None}, "title"),
        ({"title": 5}, "title"),
        ({"title": ["a"]}, "title"),
        ({"title": "a" * 70_000}, "title"),
        ({"year": "1999"}, "year"),
        ({"year": 1999.5}, "year"),
        ({"year": True}, "year"),
        ({"year": 10**30}, "year"),
        ({"tags": "linux"}, "tags"),
        ({"tags": [1]}, "tags"),
        ({"tags": ["a" * 100]}, "tags"),
        ({"category_id": 0}, "category_id"),
        ({"category_id": 777}, "category_id"),
        ({"info_hash": "0" * 40}, "info_hash"),
        ({"hidden": True}, "hidden"),
        ({"freeleech": 1}, "freeleech"),
        ({"seeders": 10**6}, "seeders"),
    ],
)
def test_a_change_at_fault_is_refused_and_changes_nothing(api, change, name):
    before = api.upload("a", "user")
    error = api.refused(422, "PATCH", "/torrents/1", "user", json={"description": "new"} | change)
    assert list(error["details"]) == [name]
    assert api.done("GET", "/torrents/1", "user") == before


def test_moderation_hides_locks_and_frees(api):
    api.upload("a", "user")
    api.refused(403, "PATCH", "/torrents/1/moderation", "user", json={"hidden": True})
    told = api.done(
        "PATCH",
        "/torrents/1/moderation",
        "moderator",
        json={"hidden": True, "locked": True, "freeleech": "free"},
    )
    assert (told["hidden"], told["locked"], told["freeleech"]) == (True, True, "free")
    api.refused(404, "GET", "/torrents/1", "other")
    api.refused(404, "GET", f"/torrents/{hash_of('a')}/download")
    assert api.done("GET", "/torrents", "other")["data"] == []
    assert api.done("GET", "/torrents", "moderator")["data"][0]["hidden"] is True
    api.refused(403, "PATCH", "/torrents/1", "user", json={"title": "New"})


def test_an_anonymous_uploader_is_shown_to_itself_and_moderators_alone(api):
    api.upload("a", "user", anonymous="true")
    assert api.done("GET", "/torrents/1", "other")["uploader"] is None
    assert api.done("GET", "/torrents/1")["uploader"] is None
    assert api.done("GET", "/torrents/1", "user")["uploader"]["username"] == "user"
    assert api.done("GET", "/torrents/1", "moderator")["uploader"]["username"] == "user"
    assert api.done("GET", "/torrents?uploader=user", "other")["data"] == []


def test_a_download_is_byte_for_byte_and_has_a_name_and_a_tag(api):
    api.upload("a file")
    answer = api.ask("GET", "/torrents/1/download")
    assert answer.status_code == 200
    assert answer.content == torrent("a file")
    assert answer.headers["content-type"] == "application/x-bittorrent"
    assert "a%20file.torrent" in answer.headers["content-disposition"]
    again = api.ask("GET", "/torrents/1/download", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    assert "x-ratelimit-limit" in again.headers


def test_a_private_torrent_needs_an_account_and_so_do_its_trackers(api):
    document = bencodepy.decode(torrent("p"))
    document[b"info"][b"private"] = 1
    private = bencodepy.encode(document)
    api.done("POST", "/torrents", "user", 201, files={"file": ("x", private)}, data={"title": "private"})
    api.refused(401, "GET", "/torrents/1/download")
    assert api.ask("GET", "/torrents/1/download", "user").content == private
    assert api.ask("GET", "/torrents/1/download", "admin").content == private
    for name in ("other", "moderator"):
        file = bencodepy.decode(api.ask("GET", "/torrents/1/download", name).content)
        assert file[b"info"] == document[b"info"]
        assert file[b"announce"].endswith(b"/announce")
        assert document[b"announce"] not in file.values()
    assert api.done("GET", "/torrents/1")["trackers"] == []
    assert api.done("GET", "/torrents/1", "other")["trackers"]


def test_the_filters_narrow_a_search(api):
    api.upload("one", "user", category_id="1")
    api.upload("two", "other", category_id="4")
    find = lambda query: [each["title"] for each in api.done("GET", f"/torrents?{query}")["data"]]  # noqa: E731
    assert find("category=4") == ["two"]
    assert find("uploader=USER") == ["one"]
    assert find("uploader=user&category=4") == []
    assert find("search=two&category=4") == ["two"]
    assert find("uploader=nobody") == []
    assert find("category=777") == []
    assert find(f"search={hash_of('one')}") == ["one"]


@pytest.mark.parametrize(
    "sort", ["id", "title", "size", "seeders", "leechers", "completed", "created_at", "year", "relevance"]
)
def test_every_sort_key_sorts_in_both_directions(api, sort):
    for name in ("a", "b", "c"):
        api.now += 60
        api.upload(name)
    found = {}
    for order in ("asc", "desc"):
        listing = api.done("GET", f"/torrents?sort={sort}&order={order}")
        found[order] = [each["title"] for each in listing["data"]]
    assert sorted(found["asc"]) == ["a", "b", "c"]
    if sort in {"id", "title", "created_at"}:
        assert found["asc"] == ["a", "b", "c"]
        assert found["desc"] == ["c", "b", "a"]


def test_pages_stay_as_they_were_though_torrents_arrive(api):
    for name in ("a", "b", "c"):
        api.upload(name)
    first = api.done("GET", "/torrents?per_page=2&sort=id&order=desc")
    api.upload("d")
    query = f"per_page=2&sort=id&order=desc&page=2&as_of={first['meta']['as_of']}"
    second = api.done("GET", f"/torrents?{query}")
    assert [each["title"] for each in first["data"] + second["data"]] == ["c", "b", "a"]
    assert second["meta"]["total"] == 3


def test_a_page_past_the_end_is_empty(api):
    api.upload()
    answer = api.done("GET", "/torrents?page=9223372036854775807&per_page=100")
    assert answer["data"] == []
    assert answer["meta"]["total"] == 1
    assert answer["meta"]["total_pages"] == 1


@pytest.mark.parametrize(
    "search",
    [
        "' OR 1=1 --",
        '"',
        '""""',
        "* NEAR( AND OR NOT",
        "a AND b OR (c NOT d",
        "title:x {a b}: ^y",
        "\x00",
        "\u202e\u2066",
        "-",
        "tag: category: size:>> year:- user: imdb:tt",
        "size:>99999999999999999999TB",
        "(" * 1000,
        "%" * 300,
        "é" * 500,
        "\U0001f600",
        "magnet:?xt=urn:btih:" + "0" * 40,
    ],
)
def test_any_search_is_answered(api, search):
    api.upload()
    answer = api.ask("GET", "/torrents", params={"search": search, "uploader": search})
    assert answer.status_code in {200, 400}, answer.text
    answer = api.ask("GET", "/groups", params={"search": search})
    assert answer.status_code in {200, 400}, answer.text


def test_peers_are_counted_by_day_and_country(api):
    api.upload()
    told = api.done("GET", "/torrents/1/peers")
    assert set(told) == {"day", "peers", "countries"}
    assert api.done("GET", "/torrents/1/peers?day=2023-11-13&country=nl") == {
        "day": "2023-11-13",
        "peers": 0,
        "countries": [],
    }
    for query in ("day=2023-02-30", "day=today", "day=20231113", "country=N", "country=12", "day="):
        error = api.refused(422, "GET", f"/torrents/1/peers?{query}")
        assert list(error["details"]) == [query.partition("=")[0]]


def test_what_is_blocked_is_gone_and_stays_away(api):
    api.upload("a", "user")
    api.refused(403, "POST", "/blocklist", "user", json={"info_hash": hash_of("a"), "reason": "no"})
    entry = api.done("POST", "/blocklist", "moderator", 201, json={"info_hash": hash_of("a"), "reason": "no"})
    assert (entry["info_hash"], entry["reason"], entry["by"]) == (hash_of("a"), "no", "moderator")
    api.refused(404, "GET", "/torrents/1", "admin")
    error = api.refused(
        451, "POST", "/torrents", "user", files={"file": ("x", torrent("a"))}, data={"title": "a"}
    )
    assert error["code"] == "BLOCKED"
    assert api.done("GET", "/blocklist", "moderator")["meta"]["total"] == 1
    api.done("DELETE", f"/blocklist/{hash_of('a')}", "moderator", 204)
    api.refused(404, "DELETE", f"/blocklist/{hash_of('a')}", "moderator")
    api.upload("a", "user")
    verbs = [each["verb"] for each in api.done("GET", "/log", "moderator")["data"]]
    assert {"block", "unblock"} <= set(verbs)


def test_rules_on_clients_and_addresses_are_set_listed_and_removed(api):
    rule = {"subject": "client", "pattern": "-UT ..3.5", "verdict": "deny", "reason": "old"}
    api.refused(403, "POST", "/tracker/rules", "user", json=rule)
    entry = api.done("POST", "/tracker/rules", "moderator", 201, json=rule)
    assert (entry["pattern"], entry["by"], entry["file"]) == ("-UT ..3.5", "moderator", None)
    network = {"subject": "address", "pattern": "192.0.2.0/24", "verdict": "allow"}
    other = api.done("POST", "/tracker/rules", "moderator", 201, json=network)
    assert api.done("GET", "/tracker/rules", "moderator")["data"] == [entry, other]
    assert api.done("GET", "/tracker/rules?subject=address", "moderator")["meta"]["total"] == 1
    for wrong in ({"pattern": "192.0.2.1/24"}, {"subject": "both"}, {"verdict": "perhaps"}, {"pattern": ""}):
        api.refused(
            400 if wrong.get("pattern") else 422, "POST", "/tracker/rules", "moderator", json=network | wrong
        )
    api.done("DELETE", f"/tracker/rules/{entry['id']}", "moderator", 204)
    api.refused(404, "DELETE", f"/tracker/rules/{entry['id']}", "moderator")


def test_the_curl_lines_of_the_page_work(api):
    api.user("user")
    answer: httpx.Response = api.ask(
        "POST",
        "/login",
        content='{"username": "user", "password": "correct horse battery staple"}',
        headers={"Content-Type": "application/json"},
    )
    token = answer.json()["data"]["token"]
    listing = api.ask("GET", "/torrents?per_page=25", headers={"Authorization": f"Bearer {token}"})
    assert listing.json()["meta"]["per_page"] == 25
