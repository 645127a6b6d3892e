import pytest

from accounts.model import Principal, Role
from catalogue.model import Freeleech
from doors.gazelle.context import GazelleLimits
from tests.doors.gazelle.client import open_gazelle, torrent_file
from tracker.credit import NewCreditRule
from tracker.model import Counts

GB = 1 << 30


@pytest.fixture(scope="module")
def filled_api(tmp_path_factory):
    """A client of the API with five torrents in four groups, a token, and the torrents by name."""
    with open_gazelle(tmp_path_factory.mktemp("api")) as api:
        staff = api.user("staff", Role.ADMIN)
        sequences = api.run(api.services.curation.add_category(Principal(staff), "Sequences", 9, 11))
        entered = {}

        def bring(name, **details):
            api.now += 60
            more = {"files": details.pop("files", None), "size": details.pop("size", 1000)}
            free = details.pop("free", None)
            entered[name] = api.upload(staff, name, details, **more)
            if free is not None:
                api.run(api.services.curation.set_freeleech(Principal(staff), entered[name].id, free))

        bring(
            "yeast",
            group_name="Alcohol dehydrogenase",
            authors=["David Schild", "Robert Mortimer"],
            year=1985,
            tags=["fungi", "one.shot"],
            category_id=sequences.id,
            platform="Sanger",
            format="FASTA",
            license="Public Domain",
            scope="Contig",
            archive="None",
            organism="Saccharomyces cerevisiae",
            strain="S288C",
            accession="YOL086C",
            lab="The lab",
            location="Berkeley",
            description="Coding parts",
            files={"coding/protein.fsa": 2 * GB, "flanking.fsa": GB},
        )
        bring(
            "yeast again",
            group_id=entered["yeast"].group.id,
            platform="Nanopore",
            format="FASTQ",
            size=5 * GB,
            free=Freeleech.FREE,
        )
        bring("maps", group_name="Aerial maps", year=2005, tags=["geography"], category_id=1, size=GB)
        bring("music", group_name="A song", year=1999, tags=["rock"], category_id=4, free=Freeleech.NEUTRAL)
        bring("hidden", group_name="Nobody's", tags=["secret"], year=1985)
        api.run(api.services.curation.mark_torrent(Principal(staff), entered["hidden"].id, hidden=True))
        numbers = {"yeast": (3, 1, 9), "yeast again": (4, 0, 1), "maps": (5, 7, 2), "music": (0, 9, 20)}
        for name, (seeders, leechers, snatched) in numbers.items():
            api.swarms[entered[name].infohash] = Counts(seeders, snatched, leechers, leechers)
        refresh(api, entered, numbers)
        yield api, api.token(api.user("ann")), entered


def refresh(api, entered, numbers):
    """Write the swarms' numbers where lists are sorted by them, as the flusher does."""
    from catalogue.model import SwarmStats

    figures = {entered[name].infohash: SwarmStats(*each) for name, each in numbers.items()}
    api.run(api.services.catalogue.statistics.update_swarm_stats(figures))


def found(filled_api, **asked):
    """The names of the torrents in the rows of `browse`, in order; those of a group together."""
    api, token, entered = filled_api
    names = {torrent.id: name for name, torrent in entered.items()}
    rows = api.ask(token, "browse", **asked)["results"]
    return [tuple(names[each["torrentId"]] for each in row["torrents"]) for row in rows]


YEAST = ("yeast", "yeast again")


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"searchstr": "dehydrogenase"}, [YEAST]),
        ({"searchstr": "ALCOHOL dehydrogenase"}, [YEAST]),
        ({"searchstr": "alcohol maps"}, []),
        ({"searchstr": "alcohol - dehydrogenase"}, [YEAST]),
        ({"searchstr": "!alcohol"}, [("music",), ("maps",)]),
        ({"searchstr": "sanger"}, [YEAST]),
        ({"searchstr": "protein"}, [YEAST]),
        ({"searchstr": "Nobody's"}, []),
        ({"groupname": "alcohol"}, [YEAST]),
        ({"groupname": "schild"}, []),
        ({"artistname": "schild"}, [YEAST]),
        ({"artistname": "alcohol"}, []),
        ({"description": "coding"}, [YEAST]),
        ({"description": "protein"}, []),
        ({"filelist": "protein fsa"}, [YEAST]),
        ({"filelist": "protein flanking"}, []),
        ({"taglist": "fungi"}, [YEAST]),
        ({"taglist": "fun"}, [YEAST]),
        ({"taglist": "one_shot,fungi"}, [YEAST]),
        ({"taglist": "rock,fungi"}, []),
        ({"taglist": "rock,fungi", "tags_type": "0"}, [("music",), YEAST]),
        ({"taglist": "!fungi"}, [("music",), ("maps",)]),
        ({"taglist": "secret"}, []),
        ({"filter_cat[4]": "1"}, [("music",)]),
        ({"filter_cat[1]": "1", "filter_cat[4]": "1"}, [("music",), ("maps",)]),
        ({"filter_cat[11]": "1"}, [YEAST]),
        ({"filter_cat[9]": "1"}, [YEAST]),
        ({"filter_cat": "sequences"}, [YEAST]),
        ({"filter_cat": "4|1"}, [("music",), ("maps",)]),
        ({"filter_cat": "77"}, []),
        ({"filter_cat": "no such"}, []),
        ({"freetorrent": "0"}, [("maps",), ("yeast",)]),
        ({"freetorrent": "1"}, [("yeast again",)]),
        ({"freetorrent": "2"}, [("music",)]),
        ({"freetorrent": "3"}, [("music",), ("yeast again",)]),
        ({"year": "1985"}, [YEAST]),
        ({"year": "1986-2000"}, [("music",)]),
        ({"year": "1999-"}, [("music",), ("maps",)]),
        ({"year": "-1999"}, [("music",), YEAST]),
        ({"size_min": "1", "size_unit": "3"}, [("maps",), YEAST]),
        ({"size_max": "999"}, []),
        ({"size_min": "5", "size_max": "5", "size_unit": "3"}, [YEAST]),
        ({"media": "nanopore"}, [("yeast again",)]),
        ({"media": "nanopore|sanger"}, [YEAST]),
        ({"format": "fasta"}, [("yeast",)]),
        ({"format": "!fasta", "searchstr": "alcohol"}, [("yeast again",)]),
        ({"encoding": "public domain"}, [("yeast",)]),
        ({"container": "FASTQ"}, [("yeast again",)]),
        ({"resolution": "contig"}, [("yeast",)]),
        ({"archive": "none"}, [("yeast",)]),
        ({"codec": "Public Domain"}, [("yeast",)]),
        ({"cataloguenumber": "yol086c"}, [YEAST]),
        ({"numbers": "YOL086C"}, [YEAST]),
        ({"studio": "the lab"}, [YEAST]),
        ({"series": "berkeley"}, [YEAST]),
        ({"location": "Berkeley"}, [YEAST]),
        ({"organism": "saccharomyces cerevisiae"}, [YEAST]),
        ({"strain": "s288c"}, [YEAST]),
        (
            {"vanityhouse": "1", "haslog": "1", "scene": "1", "remastertitle": "x"},
            [("music",), ("maps",), YEAST],
        ),
        ({"searchstr": "alcohol", "year": "1985", "taglist": "fungi", "media": "sanger"}, [("yeast",)]),
    ],
)
def test_what_is_asked_for_is_found(filled_api, asked, expected):
    assert found(filled_api, **asked) == expected


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("time", [("music",), ("maps",), YEAST]),
        ("nothing", [("music",), ("maps",), YEAST]),
        ("year", [("maps",), ("music",), YEAST]),
        ("size", [YEAST, ("maps",), ("music",)]),
        ("seeders", [YEAST, ("maps",), ("music",)]),
        ("leechers", [("music",), ("maps",), YEAST]),
        ("snatched", [("music",), YEAST, ("maps",)]),
    ],
)
def test_groups_are_sorted_by_their_torrents_together(filled_api, by, expected):
    assert found(filled_api, order_by=by) == expected
    assert found(filled_api, order_by=by, order_way="asc") == expected[::-1]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("time", ["music", "maps", "yeast again", "yeast"]),
        ("size", ["yeast again", "yeast", "maps", "music"]),
        ("seeders", ["maps", "yeast again", "yeast", "music"]),
        ("snatched", ["music", "yeast", "maps", "yeast again"]),
    ],
)
def test_ungrouped_each_torrent_is_a_row(filled_api, by, expected):
    rows = found(filled_api, order_by=by, group_results="0")
    assert rows == [(name,) for name in expected]
    assert found(filled_api, order_by=by, group_results="0", order_way="asc") == rows[::-1]


def test_a_random_order_is_all_on_one_page(filled_api):
    api, token, _ = filled_api
    answer = api.ask(token, "browse", order_by="random", page=7)
    assert answer["currentPage"] == 1
    assert sorted(found(filled_api, order_by="random")) == sorted([("music",), ("maps",), YEAST])


def test_a_row_has_the_totals_of_its_matching_torrents(filled_api):
    api, token, _ = filled_api
    [whole] = api.ask(token, "browse", groupname="alcohol")["results"]
    [part] = api.ask(token, "browse", groupname="alcohol", media="sanger")["results"]
    names = ("maxSize", "totalSeeders", "totalLeechers", "totalSnatched")
    assert [whole[name] for name in names] == [5 * GB, 7, 1, 10]
    assert [part[name] for name in names] == [3 * GB, 3, 1, 9]


def test_no_hit_is_an_empty_list_alone(filled_api):
    api, token, _ = filled_api
    assert api.ask(token, "browse", searchstr="nothing-of-the-kind") == {"results": []}


@pytest.mark.parametrize("page", ["2", "99", "1000000", "9" * 17])
def test_a_page_past_the_end_is_empty(filled_api, page):
    api, token, _ = filled_api
    answer = api.ask(token, "browse", page=page)
    assert (answer["pages"], answer["results"]) == (1, [])
    assert answer["currentPage"] == min(int(page), 1_000_000)


@pytest.mark.parametrize("page", ["", "0", "-1", "x", "1.5"])
def test_what_is_no_page_is_the_first(filled_api, page):
    api, token, _ = filled_api
    answer = api.ask(token, "browse", page=page)
    assert (answer["currentPage"], len(answer["results"])) == (1, 3)


@pytest.mark.parametrize(
    "asked",
    [
        {"searchstr": "a " * 300},
        {"searchstr": "a" * 3000},
        {"taglist": "a," * 300, "tags_type": "0"},
        {"media": "|".join(f"m{number}" for number in range(300))},
    ],
)
def test_more_than_a_search_may_have_is_an_error_of_the_search(filled_api, asked):
    api, token, _ = filled_api
    content = api.call(token, "browse", **asked)
    assert content["status"] == "error"
    assert content["error"].startswith("Search returned an error.")


def test_hidden_things_are_found_by_moderators_alone(filled_api):
    api, token, entered = filled_api
    hidden = entered["hidden"]
    moderator = api.token(api.user("moderator", Role.MODERATOR))
    assert len(api.ask(moderator, "browse", taglist="secret")["results"]) == 1
    assert api.ask(moderator, "torrent", id=hidden.id)["torrent"]["id"] == hidden.id
    assert api.fail(token, "torrent", id=hidden.id) == "bad id parameter"
    assert api.fail(token, "torrent", hash=hidden.infohash.upper) == "bad hash parameter"
    assert api.fail(token, "torrentgroup", id=hidden.group.id) == "bad id parameter"
    assert api.fail(token, "torrentgroup", hash=hidden.infohash.upper) == "bad hash parameter"
    assert api.fail(token, "download", id=hidden.id) == "bad id parameter"
    assert api.ask(token, "tcomments", id=hidden.id) == {"page": 1, "pages": 0, "comments": []}


def test_a_torrent_in_two_files_lists_them_in_order(filled_api):
    api, token, entered = filled_api
    answer = api.ask(token, "torrent", id=entered["yeast"].id)["torrent"]
    assert answer["fileList"] == f"coding/protein.fsa{{{{{{{2 * GB}}}}}}}|||flanking.fsa{{{{{{{GB}}}}}}}"
    assert answer["filePath"] == "yeast"
    assert (answer["userId"], answer["username"]) == (entered["yeast"].uploader.id, "staff")


def test_a_torrent_of_one_file_has_no_folder(filled_api):
    api, token, entered = filled_api
    answer = api.ask(token, "torrent", id=entered["maps"].id)["torrent"]
    assert (answer["fileList"], answer["filePath"]) == (f"maps{{{{{{{GB}}}}}}}", "")


def test_a_group_lists_its_torrents_oldest_first(filled_api):
    api, token, entered = filled_api
    answer = api.ask(token, "torrentgroup", id=entered["yeast"].group.id)
    assert [each["id"] for each in answer["torrents"]] == [entered[name].id for name in YEAST]
    assert answer["group"]["time"] == answer["torrents"][-1]["time"]


def test_of_very_many_torrents_in_a_group_the_newest_are_listed(tmp_path):
    with open_gazelle(tmp_path, limits=GazelleLimits(torrents=1)) as api:
        ann = api.user("ann")
        older = api.upload(ann, "yeast", {})
        newer = api.upload(ann, "yeast again", {"group_id": older.group.id})
        answer = api.ask(api.token(ann), "torrentgroup", id=older.group.id)
    assert [each["id"] for each in answer["torrents"]] == [newer.id]


@pytest.mark.parametrize("action", ["torrent", "torrentgroup"])
@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({}, "bad id parameter"),
        ({"id": "0"}, "bad id parameter"),
        ({"id": "-1"}, "bad id parameter"),
        ({"id": "x"}, "bad id parameter"),
        ({"id": "999"}, "bad id parameter"),
        ({"id": "9" * 18}, "bad id parameter"),
        ({"id": "9" * 40}, "bad id parameter"),
        ({"hash": "A" * 40}, "bad hash parameter"),
        ({"hash": "A" * 39}, "bad hash parameter"),
        ({"hash": "A" * 64}, "bad hash parameter"),
        ({"hash": "G" * 40}, "bad hash parameter"),
        ({"hash": "' OR 1=1"}, "bad hash parameter"),
        ({"id": "1", "hash": "A" * 40}, "bad parameters"),
        ({"id": "x", "hash": "x"}, "bad parameters"),
    ],
)
def test_what_names_no_torrent_fails(filled_api, action, asked, error):
    api, token, _ = filled_api
    assert api.fail(token, action, **asked) == error


def test_spaces_in_a_hash_are_dropped_and_no_id_is_none(filled_api):
    api, token, entered = filled_api
    spelled = entered["maps"].infohash.upper
    for asked in (
        {"hash": f" {spelled[:20]} {spelled[20:]}"},
        {"hash": spelled, "id": ""},
        {"hash": spelled, "id": "0"},
    ):
        assert api.ask(token, "torrent", **asked)["torrent"]["id"] == entered["maps"].id


def test_a_token_is_shown_as_usable_and_spent_by_a_download(filled_api):
    api, _, entered = filled_api
    crediting, maps = api.services.crediting, entered["maps"]
    user = next(each.uploader.id for each in entered.values() if each.uploader)
    own = api.token(api.run(api.accounts.user(user)))
    api.run(crediting.start())

    def flags():
        hits = api.ask(own, "browse", group_results="0")["results"]
        (hit,) = [hit["torrents"][0] for hit in hits if hit["torrents"][0]["torrentId"] == maps.id]
        return hit["canUseToken"], hit["isPersonalFreeleech"], hit["isFreeleech"]

    assert flags() == (False, False, False)
    failed = api.get("/ajax.php", own, action="download", id=maps.id, usetoken="1")
    assert failed.json()["status"] == "failure"
    api.run(crediting.store.grant(user, 1))
    assert flags() == (True, False, False)
    assert api.get("/ajax.php", own, action="download", id=maps.id, usetoken="1").status_code == 200
    assert flags() == (False, True, False)
    assert api.get("/ajax.php", own, action="download", id=maps.id, usetoken="1").content[:1] == b"d"
    rule = NewCreditRule(int(api.now), None, download=0)
    api.run(crediting.add_rule(Principal(api.user("mod2", Role.MODERATOR)), rule))
    assert flags() == (False, True, True)


def test_a_download_is_the_file_as_it_came(filled_api):
    api, token, entered = filled_api
    answer = api.get("/ajax.php", token, action="download", id=entered["maps"].id, usetoken="1")
    assert answer.content == torrent_file("maps", size=GB)
    assert answer.headers["content-type"] == "application/x-bittorrent"
    assert answer.headers["content-disposition"].startswith("attachment")


@pytest.mark.parametrize("value", ["", "0", "x", "999", "9" * 30])
def test_a_download_of_nothing_fails(filled_api, value):
    api, token, _ = filled_api
    assert api.fail(token, "download", id=value) == "bad id parameter"


def test_a_download_of_what_is_not_held_says_so(api):
    ann = api.user("ann")
    token, torrent = api.token(ann), api.upload(ann, "a file", {})
    api.run(api.services.cache.remove(torrent.infohash))
    assert "does not hold its file" in api.fail(token, "download", id=torrent.id)


def test_what_is_blocked_is_gone_from_every_action(api):
    ann = api.user("ann")
    token, torrent = api.token(ann), api.upload(ann, "a file", {"authors": ["A"], "tags": ["x"]})
    api.run(api.services.takedowns.block(torrent.infohash, "a reason", "test"))
    assert api.fail(token, "torrent", id=torrent.id) == "bad id parameter"
    assert api.fail(token, "download", id=torrent.id) == "bad id parameter"
    assert api.ask(token, "browse") == {"results": []}
    assert api.ask(token, "top10", details="overall")[0]["results"] == []
