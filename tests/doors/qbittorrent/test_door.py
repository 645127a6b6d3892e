from dataclasses import replace

import httpx
import pytest
from starlette.responses import PlainTextResponse

from accounts.model import Scope
from bittorrent.metainfo import Metainfo
from doors.qbittorrent.door import PATHS
from doors.qbittorrent.own_address import serve_alone
from downloads.model import ContentKey, ContentStatus, JobState
from tests.support.torbox import NOON, hash_of, open_torbox, torrent_of

PACK = torrent_of("Pack", "a.bin", "b/c.txt")
ONE = torrent_of("One.mkv")
SECRET = torrent_of("Secret", "s.bin", private=True)
PASSWORD = "correct horse battery staple"


def form(**fields):
    return {"data": fields}


def log_in(api, name="ann", password=PASSWORD, **options):
    return api.ask("POST", "auth/login", key=None, data={"username": name, "password": password}, **options)


def by_cookie(api, cookie, path="torrents/info", verb="GET", **options):
    return api.ask(verb, path, key=None, headers={"Cookie": f"SID={cookie}"}, **options)


# Who is let in.


@pytest.mark.parametrize(
    "path", [each for each in PATHS if each.endpoint.account], ids=lambda each: each.path
)
def test_every_call_but_the_login_needs_an_account_and_what_changes_takes_no_get(api, path):
    verb = "POST" if path.changes else "GET"
    assert api.ask(verb, path.path, key=None).status_code == 403
    assert api.ask(verb, path.path, key="wrong").status_code == 403
    assert api.ask("GET", path.path).status_code == (
        405 if path.changes else api.ask("POST", path.path).status_code
    )


def test_a_path_that_is_not_there_is_not_found(api):
    assert api.ask("GET", "torrents/nothing").status_code == 404
    assert api.ask("GET", "../v1/x").status_code == 404


def test_a_password_begins_a_session_that_the_logout_ends(api):
    answer = log_in(api)
    assert (answer.status_code, answer.text) == (200, "Ok.")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/qbittorrent/" in cookie
    value = answer.cookies["SID"]
    assert by_cookie(api, value).json() == []
    assert len(api.box.run(api.box.services.accounts.sessions(api.box.users[0]))) == 1
    assert by_cookie(api, value, "auth/logout", "POST").status_code == 200
    assert by_cookie(api, value).status_code == 403


def test_a_key_stands_for_the_password_and_is_not_ended_by_the_logout(api):
    value = log_in(api, "whoever", api.key).cookies["SID"]
    assert by_cookie(api, value).json() == []
    by_cookie(api, value, "auth/logout", "POST")
    assert by_cookie(api, value).json() == []


@pytest.mark.parametrize(
    "sent", [("ann", "wrong"), ("nobody", PASSWORD), ("ann", "pg_qbittorrent_" + "x" * 43), ("", "")]
)
def test_what_is_wrong_fails_in_qbittorrents_words(api, sent):
    answer = log_in(api, *sent)
    assert (answer.status_code, answer.text) == (200, "Fails.")
    assert "set-cookie" not in answer.headers


def test_guesses_are_slowed_and_the_address_hears_that_it_is_banned(api):
    heard = [log_in(api, "ann", "wrong") for _ in range(6)]
    assert [each.status_code for each in heard] == [200] * 5 + [403]
    assert "banned" in heard[-1].text


def test_keys_of_other_scopes_and_of_disabled_accounts_open_nothing(api):
    other = api.box.mint(api.box.users[0], Scope.TORBOX)
    assert api.ask("GET", "torrents/info", key=other).status_code == 403
    assert log_in(api, "ann", other).text == "Fails."
    api.box.run(api.box.services.accounts.set_enabled(api.box.users[1], enabled=False))
    assert api.ask("GET", "torrents/info", key=api.other).status_code == 403


def test_a_key_can_be_limited_to_calls(api):
    key = api.box.mint(api.box.users[0], Scope.QBITTORRENT, methods=frozenset({"torrents.info"}))
    assert api.get("torrents/info", key=key) == []
    assert api.ask("GET", "app/version", key=key).status_code == 403


def test_a_name_and_password_in_authorization_are_meant_for_a_proxy(api):
    cookie = log_in(api).cookies["SID"]
    basic = {"Authorization": "Basic YW5uOnc=", "Cookie": f"SID={cookie}"}
    assert api.ask("GET", "torrents/info", key=None, headers=basic).json() == []
    assert (
        api.ask("GET", "torrents/info", key=None, headers={"Authorization": "Basic YW5uOnc="}).status_code
        == 403
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://box.test", "Referer": "http://elsewhere.test/"}, 200),
        ({"Referer": "http://box.test/qbittorrent/"}, 200),
        ({"Origin": "http://elsewhere.test"}, 401),
        ({"Referer": "http://elsewhere.test/page"}, 401),
        ({"Sec-Fetch-Site": "cross-site"}, 401),
    ],
)
def test_a_page_of_another_site_is_refused_by_origin_and_referer(api, headers, status):
    assert api.ask("POST", "torrents/info", headers=headers).status_code == status


def test_without_libtorrent_it_says_so(tmp_path):
    with open_torbox(tmp_path, installed=False) as box:
        key = box.mint(box.users[0], Scope.QBITTORRENT)
        path = "/qbittorrent/api/v2/torrents/info"
        answer = box.run(box.client.get(path, headers={"Authorization": f"Bearer {key}"}))
        assert answer.status_code == 503


# What is added.


def test_a_file_is_a_job_that_the_other_dialects_show_too(api):
    assert api.add(PACK, category="tv", tags="b,a", savepath="/etc", paused="true") == "Ok."
    (torrent,) = api.info()
    assert torrent["hash"] == hash_of(PACK)
    assert torrent["category"] == "tv"
    assert torrent["tags"] == "a, b"
    assert torrent["state"] == "pausedDL"
    assert torrent["save_path"] == f"/downloads/ann/{hash_of(PACK)}"
    assert torrent["content_path"] == f"/downloads/ann/{hash_of(PACK)}/Pack"
    assert [each["hash"] for each in api.box.get("/torrents/mylist?bypass_cache=true")] == [hash_of(PACK)]
    assert api.get("torrents/categories") == {"tv": {"name": "tv", "savePath": ""}}
    assert api.get("torrents/tags") == ["a", "b"]


def test_links_infohashes_and_urls_are_added_together(api):
    api.box.pages["http://indexer.test/1"] = ONE
    urls = "\n".join(["magnet:?xt=urn:btih:" + "ab" * 20, "", "cd" * 20, "http://indexer.test/1"])
    assert api.post("torrents/add", urls=urls) == "Ok."
    assert [each["hash"] for each in api.info()] == ["ab" * 20, "cd" * 20, hash_of(ONE)]
    assert [each["state"] for each in api.info(hashes="ab" * 20)] == ["metaDL"]


@pytest.mark.parametrize(
    "urls", ["http://nowhere.test/1", "magnet:?xt=urn:btih:12", "rubbish", "file:///etc/passwd"]
)
def test_what_is_no_torrent_fails(api, urls):
    assert api.post("torrents/add", urls=urls) == "Fails."
    assert api.info() == []


def test_nothing_sent_is_a_bad_request_and_too_many_links_too(api):
    assert api.ask("POST", "torrents/add").status_code == 400
    many = "\n".join(f"{number:040x}" for number in range(51))
    assert api.ask("POST", "torrents/add", **form(urls=many)).status_code == 400


def test_what_the_account_has_already_takes_the_labels(api):
    api.add(PACK)
    assert api.add(PACK, category="tv", tags="x") == "Ok."
    (torrent,) = api.info()
    assert (torrent["category"], torrent["tags"]) == ("tv", "x")


def test_a_blocked_torrent_fails_and_is_gone(api):
    api.add(PACK)
    api.box.run(api.box.services.takedowns.block(Metainfo.parse(PACK).infohash, "asked", "them"))
    api.box.run(api.box.downloads.forget(Metainfo.parse(PACK).infohashes))
    assert api.info() == []
    assert api.add(PACK) == "Fails."


def test_slots_and_the_rate_of_new_content_bind_here_too(tmp_path):
    rates = {"downloads_create": "2/hour"}
    with open_torbox(tmp_path, rates=rates, slots=1) as box:
        headers = {"Authorization": f"Bearer {box.mint(box.users[0], Scope.QBITTORRENT)}"}

        def add(torrent):
            path = "/qbittorrent/api/v2/torrents/add"
            return box.run(box.client.post(path, files={"torrents": ("t", torrent)}, headers=headers))

        assert [add(each).text for each in (PACK, ONE)] == ["Ok.", "Ok."]
        answer = add(SECRET)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        listed = box.run(box.client.get("/qbittorrent/api/v2/torrents/info", headers=headers)).json()
        assert [each["state"] for each in listed] == ["downloading", "queuedDL"]


@pytest.mark.parametrize("fields", [{"category": "a//b"}, {"category": "x" * 200}, {"tags": "a\x07b"}])
def test_labels_that_cannot_be_are_refused(api, fields):
    assert api.ask("POST", "torrents/add", **form(urls="ab" * 20, **fields)).status_code == 400


# The list.


def test_the_list_is_filtered_ordered_and_cut(api):
    for name, category in (("b", "tv"), ("a", ""), ("c", "tv")):
        api.add(torrent_of(name), category=category, tags="new" if name == "c" else "")
    names = lambda **query: [each["name"] for each in api.info(**query)]  # noqa: E731 - said in one line
    assert names() == ["b", "a", "c"]
    assert names(sort="name") == ["a", "b", "c"]
    assert names(sort="name", reverse="true", limit=2) == ["c", "b"]
    assert names(offset=1, limit=1) == ["a"]
    assert names(offset=-1) == ["c"]
    assert names(category="tv") == ["b", "c"]
    assert names(category="") == ["a"]
    assert names(tag="new") == ["c"]
    assert names(tag="") == ["b", "a"]
    assert names(hashes=f"{hash_of(torrent_of('a'))}|rubbish") == ["a"]
    assert names(hashes="rubbish") == []
    assert names(filter="downloading") == ["b", "a", "c"]
    assert names(filter="completed") == []
    assert names(sort="nothing") == ["b", "a", "c"]
    assert api.ask("GET", "torrents/count").text == "3"


def test_accounts_see_their_own_torrents_alone(api):
    api.add(PACK)
    assert api.get("torrents/info", key=api.other) == []
    assert api.ask("GET", f"torrents/properties?hash={hash_of(PACK)}", key=api.other).status_code == 404
    api.post("torrents/delete", key=api.other, hashes=hash_of(PACK), deleteFiles="true")
    assert len(api.info()) == 1


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (ContentStatus(JobState.DOWNLOADING, down_rate=1), "downloading"),
        (ContentStatus(JobState.DOWNLOADING), "stalledDL"),
        (ContentStatus(JobState.CHECKING), "checkingDL"),
    ],
)
def test_states_of_what_is_fetched(api, status, state):
    api.add(PACK)
    api.box.engine.statuses[ContentKey(Metainfo.parse(PACK).infohash)] = status
    assert api.info()[0]["state"] == state


def test_complete_content_is_told_as_seeded_then_as_paused(api):
    api.add(PACK)
    api.finish(PACK)
    (torrent,) = api.info()
    assert (torrent["state"], torrent["progress"], torrent["amount_left"]) == ("uploading", 1.0, 0)
    assert torrent["completion_on"] == int(NOON)
    api.post("torrents/pause", hashes=hash_of(PACK))
    assert api.info()[0]["state"] == "pausedUP"
    api.post("torrents/start", hashes="all")
    assert api.info()[0]["state"] == "uploading"


def test_content_that_is_gone_is_told_and_fetched_again_by_a_recheck(api):
    api.add(PACK)
    api.finish(PACK)
    key = ContentKey(Metainfo.parse(PACK).infohash)
    (api.box.engine.requests[key].folder / "1").unlink()
    assert [each["state"] for each in api.info(filter="errored")] == ["missingFiles"]
    api.post("torrents/recheck", hashes=hash_of(PACK))
    assert [each["state"] for each in api.info()] == ["downloading"]
    assert key in api.box.engine.running
    api.finish(PACK)
    assert [each["state"] for each in api.info()] == ["uploading"]


def test_one_torrents_details_files_trackers_and_file(api):
    api.add(PACK)
    query = {"params": {"hash": hash_of(PACK)}}
    assert api.get("torrents/properties", **query)["save_path"] == f"/downloads/ann/{hash_of(PACK)}"
    files = api.get("torrents/files", **query)
    assert [(each["index"], each["name"], each["size"]) for each in files] == [
        (0, "Pack/a.bin", 5),
        (1, "Pack/b/c.txt", 5),
    ]
    assert [
        each["index"] for each in api.get("torrents/files", params={**query["params"], "indexes": "1"})
    ] == [1]
    assert [each["url"] for each in api.get("torrents/trackers", **query)] == ["http://tracker.test/announce"]
    assert api.get("torrents/webseeds", **query) == []
    assert api.ask("GET", "torrents/export", **query).content == PACK
    for path in ("properties", "files", "trackers", "webseeds", "export"):
        assert api.ask("GET", f"torrents/{path}?hash={'ee' * 20}").status_code == 404
        assert api.ask("GET", f"torrents/{path}").status_code == 400


# What changes torrents.


def test_a_delete_lets_go_of_content(api):
    api.add(PACK)
    api.add(ONE)
    api.post("torrents/delete", hashes=f"{hash_of(PACK)}|{'ee' * 20}", deleteFiles="false")
    api.box.run(api.box.settle())
    assert [each["hash"] for each in api.info()] == [hash_of(ONE)]
    assert api.box.engine.removed == [(ContentKey(Metainfo.parse(PACK).infohash), True)]
    assert api.ask("POST", "torrents/delete").status_code == 400


def test_the_queue_moves_and_a_forced_start_takes_no_more_slots_than_there_are(tmp_path):
    with open_torbox(tmp_path, slots=1) as box:
        headers = {"Authorization": f"Bearer {box.mint(box.users[0], Scope.QBITTORRENT)}"}

        def post(path, **options):
            answer = box.run(
                box.client.post(f"/qbittorrent/api/v2/torrents/{path}", headers=headers, **options)
            )
            assert answer.status_code == 200, answer.text

        for torrent in (PACK, ONE, SECRET):
            post("add", files={"torrents": ("t", torrent)})
        post("topPrio", data={"hashes": hash_of(SECRET)})
        post("setForceStart", data={"hashes": hash_of(ONE), "value": "true"})
        post("setForceStart", data={"hashes": hash_of(SECRET), "value": "true"})
        states = box.run(box.client.get("/qbittorrent/api/v2/torrents/info", headers=headers)).json()
        assert [each["state"] for each in states] == ["downloading", "queuedDL", "queuedDL"]
        post("delete", data={"hashes": hash_of(PACK)})
        box.run(box.settle())
        states = box.run(box.client.get("/qbittorrent/api/v2/torrents/info", headers=headers)).json()
        assert {each["name"]: each["state"] for each in states} == {
            "One.mkv": "queuedDL",
            "Secret": "downloading",
        }


def test_share_limits_end_seeding_within_those_of_the_settings(api):
    api.add(PACK, ratioLimit="0.5", seedingTimeLimit="60")
    api.finish(PACK)
    (torrent,) = api.info()
    assert (torrent["ratio_limit"], torrent["seeding_time_limit"]) == (0.5, 60)
    assert (torrent["max_ratio"], torrent["max_seeding_time"]) == (0.5, 60)
    key = ContentKey(Metainfo.parse(PACK).infohash)
    api.box.engine.statuses[key] = replace(api.box.engine.state, uploaded=0, state=JobState.UPLOADING)
    api.box.clock.now += 3601
    api.box.run(api.box.downloads.check())
    assert api.info()[0]["state"] == "pausedUP"
    assert key in api.box.engine.paused
    api.post("torrents/setShareLimits", hashes=hash_of(PACK), ratioLimit="-2", seedingTimeLimit="-2")
    (torrent,) = api.info()
    assert (torrent["ratio_limit"], torrent["seeding_time_limit"]) == (-2, -2)
    assert key not in api.box.engine.paused


def test_categories_are_made_given_and_removed(api):
    api.add(PACK)
    api.post("torrents/createCategory", category="tv", savePath="/elsewhere")
    assert api.ask("POST", "torrents/createCategory", **form(category="tv")).status_code == 409
    assert api.ask("POST", "torrents/createCategory", **form(category="")).status_code == 400
    assert api.ask("POST", "torrents/createCategory", **form(category="a\\b")).status_code == 400
    api.post("torrents/editCategory", category="tv", savePath="/other")
    assert api.ask("POST", "torrents/editCategory", **form(category="film")).status_code == 409
    api.post("torrents/setCategory", hashes=hash_of(PACK), category="tv")
    assert api.info(category="tv")
    assert api.ask("POST", "torrents/setCategory", **form(hashes="all", category="film")).status_code == 409
    assert api.get("torrents/categories", key=api.other) == {}
    api.post("torrents/removeCategories", categories="tv\nnone")
    assert api.get("torrents/categories") == {}
    assert api.info()[0]["category"] == ""


def test_tags_are_made_given_taken_and_removed(api):
    api.add(PACK)
    api.post("torrents/createTags", tags="a, b")
    api.post("torrents/addTags", hashes="all", tags="b,c,d")
    assert api.get("torrents/tags") == ["a", "b", "c", "d"]
    api.post("torrents/removeTags", hashes="all", tags="b")
    assert api.info()[0]["tags"] == "c, d"
    api.post("torrents/deleteTags", tags="c")
    assert (api.info()[0]["tags"], api.get("torrents/tags")) == ("d", ["a", "b", "d"])
    api.post("torrents/removeTags", hashes="all", tags="")
    assert api.info()[0]["tags"] == ""


def test_an_account_keeps_a_bounded_number_of_names(api):
    for start in range(0, 200, 50):
        api.post("torrents/createTags", tags=",".join(f"t{number}" for number in range(start, start + 50)))
    assert api.ask("POST", "torrents/createTags", **form(tags="one")).status_code == 409


def test_labels_are_there_after_a_restart(api, tmp_path):
    api.add(PACK, category="tv", tags="x", ratioLimit="1.5")
    rows = api.box.run(
        api.box.opened.application.stores.records.rows("SELECT category, tags, ratio FROM job")
    )
    assert rows == [("tv", "x", 1500)]


def test_content_is_fetched_whole_and_stays_where_it_is(api):
    api.add(PACK)
    chosen = {"hash": hash_of(PACK), "id": "0|1"}
    api.post("torrents/filePrio", **chosen, priority="7")
    assert api.ask("POST", "torrents/filePrio", **form(**chosen, priority="0")).status_code == 409
    assert api.ask("POST", "torrents/filePrio", **form(**chosen, priority="3")).status_code == 400
    assert (
        api.ask("POST", "torrents/filePrio", **form(hash=hash_of(PACK), id="9", priority="1")).status_code
        == 409
    )
    assert api.ask("POST", "torrents/setLocation", **form(hashes="all", location="/etc")).status_code == 403


# What is told of the application, and polled.


def test_the_application_tells_its_versions_and_settings(api):
    assert api.ask("GET", "app/version").text == "v4.6.7"
    assert api.ask("GET", "app/webapiVersion").text == "2.9.3"
    assert api.ask("GET", "app/defaultSavePath").text == "/downloads/ann"
    settings = api.get("app/preferences")
    assert settings["save_path"] == "/downloads/ann"
    assert (settings["max_ratio_enabled"], settings["max_ratio_act"], settings["queueing_enabled"]) == (
        True,
        0,
        True,
    )
    assert api.get("app/buildInfo")["bitness"] == 64
    assert api.get("transfer/info")["connection_status"] == "connected"
    assert api.ask("GET", "transfer/speedLimitsMode").text == "0"


def test_main_data_is_told_once_and_then_what_is_another(api):
    api.add(PACK, category="tv", tags="x")
    whole = api.get("sync/maindata")
    assert whole["full_update"] is True
    assert list(whole["torrents"]) == [hash_of(PACK)]
    assert (list(whole["categories"]), whole["tags"]) == (["tv"], ["x"])
    same = api.get("sync/maindata", params={"rid": whole["rid"]})
    assert same == {"rid": whole["rid"] + 1}
    api.box.clock.now += 60  # clocks alone are no change
    assert api.get("sync/maindata", params={"rid": same["rid"]}) == {"rid": same["rid"] + 1}
    api.add(ONE)
    api.post("torrents/pause", hashes=hash_of(PACK))
    api.post("torrents/removeCategories", categories="tv")
    api.post("torrents/createTags", tags="y")
    changed = api.get("sync/maindata", params={"rid": same["rid"] + 1})
    assert set(changed["torrents"]) == {hash_of(PACK), hash_of(ONE)}
    assert (changed["categories_removed"], changed["tags"]) == (["tv"], ["y"])
    api.post("torrents/delete", hashes=hash_of(PACK))
    api.post("torrents/deleteTags", tags="x")
    gone = api.get("sync/maindata", params={"rid": changed["rid"]})
    assert (gone["torrents_removed"], gone["tags_removed"]) == ([hash_of(PACK)], ["x"])
    # An answer that was lost is told again, whole; another client has a count of its own.
    assert api.get("sync/maindata", params={"rid": changed["rid"]})["full_update"] is True
    cookie = log_in(api).cookies["SID"]
    assert by_cookie(api, cookie, f"sync/maindata?rid={gone['rid'] + 1}").json()["full_update"] is True


# The address that it may have for itself.


async def test_at_a_host_or_port_of_its_own_it_is_at_the_root():
    async def app(scope, receive, send):
        await PlainTextResponse(scope["path"])(scope, receive, send)

    async def asked(url, port):
        served = serve_alone(app, "https://box.example", frozenset({8080}))

        async def at_port(scope, receive, send):
            await served({**scope, "server": ("127.0.0.1", port)}, receive, send)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(at_port)) as client:
            return (await client.get(url)).text

    assert serve_alone(app, None, ()) is app
    assert await asked("http://any.example/api/v2/app/version", 8080) == "/qbittorrent/api/v2/app/version"
    assert await asked("http://box.example/api/v2/x", 6969) == "/qbittorrent/api/v2/x"
    assert await asked("http://any.example/api/v2/x", 6969) == "/api/v2/x"
