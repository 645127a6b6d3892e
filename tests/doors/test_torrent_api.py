import asyncio
import itertools
import json
import re

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.model import Scope
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.imdb_titles import ImdbTitle
from catalogue.model import PUBLIC_VIEWER
from doors.client_address import ClientAddress
from doors.torrent_api import METHODS
from tests.support.census import AMERICAN, DUTCH, GERMAN
from tests.support.tasks import until
from tests.support.torrent_api import open_torrent_api
from tracker.model import Counts

HOMECOMING = ImdbTitle(2250912, "Spider-Man: Homecoming", "Spider-Man: Homecoming", 2017, False)
HASH = "ab" * 20
NOBODYS = "cd" * 20


@pytest.fixture
def api(tmp_path):
    with open_torrent_api(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One service for tests that do not affect each other."""
    with open_torrent_api(tmp_path_factory.mktemp("shared")) as opened:
        yield opened


def error(answer: httpx.Response) -> tuple[int, str]:
    body = answer.json()
    assert list(body) == ["error", "message"]
    assert body["message"]
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, body["error"]


def shape(value):
    """The keys in order and the types of an answer."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()} | {"": list(value)}
    return [shape(each) for each in value] if isinstance(value, list) else type(value).__name__


# The samples of the dialect's page.

LIST_OF_THE_PAGE = json.loads("""{
    "imdb":"tt2250912", "title":"Spider-Man: Homecoming",
    "torrents":[
        {"infohash":"473bf68d4dd002a068e5c819de9dfaf2ec3d7dc0", "size":2970014871,
         "dateAdded":"2017-10-09T00:30:58.080+0000",
         "name":"Spider-Man.Homecoming.(2017).BDRip.x264.AFM.mkv", "alive":true},
        {"infohash":"3531f26c8a49b203b3d0672a55b09a07fdaa7840", "size":2450276855,
         "dateAdded":"2017-10-08T14:03:30.111+0000",
         "name":"Homem-Aranha - De Volta ao Lar 2017 [BluRay] (3D)", "alive":true}]}""")
INFO_OF_THE_PAGE = json.loads("""{
    "infohash":"acb849c248930b9f45cd6bfc2de8d9d4be304b20",
    "torrentName":"Spider-Man Homecoming 2017 Movies HD Cam XviD Clean Audio AAC New Source with Sample ☻rDX☻",
    "size":738982523, "category":"Movies", "title":"Spider-Man: Homecoming", "imdbId":"tt2250912",
    "dateAdded":"2017-07-08T16:34:30.359+0000", "alive":true}""")
MUSIC_OF_THE_PAGE = json.loads("""{
    "infohash":"3b7afa9c9481b3af43f053f5d9627b334aaa8633", "torrentName":"Game of Thrones_ Season 4_Soundtrack",
    "size":148865997, "category":"Music", "title":"Game of Thrones_ Season 4_Soundtrack",
    "dateAdded":"2016-06-23T21:41:30.427+0000", "alive":true}""")
PEERS_OF_THE_PAGE = json.loads("""{
    "day":"2017-10-08", "infohash":"acb849c248930b9f45cd6bfc2de8d9d4be304b24", "totalPeers":350,
    "countries":[{"code":"BR","peers":200},{"code":"US","peers":100},{"code":"IN","peers":50}]}""")

# Seconds of 2017-10-09T00:30:58, 2017-10-08T14:03:30, 2017-07-08T16:34:30 and 2016-06-23T21:41:30.
ADDED = {"473bf": 1507509058, "3531f": 1507471410, "acb84": 1499531670, "3b7af": 1466718090}


def without_milliseconds(answer):
    """Peerage keeps whole seconds."""
    return json.loads(re.sub(r"\.\d{3}\+0000", ".000+0000", json.dumps(answer)))


def test_the_documented_list(api):
    api.titles.kept[2250912] = HOMECOMING
    for torrent in reversed(LIST_OF_THE_PAGE["torrents"]):
        infohash = InfoHash.parse(torrent["infohash"])
        api.swarms[infohash] = Counts(1, 0, 0, 0)
        added = ADDED[torrent["infohash"][:5]]
        api.enter(
            torrent["name"], infohash=infohash, size=torrent["size"], added=added, group={"imdb": 2250912}
        )

    answer = api.get("/torrent/list/imdb/tt2250912")

    assert answer == without_milliseconds(LIST_OF_THE_PAGE)
    assert shape(answer) == shape(LIST_OF_THE_PAGE)


@pytest.mark.parametrize("sample", [INFO_OF_THE_PAGE, MUSIC_OF_THE_PAGE], ids=["film", "music"])
def test_the_documented_info(api, sample):
    api.titles.kept[2250912] = HOMECOMING
    infohash = InfoHash.parse(sample["infohash"])
    api.swarms[infohash] = Counts(0, 0, 1, 1)
    group = {"category_id": 1, "imdb": 2250912} if "imdbId" in sample else {"category_id": 4}
    added = ADDED[sample["infohash"][:5]]
    api.enter(sample["torrentName"], infohash=infohash, size=sample["size"], added=added, group=group)

    answer = api.get(f"/torrent/info/{sample['infohash']}")

    assert answer == without_milliseconds(sample)
    assert shape(answer) == shape(sample)


def test_the_documented_peers(api):
    torrent = api.enter("a film", infohash=InfoHash.parse(PEERS_OF_THE_PAGE["infohash"]))
    for host, count in ((AMERICAN, 2), (DUTCH, 3), (GERMAN, 1)):
        for number in range(count):
            api.counted.announce((*host[:3], number), torrent.infohash)
    api.run(api.counted.flush())
    api.run(api.counted.pass_midnight())

    answer = api.get(f"/torrent/peers/{PEERS_OF_THE_PAGE['infohash']}")

    assert shape(answer) == shape(PEERS_OF_THE_PAGE)
    assert answer == {
        "day": "2026-12-13",
        "infohash": PEERS_OF_THE_PAGE["infohash"],
        "totalPeers": 6,
        "countries": [{"code": "NL", "peers": 3}, {"code": "US", "peers": 2}, {"code": "DE", "peers": 1}],
    }


# Lists


def test_a_title_that_nothing_is_known_of_has_no_torrents(api):
    assert api.get("/torrent/list/imdb/tt0000001") == {"imdb": "tt0000001", "title": None, "torrents": []}


def test_a_title_that_was_not_imported_is_called_as_its_newest_group(api):
    api.enter("old", added=100, group={"imdb": 7, "name": "The Old"})
    api.enter("new", added=200, group={"imdb": 7, "name": "The New"})

    answer = api.get("/torrent/list/imdb/tt0000007")

    assert (answer["title"], [each["name"] for each in answer["torrents"]]) == ("The New", ["new", "old"])


def test_a_list_is_whole_and_newest_first(tmp_path):
    with open_torrent_api(tmp_path, page=10) as api:
        for number in range(35):
            api.enter(f"copy {number}", added=1000 + number * 8 % 35, group={"imdb": 9})

        torrents = api.get("/torrent/list/imdb/tt0000009")["torrents"]

    dates = [each["dateAdded"] for each in torrents]
    assert (len(set(dates)), dates) == (35, sorted(dates, reverse=True))


def test_ids_of_ten_digits_are_taken(api):
    api.enter("late", group={"imdb": 9_999_999_999})

    assert len(api.get("/torrent/list/imdb/tt9999999999")["torrents"]) == 1


@pytest.mark.parametrize(
    "imdb",
    [
        "",
        "2250912",
        "tt225091",
        "tt12345678901",
        "TT2250912",
        "tt225091x",
        "tt2250912/",
        "tt٢٢٥٠٩١٢",
        "nm2250912",
        "tt2250912%00",
    ],
)
def test_an_invalid_imdb_id(shared, imdb):
    assert error(shared.ask(f"/torrent/list/imdb/{imdb}")) == (400, "INVALID_IMDB")


# Information


def test_an_infohash_is_read_in_any_case_and_returned_in_lower_case(api):
    torrent = api.enter("a file")

    assert api.get(f"/torrent/info/{torrent.infohash.upper}")["infohash"] == torrent.infohash.lower


def test_a_hybrid_is_found_under_its_other_name(api):
    torrent = api.enter("hybrid", alias=InfoHash(b"\x99" * 20))

    assert api.get(f"/torrent/info/{'99' * 20}")["infohash"] == torrent.infohash.lower


@pytest.mark.parametrize("path", ["info", "peers"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "zz",
        "g" * 40,
        "a" * 39,
        "a" * 41,
        "a" * 64,
        f"{HASH}.torrent",
        "a" * 39 + "٣",
        f"{HASH}/x",
        "'" * 40,
    ],
)
def test_an_invalid_infohash(shared, path, text):
    assert error(shared.ask(f"/torrent/{path}/{text}")) == (400, "INVALID_INFOHASH")


@pytest.mark.parametrize("path", ["info", "peers"])
def test_an_infohash_that_is_not_known(shared, path):
    assert error(shared.ask(f"/torrent/{path}/{NOBODYS}")) == (404, "INFOHASH_NOT_FOUND")


@pytest.mark.parametrize("path", ["info", "peers"])
def test_what_is_hidden_is_not_found(api, path):
    torrent = api.enter("hidden")
    api.run(api.catalogue.torrents.mark(torrent.id, hidden=True))

    assert error(api.ask(f"/torrent/{path}/{torrent.infohash.lower}")) == (404, "INFOHASH_NOT_FOUND")


def test_an_operators_category_is_returned_as_its_top_level_category(api):
    own = api.run(api.catalogue.taxonomy.add_category("Sequences", 9, 10))
    torrent = api.enter("genome", group={"category_id": own.id})

    assert api.get(f"/torrent/info/{torrent.infohash.lower}")["category"] == "Unsorted"


def test_a_torrent_is_alive_by_its_swarm_or_by_the_census(api):
    torrent = api.enter("a film", group={"imdb": 5})
    path = f"/torrent/info/{torrent.infohash.lower}"
    alive = [api.get(path)["alive"]]
    api.swarms[torrent.infohash] = Counts(0, 4, 1, 0)
    alive.append(api.get(path)["alive"])
    api.swarms.clear()
    api.counted.announce(AMERICAN, torrent.infohash)
    api.run(api.counted.flush())
    alive += [api.get(path)["alive"], api.get("/torrent/list/imdb/tt0000005")["torrents"][0]["alive"]]
    for _ in range(7):
        api.run(api.counted.pass_midnight())
    alive.append(api.get(path)["alive"])

    assert alive == [False, True, True, True, False]


# Peers


@pytest.fixture(scope="module")
def history(shared):
    api = shared
    torrent = api.enter("a film")
    for host in (AMERICAN, (8, 8, 4, 4), DUTCH, (10, 0, 0, 1)):
        api.counted.announce(host, torrent.infohash)
    api.run(api.counted.flush())
    api.run(api.counted.pass_midnight())
    api.counted.announce(GERMAN, torrent.infohash)
    api.run(api.counted.flush())
    return f"/torrent/peers/{torrent.infohash.lower}"


def test_a_day_is_the_last_calculated_one_unless_it_is_named(shared, history):
    latest = shared.get(history)

    assert latest["day"] == "2026-12-13"
    assert latest == shared.get(history, day="2026-12-13") == shared.get(history, day="")
    assert [each["code"] for each in latest["countries"]] == ["US", "NL", "ZZ"]


@pytest.mark.parametrize("day", ["2026-12-12", "2026-12-14", "2026-12-15", "0001-01-01", "9999-12-31"])
def test_a_day_that_is_not_calculated_is_a_report_of_nothing(shared, history, day):
    report = shared.get(history, day=day)

    assert (report["day"], report["totalPeers"], report["countries"]) == (day, 0, [])


@pytest.mark.parametrize(
    "day",
    [
        "yesterday",
        "2026-13-01",
        "2026-02-30",
        "2026-1-1",
        "20261213",
        "2026-12-13T00:00",
        "0000-01-01",
        "٢٠٢٦-12-13",
        " ",
        "-",
    ],
)
def test_an_invalid_day(shared, history, day):
    assert error(shared.ask(history, day=day)) == (400, "INVALID_DAY")


@pytest.mark.parametrize(("code", "peers"), [("US", 2), ("us", 2), ("ZZ", 1), ("FR", 0), ("QQ", 0)])
def test_a_country_alone(shared, history, code, peers):
    report = shared.get(history, countryCode=code)

    assert report["totalPeers"] == peers
    assert report["countries"] == ([{"code": code.upper(), "peers": peers}] if peers else [])


@pytest.mark.parametrize("code", ["U", "USA", "U1", "ÄÖ", "  ", "u'"])
def test_an_invalid_country_code(shared, history, code):
    assert error(shared.ask(history, countryCode=code)) == (400, "INVALID_COUNTRY_CODE")


def test_a_short_report_is_without_countries(shared, history):
    assert list(shared.get(history, short="true")) == ["day", "infohash", "totalPeers"]
    assert shared.get(history, short="TRUE", countryCode="NL")["totalPeers"] == 1
    assert all("countries" in shared.get(history, short=text) for text in ("false", "", "1", "yes"))


def test_a_block_takes_the_counts_with_it(api):
    torrent = api.enter("a film")
    api.counted.announce(AMERICAN, torrent.infohash)
    api.run(api.counted.flush())
    api.run(api.counted.pass_midnight())
    api.run(api.services.takedowns.block(torrent.infohash, "unlawful", "ann"))

    assert error(api.ask(f"/torrent/peers/{torrent.infohash.lower}")) == (404, "INFOHASH_NOT_FOUND")
    assert api.run(api.services.census.report(torrent.infohash)).countries == ()


def test_no_day_was_closed_yet(api):
    torrent = api.enter("fresh")

    report = api.get(f"/torrent/peers/{torrent.infohash.lower}")

    assert (report["day"], report["totalPeers"], report["countries"]) == ("2026-12-12", 0, [])


# Adding


def add(api, **fields):
    return api.post(data={"key": api.key} | fields)


def test_a_hash_is_added_and_known_from_then_on(api):
    answer = add(api, infohash=HASH.upper())

    assert (answer.status_code, answer.content) == (200, b"{}")
    info = api.get(f"/torrent/info/{HASH}")
    assert info == {
        "infohash": HASH,
        "torrentName": HASH,
        "size": 0,
        "category": "Unsorted",
        "title": HASH,
        "dateAdded": "2026-12-13T12:00:00.000+0000",
        "alive": False,
    }


def test_what_is_known_already_stays_as_it_is(api):
    torrent = api.enter("a film", group={"imdb": 5, "category_id": 1})

    assert add(api, infohash=torrent.infohash.lower).json() == {}
    assert api.run(api.services.catalogue.torrents.torrent(torrent.id, PUBLIC_VIEWER)) == torrent


def test_what_is_blocked_is_not_added(api):
    api.run(api.services.takedowns.block(InfoHash.parse(HASH), "unlawful", "ann"))

    assert error(add(api, infohash=HASH)) == (403, "ACCESS_FORBIDDEN")
    assert error(api.ask(f"/torrent/info/{HASH}")) == (404, "INFOHASH_NOT_FOUND")


def test_what_is_blocked_while_it_is_added_does_not_stay(api, monkeypatch):
    enter, blocks = api.catalogue.torrents.add_by_infohash, []

    async def slow(*arguments):
        entered = await enter(*arguments)
        # It returns only after what enters has left.
        blocks.append(
            asyncio.create_task(api.services.takedowns.block(InfoHash.parse(HASH), "unlawful", "ann"))
        )
        await until(api.services.takedowns.lists.entries)
        return entered

    monkeypatch.setattr(api.catalogue.torrents, "add_by_infohash", slow)

    assert error(add(api, infohash=HASH)) == (403, "ACCESS_FORBIDDEN")
    api.run(asyncio.wait(blocks))
    assert error(api.ask(f"/torrent/info/{HASH}")) == (404, "INFOHASH_NOT_FOUND")


@pytest.mark.parametrize("fields", [{}, {"infohash": ""}, {"infohash": "zz"}, {"infohash": [HASH, HASH]}])
def test_what_cannot_be_added(shared, fields):
    assert error(add(shared, **fields)) == (400, "INVALID_INFOHASH")


def test_the_key_of_a_post_may_stand_in_the_query(api):
    assert api.post(params={"key": api.key}, data={"infohash": HASH}).json() == {}


def test_a_form_in_parts_is_read_too(api):
    assert api.post(files={"key": (None, api.key), "infohash": (None, HASH)}).json() == {}


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        (b"x" * 20_000, "application/x-www-form-urlencoded", (413, "REQUEST_TOO_LARGE")),
        (
            b"&".join(b"a=1" for _ in range(100)),
            "application/x-www-form-urlencoded",
            (400, "INVALID_REQUEST"),
        ),
        (b'{"infohash": "x"}', "application/json", (400, "INVALID_REQUEST")),
        (b"junk", "multipart/form-data", (400, "INVALID_REQUEST")),
        (b"junk", "multipart/form-data; boundary=x", (400, "INVALID_REQUEST")),
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded", (400, "INVALID_INFOHASH")),
        (b"infohash=%00%ff%ed%a0%80", "application/x-www-form-urlencoded", (400, "INVALID_INFOHASH")),
        (b"", "text/plain", (400, "INVALID_INFOHASH")),
    ],
)
def test_bodies_that_are_no_such_form(shared, content, kind, expected):
    answer = shared.post(params={"key": shared.key}, content=content, headers={"content-type": kind})

    assert error(answer) == expected


# Keys

CALLS = {
    "list": ("GET", "/torrent/list/imdb/tt0000001"),
    "info": ("GET", f"/torrent/info/{HASH}"),
    "peers": ("GET", f"/torrent/peers/{HASH}"),
    "add": ("POST", "/torrent/add"),
}


def call(api, method, key):
    verb, path = CALLS[method]
    if verb == "POST":
        return api.post(path, data={"infohash": HASH} | ({} if key is None else {"key": key}))
    return api.ask(path, key=key)


def test_every_method_has_a_call_here():
    assert CALLS.keys() == METHODS


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize("key", [None, "", "0" * 32, "x" * 5000, "pg_torrent-api_", "\x00", "' OR 1=1 --"])
def test_a_key_that_is_not_known(shared, method, key):
    assert error(call(shared, method, key)) == (403, "API_KEY_UNKNOWN")


def test_a_key_of_another_dialect_is_not_known(shared):
    assert error(shared.ask(f"/torrent/info/{HASH}", key=shared.mint(Scope.GAZELLE))) == (
        403,
        "API_KEY_UNKNOWN",
    )


def test_two_keys_are_none(shared):
    answer = shared.run(shared.client.get(f"/torrent/info/{HASH}?key={shared.key}&key={shared.mint()}"))

    assert error(answer) == (403, "API_KEY_UNKNOWN")


def key_of(api, **more):
    return api.run(api.accounts.mint(api.user.id, Scope.TORRENT_API, **more))


@pytest.mark.parametrize("method", CALLS)
def test_a_suspended_key(shared, method):
    key, secret = key_of(shared)
    shared.run(shared.accounts.suspend(key.id, suspended=True))
    suspended = error(call(shared, method, secret))
    shared.run(shared.accounts.suspend(key.id, suspended=False))

    assert suspended == (403, "API_KEY_SUSPENDED")
    assert call(shared, method, secret).status_code in {200, 404}


def test_a_revoked_and_an_expired_key_and_that_of_a_disabled_account(api):
    key, revoked = key_of(api)
    api.run(api.accounts.revoke(key.id))
    _, expired = key_of(api, lifetime=400)
    _, last = key_of(api)
    api.clock.now += 500
    path = f"/torrent/info/{HASH}"
    told = [error(api.ask(path, key=revoked)), error(api.ask(path, key=expired))]
    api.run(api.accounts.set_enabled(api.user.id, enabled=False))
    told.append(error(api.ask(path, key=last)))

    assert told == [(403, "API_KEY_UNKNOWN")] * 2 + [(403, "API_KEY_SUSPENDED")]


@pytest.mark.parametrize(("allowed", "asked"), list(itertools.product(CALLS, CALLS)))
def test_a_key_for_one_method_opens_that_one_alone(shared, allowed, asked):
    _, secret = key_of(shared, methods=frozenset({allowed}))

    answer = call(shared, asked, secret)

    if allowed == asked:
        assert answer.status_code in {200, 404}
    else:
        assert error(answer) == (403, "ACCESS_FORBIDDEN")


def test_errors_come_in_their_order(api):
    key, secret = key_of(api, methods=frozenset({"list"}))
    told = [error(api.ask("/torrent/info/zz", key="nobody's", day="junk"))[1]]
    api.run(api.accounts.suspend(key.id, suspended=True))
    told.append(error(api.ask("/torrent/info/zz", key=secret))[1])
    api.run(api.accounts.suspend(key.id, suspended=False))
    told.append(error(api.ask("/torrent/info/zz", key=secret))[1])
    told.append(error(api.ask(f"/torrent/peers/{HASH}", day="junk"))[1])
    told.append(error(api.ask(f"/torrent/peers/{HASH}"))[1])

    assert told == [
        "API_KEY_UNKNOWN",
        "API_KEY_SUSPENDED",
        "ACCESS_FORBIDDEN",
        "INVALID_DAY",
        "INFOHASH_NOT_FOUND",
    ]


def test_too_many_requests_by_a_key_or_by_one_who_guesses(tmp_path):
    with open_torrent_api(tmp_path, "3/minute") as api:
        path = "/torrent/list/imdb/tt0000001"
        told = [api.ask(path).status_code for _ in range(3)]
        told.append(error(api.ask(path)))
        told += [error(api.ask(path, key="guess"))[1] for _ in range(4)]
        api.clock.now += 61
        told.append(api.ask(path).status_code)

    limit = "RATE_LIMIT_EXCEEDED"
    assert told == [200, 200, 200, (429, limit), *["API_KEY_UNKNOWN"] * 3, limit, 200]


def test_a_request_without_an_address_is_admitted_by_its_key(api, monkeypatch):
    def unknown(_):
        raise Refusal("no-address")

    monkeypatch.setattr(ClientAddress, "of", lambda _self, scope: unknown(scope))

    assert api.get("/torrent/list/imdb/tt0000001")["torrents"] == []
    assert error(api.ask("/torrent/list/imdb/tt0000001", key="guess")) == (403, "API_KEY_UNKNOWN")


# The statuses of the page


def test_every_error_is_a_500_where_the_settings_say_so(tmp_path):
    with open_torrent_api(tmp_path, documented_errors=True) as api:
        asked = [
            api.ask(f"/torrent/info/{HASH}", key="nobody's"),
            api.ask("/torrent/info/zz"),
            api.ask(f"/torrent/info/{HASH}"),
            api.ask("/torrent/list/imdb/zz"),
            api.ask("/torrent/add"),
        ]
        told = [error(answer) for answer in asked]

    codes = [
        "API_KEY_UNKNOWN",
        "INVALID_INFOHASH",
        "INFOHASH_NOT_FOUND",
        "INVALID_IMDB",
        "METHOD_NOT_ALLOWED",
    ]
    assert told == [(500, code) for code in codes]


# Methods, neighbours, and what nobody thought of


def test_head_is_a_get_without_its_body(api):
    torrent = api.enter("a file")
    path = f"/torrent/info/{torrent.infohash.lower}"

    got, head = api.ask(path), api.ask(path, "HEAD")

    assert (head.status_code, head.headers["content-length"]) == (200, got.headers["content-length"])


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        *itertools.product(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"], [f"/torrent/info/{HASH}"]),
        *itertools.product(["GET", "HEAD", "PUT", "OPTIONS"], ["/torrent/add"]),
    ],
)
def test_other_methods_are_refused_with_those_that_are_taken(shared, verb, path):
    answer = shared.ask(path, verb)

    assert answer.status_code == 405
    assert answer.headers["allow"] == ("POST" if path == "/torrent/add" else "GET, HEAD")


@pytest.mark.parametrize(
    "path", [f"/torrent/{HASH.upper()}.torrent", "/torrent/list", "/torrent/lists/imdb/x", "/torrent/added"]
)
def test_the_caches_own_paths_are_not_answered(shared, path):
    answer = shared.ask(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "repeated", ["day=2026-12-12&day=2026-12-13", "countryCode=US&countryCode=NL", "short=true&short=false"]
)
def test_a_parameter_that_comes_twice_is_refused(shared, history, repeated):
    answer = shared.run(shared.client.get(f"{history}?key={shared.key}&{repeated}"))

    codes = {"d": "INVALID_DAY", "c": "INVALID_COUNTRY_CODE", "s": "INVALID_REQUEST"}
    assert error(answer) == (400, codes[repeated[0]])


def test_an_unexpected_error_is_internal_error(api, monkeypatch):
    async def fail(*_):
        raise OSError("disk on fire")

    monkeypatch.setattr(api.services.catalogue.torrents, "torrent", fail)

    answer = api.ask(f"/torrent/info/{HASH}")

    assert error(answer) == (500, "INTERNAL_ERROR")
    assert "fire" not in answer.text


# A line feed ends what a route can match: such a path is nobody's, and 404 before any dialect sees it.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=40)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["/torrent/info/", "/torrent/peers/", "/torrent/list/imdb/"]),
    tail=TEXTS | st.just(HASH) | st.from_regex(r"tt\d{5,12}", fullmatch=True),
    parameters=st.dictionaries(
        st.sampled_from(["day", "countryCode", "short", "key"]) | TEXTS, TEXTS, max_size=4
    ),
)
def test_any_request_is_answered_in_the_dialect(shared, path, tail, parameters):
    url = httpx.URL("http://api.test").copy_with(raw_path=path.encode() + _escaped(tail))
    answer = shared.run(shared.client.get(url, params={"key": shared.key} | parameters))

    assert answer.status_code in {200, 400, 403, 404}
    if answer.status_code != 200:
        error(answer)


def _escaped(text: str) -> bytes:
    return "".join(f"%{byte:02X}" for byte in text.encode()).encode()
