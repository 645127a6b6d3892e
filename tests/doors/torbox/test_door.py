import asyncio

import pytest

from accounts.model import Scope
from bittorrent.infohash import InfoHash
from bittorrent.refusal import REASONS, Refusal
from doors.torbox.door import PATHS
from doors.torbox.error_codes import code_of
from tests.support.torbox import NOON, data, error, hash_of, open_torbox, torrent_of
from tracker.model import Counts

PACK = torrent_of("Pack", "a.bin", "b/c.txt")
SECRET = torrent_of("Secret", "s.bin", private=True)


def create(api, **options):
    return api.ask("POST", "/torrents/createtorrent", **options)


# Who is let in, and how often.


@pytest.mark.parametrize(
    "call",
    [call for call in PATHS if all(endpoint.account for endpoint, _ in call.handlers.values())],
    ids=lambda call: call.path,
)
def test_every_call_but_one_needs_a_key(api, call):
    path = call.path.replace("{id}", "1")
    verb = next(iter(call.handlers))
    assert error(api.ask(verb, path, key=None)) == (403, "NO_AUTH")
    wrong = f"{path}?token=wrong" if call.handlers[verb][0].credentials else path
    assert error(api.ask(verb, wrong, key="wrong")) == (403, "BAD_TOKEN")


def test_a_key_of_another_dialect_opens_nothing(api):
    assert error(api.ask("GET", "/user/me", key=api.mint(1, Scope.REST))) == (403, "BAD_TOKEN")


def test_a_session_in_a_browser_opens_nothing(api):
    cookie, _ = api.run(api.services.accounts.open_session(api.users[0]))
    answer = api.ask("GET", "/user/me", key=None, headers={"Cookie": f"session={cookie}"})
    assert error(answer) == (403, "NO_AUTH")


def test_a_key_can_be_limited_to_calls(api):
    key = api.mint(api.users[0], methods=frozenset({"mylist"}))
    assert api.get("/torrents/mylist", key=key) == []
    assert error(api.ask("GET", "/user/me", key=key)) == (403, "PLAN_RESTRICTED_FEATURE")


def test_a_disabled_account_is_refused(api):
    api.run(api.services.accounts.set_enabled(api.users[1], enabled=False))
    assert error(api.ask("GET", "/user/me", key=api.other)) == (403, "AUTH_ERROR")


def test_too_many_calls_are_refused_with_a_retry_time(tmp_path):
    with open_torbox(tmp_path, rates={"torbox": "2/minute"}) as api:
        api.get("/user/me")
        api.get("/user/me")
        answer = api.ask("GET", "/user/me")
        assert answer.json() == {
            "success": False,
            "error": "RATE_LIMIT",
            "detail": "2 per 1 minute",
            "data": None,
        }
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
        assert api.get("/user/me", key=api.other)["email"] == "bob"
        api.clock.now += 60
        api.get("/user/me")


def test_keys_that_are_guessed_count_for_their_address(tmp_path):
    with open_torbox(tmp_path, rates={"torbox": "2/minute"}) as api:
        codes = [error(api.ask("GET", "/user/me", key=f"guess{number}")) for number in range(3)]
        assert codes == [(403, "BAD_TOKEN"), (403, "BAD_TOKEN"), (429, "RATE_LIMIT")]


def test_only_what_is_not_here_yet_counts_as_added(tmp_path):
    with open_torbox(tmp_path, rates={"downloads_create": "1/hour"}) as api:
        assert error(create(api, data={"magnet": "garbage"})) == (400, "BOZO_TORRENT")
        api.add(PACK)
        api.finish(PACK)
        new = {"files": {"file": ("f", torrent_of("new"))}}
        answer = create(api, **new)
        assert error(answer) == (429, "RATE_LIMIT")
        assert answer.json()["detail"] == "1 per 1 hour"
        assert answer.headers["retry-after"] == "3600"
        api.add(PACK, key=api.other)
        data(create(api, key=api.other, **new))
        api.add(PACK)
        api.clock.now = NOON + 3601
        data(create(api, files={"file": ("f", torrent_of("newer"))}))


# Paths and verbs.


@pytest.mark.parametrize(
    "path", ["/v2/api/user/me", "/v1/api/nothing", "/v1/api/torrents/", "/v1/api", "/v99/api"]
)
def test_unknown_paths_and_versions_are_said_in_the_envelope(api, path):
    answer = api.run(api.client.get(path))
    assert error(answer) == (404, "ENDPOINT_NOT_FOUND")


def test_a_wrong_verb_names_the_right_one(api):
    answer = api.ask("PUT", "/torrents/mylist")
    assert error(answer) == (405, "ENDPOINT_NOT_FOUND")
    assert answer.headers["allow"] == "GET, HEAD"


def test_every_refusal_has_a_code_and_none_makes_clients_ask_again():
    for code in REASONS:
        found = code_of(Refusal(code))
        assert found.status < 500 or code == "internal"
        assert found.status != 408


# Options.


@pytest.mark.parametrize(
    ("verb", "path", "expected"),
    [
        ("POST", "/torrents/createtorrent", (400, "MISSING_REQUIRED_OPTION")),
        ("GET", "/torrents/mylist?id=abc", (400, "INVALID_OPTION")),
        ("GET", "/torrents/mylist?offset=-1", (400, "INVALID_OPTION")),
        ("GET", "/torrents/mylist?bypass_cache=maybe", (400, "INVALID_OPTION")),
        ("GET", "/torrents/mylist?id=99", (404, "ITEM_NOT_FOUND")),
        ("GET", f"/torrents/mylist?id={9**40}", (400, "INVALID_OPTION")),
        ("GET", f"/torrents/mylist?id={2**70}", (404, "ITEM_NOT_FOUND")),
        ("GET", "/torrents/checkcached", (422, "MISSING_REQUIRED_OPTION")),
        ("GET", "/torrents/checkcached?hash=aa&format=xml", (400, "INVALID_OPTION")),
        ("GET", "/torrents/exportdata?type=magnet", (422, "MISSING_REQUIRED_OPTION")),
        ("GET", "/torrents/exportdata?torrent_id=1", (422, "MISSING_REQUIRED_OPTION")),
        ("GET", "/torrents/exportdata?torrent_id=1&type=zip", (400, "INVALID_OPTION")),
        ("GET", "/torrents/exportdata?torrent_id=1&type=file", (404, "ITEM_NOT_FOUND")),
        ("GET", "/torrents/torrentinfo", (422, "MISSING_REQUIRED_OPTION")),
        ("GET", "/torrents/torrentinfo?hash=xyz", (400, "INVALID_OPTION")),
        ("GET", f"/torrents/torrentinfo?hash={'ab' * 20}&timeout=x", (400, "INVALID_OPTION")),
        ("POST", "/torrents/torrentinfo", (400, "MISSING_REQUIRED_OPTION")),
        ("POST", "/torrents/controltorrent", (400, "MISSING_REQUIRED_OPTION")),
        ("DELETE", "/torrents/controltorrent/x", (400, "INVALID_OPTION")),
        ("DELETE", "/torrents/controltorrent/7", (404, "ITEM_NOT_FOUND")),
    ],
)
def test_bad_options_have_their_codes(api, verb, path, expected):
    assert error(api.ask(verb, path)) == expected


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"operation": "explode", "torrent_id": 1}, "INVALID_OPTION"),
        ({"operation": "delete"}, "MISSING_REQUIRED_OPTION"),
        ({"operation": "delete", "torrent_id": True}, "INVALID_OPTION"),
        ({"operation": "delete", "torrent_id": 10**25}, "ITEM_NOT_FOUND"),
        ({"operation": ["delete"], "torrent_id": 1}, "INVALID_OPTION"),
        ({"operation": "delete", "all": "perhaps"}, "INVALID_OPTION"),
    ],
)
def test_operations_that_cannot_be(api, body, code):
    assert error(api.ask("POST", "/torrents/controltorrent", json=body))[1] == code


def test_both_a_magnet_and_a_file_are_too_many(api):
    fields = {"magnet": f"magnet:?xt=urn:btih:{hash_of(PACK)}"}
    answer = create(api, files={"file": ("f", PACK)}, data=fields)
    assert error(answer) == (400, "TOO_MANY_OPTIONS")


@pytest.mark.parametrize("fields", [{"seed": "4"}, {"seed": "x"}, {"allow_zip": "perhaps"}])
def test_options_of_a_new_torrent_are_checked(api, fields):
    assert error(create(api, files={"file": ("f", PACK)}, data=fields)) == (400, "INVALID_OPTION")


def test_what_is_on_the_account_already_is_a_duplicate(api):
    api.add(PACK)
    assert error(create(api, files={"file": ("f", PACK)})) == (400, "DUPLICATE_ITEM")


def test_what_is_too_large_is_said_so(tmp_path):
    with open_torbox(tmp_path, max_size=9) as api:
        assert error(create(api, files={"file": ("f", PACK)})) == (400, "DOWNLOAD_TOO_LARGE")


def test_a_body_that_is_too_large_is_not_read(api):
    answer = create(api, files={"file": ("f", b"x" * (11 << 20))})
    assert error(answer) == (413, "TOO_MUCH_DATA")


def test_without_a_free_slot_clients_get_active_limit(tmp_path):
    with open_torbox(tmp_path, slots=1, queue=0) as api:
        api.add(PACK)
        answer = create(api, files={"file": ("f", torrent_of("next"))})
        assert error(answer) == (400, "ACTIVE_LIMIT")
        assert answer.json()["data"] == {"active_limit": 1, "current_active_downloads": 1}


def test_what_is_blocked_is_not_fetched(api):
    infohash = InfoHash.parse(hash_of(PACK))
    api.run(api.services.takedowns.block(infohash, "court order", "op"))
    assert error(create(api, files={"file": ("f", PACK)})) == (400, "DIFF_ISSUE")


# Links and exports.


def test_links_to_what_cannot_be_had(api):
    number = api.add(PACK, allow_zip="false")

    def ask(**query):
        given = {"token": api.key, "torrent_id": number, **query}
        return error(api.ask("GET", "/torrents/requestdl", params=given))

    assert ask(file_id=0) == (400, "DIFF_ISSUE")
    api.finish(PACK)
    assert ask(file_id=2) == (404, "ITEM_NOT_FOUND")
    assert ask(file_id=-1) == (404, "ITEM_NOT_FOUND")
    assert ask(zip_link="true") == (400, "DIFF_ISSUE")
    assert ask(zip_link="true", torrent_file="true") == (400, "TOO_MANY_OPTIONS")
    assert ask(torrent_id=77, file_id=0) == (404, "ITEM_NOT_FOUND")
    assert ask(torrent_id="") == (422, "MISSING_REQUIRED_OPTION")


def test_links_lead_to_what_was_asked_for(api):
    number = api.add(PACK)
    api.finish(PACK)

    def what(**query):
        given = {"token": api.key, "torrent_id": number, **query}
        link = api.get("/torrents/requestdl", params=given)
        return api.services.links.read(link.rpartition("/")[2]).target

    assert what() == what(zip_link="false") == 0
    assert what(file_id=1) == 1
    assert what(file_id=1, zip_link="true") == -1
    assert what(torrent_file="true") == -2


def test_a_torrent_is_exported(api):
    number = api.add(PACK)
    magnet = api.get("/torrents/exportdata", params={"torrent_id": number, "type": "magnet"})
    assert magnet.startswith(f"magnet:?xt=urn:btih:{hash_of(PACK)}")
    answer = api.ask("GET", "/torrents/exportdata", params={"torrent_id": number, "type": "file"})
    assert answer.content == PACK
    assert answer.headers["content-type"] == "application/x-bittorrent"
    assert 'filename="Pack.torrent"' in answer.headers["content-disposition"]


def test_all_jobs_are_controlled_at_once(api):
    for number in range(3):
        api.add(torrent_of(f"t{number}"))
    data(api.ask("POST", "/torrents/controltorrent", json={"operation": "pause", "all": True}))
    assert {each["download_state"] for each in api.get("/torrents/mylist")} == {"paused"}
    data(api.ask("POST", "/torrents/controltorrent", json={"operation": "delete", "all": "True"}))
    assert api.get("/torrents/mylist") == []


def test_a_list_may_be_some_seconds_old_unless_the_account_changed_it(api):
    api.add(PACK)
    api.run(api.settle())

    def progress(query=""):
        return [each["download_finished"] for each in api.get(f"/torrents/mylist{query}")]

    assert progress() == [False]
    api.finish(PACK)
    api.clock.now += 9
    assert progress() == [False]
    assert progress("?bypass_cache=true") == [True]
    api.add(SECRET)
    assert progress() == [False, True]
    api.finish(SECRET)
    assert progress() == [False, True]
    api.clock.now += 10
    assert progress() == [True, True]
    api.add(torrent_of("more"))
    assert progress() == [False, True, True]


# What one account has is nothing to another.


def test_another_accounts_job_is_not_there(api):
    number = api.add(PACK)
    api.finish(PACK)
    other = {"key": api.other}
    assert api.get("/torrents/mylist", **other) == []
    assert error(api.ask("GET", f"/torrents/mylist?id={number}", **other)) == (404, "ITEM_NOT_FOUND")
    for path in (
        f"exportdata?type=file&torrent_id={number}",
        f"requestdl?token={api.other}&torrent_id={number}&file_id=0",
    ):
        assert error(api.ask("GET", f"/torrents/{path}", **other)) == (404, "ITEM_NOT_FOUND")
    for word in ("delete", "pause", "resume", "reannounce"):
        body = {"torrent_id": number, "operation": word}
        answer = api.ask("POST", "/torrents/controltorrent", json=body, **other)
        assert error(answer) == (404, "ITEM_NOT_FOUND")
    data(api.ask("POST", "/torrents/controltorrent", json={"operation": "delete", "all": True}, **other))
    assert len(api.get("/torrents/mylist")) == 1


def test_private_content_is_cached_for_its_own_account_alone(api):
    api.add(SECRET)
    api.finish(SECRET)
    query = f"hash={hash_of(SECRET)}&list_files=true"
    assert list(api.get(f"/torrents/checkcached?{query}")) == [hash_of(SECRET)]
    assert api.get(f"/torrents/checkcached?{query}", key=api.other) == {}
    wish = {"files": {"file": ("f", SECRET)}, "data": {"add_only_if_cached": "1"}}
    assert error(create(api, key=api.other, **wish)) == (400, "DIFF_ISSUE")
    answer = api.ask("GET", f"/torrents/torrentinfo?hash={hash_of(SECRET)}&timeout=1", key=api.other)
    assert error(answer) == (404, "ITEM_NOT_FOUND")


# torrentinfo


def test_what_is_cached_is_shown_to_anyone(api):
    api.run(api.services.uploads.accept(PACK, "test"))
    api.swarms[InfoHash.parse(hash_of(PACK))] = Counts(3, 9, 2, 2)
    found = api.get(f"/torrents/torrentinfo?hash={hash_of(PACK).upper()}", key=None)
    assert found == {
        "name": "Pack",
        "hash": hash_of(PACK),
        "size": 10,
        "seeds": 3,
        "peers": 2,
        "trackers": ["http://tracker.test/announce"],
        "files": [{"name": "Pack/a.bin", "size": 5}, {"name": "Pack/b/c.txt", "size": 5}],
    }


def test_a_lookup_needs_an_account_where_the_operator_says_so(api):
    path = f"/torrents/torrentinfo?hash={'ab' * 20}&timeout=99999"
    assert error(api.ask("GET", path, key=None)) == (403, "NO_AUTH")
    assert error(api.ask("GET", path)) == (404, "ITEM_NOT_FOUND")


def test_information_is_asked_for_by_form_too(api):
    api.run(api.services.uploads.accept(PACK, "test"))
    other = torrent_of("other")

    def ask(**options):
        return data(api.ask("POST", "/torrents/torrentinfo", key=None, **options))["name"]

    assert ask(data={"hash": hash_of(PACK), "magnet": "garbage"}) == "Pack"
    assert ask(data={"magnet": f"magnet:?xt=urn:btih:{hash_of(PACK)}"}) == "Pack"
    assert ask(files={"file": ("f", other)}) == "other"
    assert ask(files={"file": ("f", other)}, data={"hash": hash_of(PACK)}) == "Pack"


def test_a_private_torrents_trackers_are_not_shown(api):
    found = data(api.ask("POST", "/torrents/torrentinfo", key=None, files={"file": ("f", SECRET)}))
    assert (found["trackers"], found["files"]) == ([], [{"name": "Secret/s.bin", "size": 5}])


# Hostile input: whatever it is, the answer is an envelope and never the server's fault.

TEXTS = [
    "\x00", "\u202e", "'; DROP TABLE job; --", "9" * 5000, "-1", "1e9", "NaN", "%00", "\ud800".encode("utf-8", "surrogatepass"),
    "magnet:?xt=urn:btih:" + "z" * 40, "magnet:?xt=urn:btih:" + "a" * 40 + "&tr=" + "x" * 40_000,
    "magnet:?xt=urn:btmh:1220" + "ab" * 32, "../../etc/passwd", "",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
@pytest.mark.parametrize("call", PATHS, ids=lambda call: call.path)
def test_no_text_in_any_option_is_the_servers_fault(api, call, text):
    names = [
        "id",
        "offset",
        "limit",
        "hash",
        "format",
        "list_files",
        "type",
        "torrent_id",
        "file_id",
        "zip_link",
        "redirect",
        "timeout",
        "settings",
    ]
    form = ["magnet", "name", "seed", "allow_zip", "as_queued", "hash", "file", "timeout"]
    for verb in call.handlers:
        path = call.path.replace("{id}", "1")
        for name in names:
            query = {name: text, "token": api.key} | ({"torrent_id": "1"} if name != "torrent_id" else {})
            sound(api.ask(verb, path, params=query))
        for name in form if verb == "POST" else ():
            sound(api.ask(verb, path, params={"token": api.key}, data={name: text}))


BODIES = [
    b"[" * 100_000, b'"' + b"[" * 1000 + b'"', b'{"torrent_id":' + b"9" * 5000 + b"}", b"\xff\xfe", b"null", b"1",
    b'{"hashes":{}}', b'{"hashes":[1]}', b'{"hashes":["' + b"a" * 100_000 + b'"]}', b'{"hashes":' + b"[" * 500 + b"]" * 500 + b"}",
    b'{"operation":"delete","torrent_id":"\\ud800"}', b'{"operation":NaN}', b'{"all":{}, "operation":"delete"}', b'"\\ud800"',
    b'{"a":1,"a":2}', b"x" * 1_000_000,
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
@pytest.mark.parametrize(
    "kind", ["application/json", "multipart/form-data; boundary=x", "multipart/form-data", ""]
)
def test_no_body_is_the_servers_fault(api, body, kind):
    for call in PATHS:
        for verb in set(call.handlers) - {"GET"}:
            path = call.path.replace("{id}", "1")
            sound(api.ask(verb, path, content=body, headers={"Content-Type": kind}))


def sound(answer):
    assert answer.status_code < 500, answer.text
    assert set(answer.json()) == {"success", "error", "detail", "data"}


def test_more_hashes_than_a_call_takes(api):
    hashes = [f"{number:040x}" for number in range(1001)]
    answer = api.ask("POST", "/torrents/checkcached", json={"hashes": hashes})
    assert error(answer) == (400, "TOO_MANY_OPTIONS")
    assert data(api.ask("POST", "/torrents/checkcached", json={"hashes": hashes[:1000]})) == {}


def test_calls_at_the_same_time_do_not_add_twice(api):
    async def twice():
        form = {"files": {"file": ("f", PACK)}, "headers": {"Authorization": f"Bearer {api.key}"}}
        path = "/v1/api/torrents/createtorrent"
        return await asyncio.gather(*(api.client.post(path, **form) for _ in range(5)))

    statuses = sorted(answer.status_code for answer in api.run(twice()))
    assert statuses == [200, 400, 400, 400, 400]
