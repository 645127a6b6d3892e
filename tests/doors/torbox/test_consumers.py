"""What comet, MediaFusion, decypharr, rdt-client and the official library send, replayed request by request."""

import json

import pytest

from tests.support.torbox import data, error, hash_of, open_torbox, torrent_of

FILM = torrent_of("Film", "film.mkv", "subs/en.srt")
SONG = torrent_of("song.flac")
HASH, OTHER = hash_of(FILM), hash_of(SONG)
ABSENT = "ab" * 20
FIELDS = {
    "id",
    "auth_id",
    "server",
    "hash",
    "name",
    "magnet",
    "size",
    "active",
    "created_at",
    "updated_at",
    "download_state",
    "seeds",
    "peers",
    "ratio",
    "progress",
    "download_speed",
    "upload_speed",
    "eta",
    "torrent_file",
    "download_present",
    "files",
    "inactive_check",
    "availability",
    "download_finished",
    "download_path",
    "tracker",
    "tracker_message",
    "total_uploaded",
    "total_downloaded",
    "cached",
    "cached_at",
    "owner",
    "seed_torrent",
    "allow_zipped",
    "long_term_seeding",
    "private",
    "alternative_hashes",
    "tags",
}
FILE_FIELDS = {
    "id",
    "mimetype",
    "name",
    "s3_path",
    "short_name",
    "size",
    "hash",
    "zipped",
    "infected",
    "absolute_path",
}
MAGNET = f"magnet:?xt=urn:btih:{HASH.upper()}&dn=Film&tr=http%3A%2F%2Ftracker.test%2Fannounce"


@pytest.fixture
def held(api):
    """A client on whose account both torrents are complete; `ids` are theirs."""
    ids = [api.add(FILM), api.add(SONG)]
    api.finish(FILM)
    api.finish(SONG)
    api.ids = ids
    return api


def names(found):
    return [(file["name"], file["size"]) for file in found["files"]]


# checkcached


def test_comet_asks_with_commas_for_a_list_of_files(held):
    found = held.get(f"/torrents/checkcached?hash={HASH},{ABSENT},{OTHER}&format=list&list_files=true")
    assert [each["hash"] for each in found] == [HASH, OTHER]
    assert names(found[0]) == [("Film/film.mkv", 5), ("Film/subs/en.srt", 5)]
    assert set(found[0]["files"][0]) == {"id", "name", "short_name", "size", "mimetype"}


def test_mediafusion_asks_with_repeated_hashes_for_an_object(held):
    found = held.get(f"/torrents/checkcached?hash={HASH.upper()}&hash={ABSENT}&format=object")
    assert found == {HASH: {"name": "Film", "size": 10, "hash": HASH}}


def test_decypharr_asks_without_a_format_and_reads_an_object(held):
    assert list(held.get(f"/torrents/checkcached?hash={HASH}%2C{OTHER}")) == [HASH, OTHER]
    assert held.get(f"/torrents/checkcached?hash={ABSENT}") == {}
    assert held.get(f"/torrents/checkcached?hash={ABSENT}&format=list") == []


def test_rdt_client_writes_true_with_a_capital(held):
    found = held.get(f"/torrents/checkcached?hash={OTHER}&format=list&list_files=True")
    assert names(found[0]) == [("song.flac", 5)]


@pytest.mark.parametrize("form", ["list", "object"])
def test_hashes_are_posted_as_json(held, form):
    answer = held.ask("POST", f"/torrents/checkcached?format={form}", json={"hashes": [HASH, ABSENT]})
    found = data(answer)
    assert (found if form == "list" else list(found.values())) == [{"name": "Film", "size": 10, "hash": HASH}]


def test_hashes_come_in_any_mix(held):
    query = f"hash={HASH.upper()},{ABSENT}&hash=not-a-hash&hash={OTHER},{HASH},,&hash="
    assert list(held.get(f"/torrents/checkcached?{query}")) == [HASH, OTHER]


def test_what_is_not_whole_is_not_cached(api):
    api.add(FILM)
    assert api.get(f"/torrents/checkcached?hash={HASH}") == {}


# createtorrent


def test_comet_and_mediafusion_create_by_an_urlencoded_magnet(api):
    answer = api.ask("POST", "/torrents/createtorrent", data={"magnet": MAGNET})
    created = data(answer)
    assert (created["torrent_id"], created["hash"]) == (1, HASH)
    assert isinstance(created["auth_id"], str)
    assert answer.json()["detail"] == "Torrent added successfully."


def test_decypharr_creates_by_a_magnet_in_a_multipart_form(api):
    answer = api.ask("POST", "/torrents/createtorrent", files={"magnet": (None, MAGNET)})
    assert data(answer)["hash"] == HASH


def test_rdt_client_creates_with_options_in_capitals(api):
    fields = {"magnet": MAGNET, "seed": "3", "allow_zip": "False", "name": "My film"}
    assert data(api.ask("POST", "/torrents/createtorrent", data=fields))["torrent_id"] == 1
    (listed,) = api.get("/torrents/mylist?bypass_cache=True")
    assert (listed["name"], listed["allow_zipped"], listed["seed_torrent"]) == ("My film", False, False)


def test_a_file_is_known_by_its_part_alone(api):
    part = ("file", FILM, "application/octet-stream")
    answer = api.ask("POST", "/torrents/createtorrent", files={"file": part}, data={"seed": "1"})
    assert data(answer)["hash"] == HASH


def test_content_that_is_here_is_found_cached_and_the_same_job_again(held):
    answer = held.ask("POST", "/torrents/createtorrent", data={"magnet": MAGNET})
    assert data(answer)["torrent_id"] == held.ids[0]
    answer = held.ask("POST", "/torrents/createtorrent", data={"magnet": MAGNET}, key=held.other)
    assert data(answer)["torrent_id"] not in held.ids
    assert answer.json()["detail"].startswith("Found Cached Torrent")


def test_what_is_not_cached_is_not_added_with_add_only_if_cached(api):
    fields = {"magnet": MAGNET, "add_only_if_cached": "TRUE"}
    assert error(api.ask("POST", "/torrents/createtorrent", data=fields)) == (400, "DIFF_ISSUE")
    assert api.get("/torrents/mylist") == []


# mylist


def test_decypharr_asks_for_one_with_a_slash_and_gets_an_object(held):
    assert held.get(f"/torrents/mylist/?id={held.ids[0]}")["hash"] == HASH


def test_decypharr_asks_page_by_page_until_one_is_short(held):
    pages = [held.get(f"/torrents/mylist?limit=1&offset={offset}") for offset in range(3)]
    assert [len(page) for page in pages] == [1, 1, 0]
    assert {page[0]["id"] for page in pages[:2]} == set(held.ids)


@pytest.mark.parametrize(
    "path", ["/torrents/getqueued", "/queued/getqueued", "/queued/getqueued/?type=torrent"]
)
def test_rdt_client_then_asks_what_waits(api, path):
    answer = api.ask("POST", "/torrents/createtorrent", data={"magnet": MAGNET, "as_queued": "true"})
    created = data(answer)
    assert set(created) == {"queued_id", "hash", "auth_id"}
    assert api.get("/torrents/mylist?bypass_cache=true") == []
    (waiting,) = api.get(path)
    assert (waiting["id"], waiting["hash"], waiting["type"]) == (created["queued_id"], HASH, "torrent")


def test_the_object_has_every_field_and_the_integers_that_are_wanted(api):
    api.add(FILM)
    api.run(api.settle())
    (found,) = api.get("/torrents/mylist?bypass_cache=1")
    whole = {
        "id",
        "size",
        "server",
        "seeds",
        "peers",
        "download_speed",
        "upload_speed",
        "eta",
        "inactive_check",
    }
    assert {name for name in whole if type(found[name]) is not int} == set()
    assert (found["download_speed"], found["progress"], found["ratio"]) == (2**31 - 1, 0.25, 0.2)
    assert (found["download_state"], found["active"], found["created_at"]) == (
        "downloading",
        True,
        "2024-10-22T00:07:03Z",
    )
    assert (found["download_finished"], found["download_present"], found["cached"]) == (False, False, False)
    # A magnet and a time of caching stand there only where there are such.
    assert set(found) == FIELDS - {"cached_at"}
    file = found["files"][1]
    assert (file["id"], file["name"], file["short_name"]) == (1, "Film/subs/en.srt", "en.srt")
    assert set(file) == FILE_FIELDS


def test_what_is_complete_is_finished_and_present(held):
    (found,) = (each for each in held.get("/torrents/mylist") if each["hash"] == HASH)
    assert found["download_finished"] is found["download_present"] is found["cached"] is True
    assert (found["progress"], found["eta"], found["magnet"][:20]) == (1.0, 0, "magnet:?xt=urn:btih:")


def test_without_metadata_a_magnet_is_in_the_state_that_says_so(api):
    api.ask("POST", "/torrents/createtorrent", data={"magnet": MAGNET})
    (found,) = api.get("/torrents/mylist?bypass_cache=true")
    assert (found["download_state"], found["files"], found["torrent_file"]) == ("metaDL", [], False)


# requestdl


def test_comet_asks_for_a_file_with_its_key_in_the_query(held):
    query = f"token={held.key}&torrent_id={held.ids[0]}&file_id=1&zip=false"
    assert held.get(f"/torrents/requestdl?{query}", key=None).startswith("http://box.test/dld/")


def test_mediafusion_adds_an_address_that_means_nothing(held):
    query = f"token={held.key}&torrent_id={held.ids[0]}&file_id=0&user_ip=192.0.2.7"
    assert "/dld/" in held.get(f"/torrents/requestdl?{query}", key=None)


def test_decypharr_asks_with_a_slash(held):
    query = f"token={held.key}&torrent_id={held.ids[0]}&file_id=0"
    assert "/dld/" in held.get(f"/torrents/requestdl/?{query}")


def test_rdt_client_asks_for_a_zip_by_its_short_name(held):
    link = held.get(f"/torrents/requestdl?token={held.key}&torrent_id={held.ids[0]}&zip=True", key=None)
    assert held.services.links.read(link.rpartition("/")[2]).target == -1


def test_a_permalink_redirects_without_the_key(held):
    query = f"token={held.key}&torrent_id={held.ids[1]}&redirect=True"
    answer = held.ask("GET", f"/torrents/requestdl?{query}", key=None)
    assert answer.status_code == 307
    assert held.key not in answer.headers["location"]
    assert answer.headers["referrer-policy"] == "no-referrer"


# controltorrent, controlqueued


def test_mediafusion_deletes_by_json(held):
    body = {"torrent_id": held.ids[0], "operation": "delete"}
    assert data(held.ask("POST", "/torrents/controltorrent", json=body)) is None
    assert [each["id"] for each in held.get("/torrents/mylist")] == [held.ids[1]]


def test_decypharr_deletes_by_the_verb(held):
    answer = held.ask("DELETE", f"/torrents/controltorrent/{held.ids[0]}", json={"action": "Delete"})
    assert data(answer) is None
    assert data(held.ask("DELETE", f"/torrents/controltorrent/{held.ids[1]}")) is None
    assert held.get("/torrents/mylist") == []


def test_the_library_sends_json_within_json(held):
    body = json.dumps(json.dumps({"torrent_id": str(held.ids[0]), "operation": "Reannounce"}))
    answer = held.ask("POST", "/torrents/controltorrent", content=body)
    assert answer.json()["detail"] == "Torrent reannounce successful."
    assert next(iter(held.engine.requests)) in held.engine.announced


@pytest.mark.parametrize("path", ["/torrents/controlqueued", "/queued/controlqueued"])
def test_rdt_client_deletes_what_waits(api, path):
    created = api.ask("POST", "/torrents/createtorrent", data={"magnet": MAGNET, "as_queued": "1"})
    body = {"queued_id": data(created)["queued_id"], "operation": "delete"}
    assert data(api.ask("POST", path, json=body)) is None
    assert api.get("/torrents/getqueued") == []


def test_what_waits_is_started(api):
    created = api.ask("POST", "/torrents/createtorrent", data={"magnet": MAGNET, "as_queued": "1"})
    body = {"queued_id": data(created)["queued_id"], "operation": "start"}
    data(api.ask("POST", "/queued/controlqueued", json=body))
    assert api.get("/queued/getqueued") == []
    assert [each["hash"] for each in api.get("/torrents/mylist")] == [HASH]


# A JSON body


def test_a_torrent_is_created_by_a_json_body(api):
    options = {"magnet": MAGNET, "seed": 3, "allow_zip": False, "name": None}
    assert data(api.ask("POST", "/torrents/createtorrent", json=options))["hash"] == HASH
    (listed,) = api.get("/torrents/mylist")
    assert (listed["allow_zipped"], listed["seed_torrent"]) == (False, False)


@pytest.mark.parametrize("body", [[], {"magnet": [MAGNET]}, {"magnet": {}}, {str(n): n for n in range(65)}])
def test_a_json_body_of_another_form_is_refused(api, body):
    assert api.ask("POST", "/torrents/createtorrent", json=body).status_code == 400


# What an account has


def test_nothing_is_null(held):
    held.ask(
        "POST", "/torrents/createtorrent", data={"magnet": f"magnet:?xt=urn:btih:{ABSENT}", "as_queued": "1"}
    )
    for path in ("/torrents/mylist", "/torrents/getqueued", "/user/me"):
        assert "null" not in json.dumps(held.get(path))


def test_what_the_account_has_already_is_found_cached(api):
    job = api.add(FILM)
    api.finish(FILM)
    answer = api.ask("POST", "/torrents/createtorrent", files={"file": ("f", FILM)})
    assert (data(answer)["torrent_id"], answer.json()["detail"][:20]) == (job, "Found Cached Torrent")


def test_what_is_complete_counts_as_downloaded_and_has_no_speed(held):
    for each in held.get("/torrents/mylist"):
        assert each["total_downloaded"] >= each["size"]
        assert each["download_speed"] == 0
    assert held.get("/user/me")["total_downloaded"] == 15


# user/me


def test_comet_looks_for_success_without_a_space(api):
    answer = api.ask("GET", "/user/me?settings=false")
    assert '"success":true' in answer.text
    assert ": " not in answer.text.replace(answer.json()["detail"], "")
    found = data(answer)
    assert {"plan", "additional_concurrent_slots", "email", "premium_expires_at"} <= set(found)
    assert "settings" not in found
    assert isinstance(api.get("/user/me?settings=True")["settings"], dict)


def test_without_the_extra_every_call_says_so_for_good(tmp_path):
    with open_torbox(tmp_path, installed=False) as api:
        for verb, path in (
            ("GET", "/user/me"),
            ("GET", "/torrents/mylist"),
            ("POST", "/torrents/createtorrent"),
            ("GET", f"/torrents/torrentinfo?hash={HASH}"),
        ):
            assert error(api.ask(verb, path)) == (403, "PLAN_RESTRICTED_FEATURE")
