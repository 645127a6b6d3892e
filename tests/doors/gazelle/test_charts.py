import pytest

from catalogue.model import SwarmStats
from tracker.model import Counts

CAPTIONS = {
    "torrents": {
        "day": "Most Active Torrents Uploaded in the Past Day",
        "week": "Most Active Torrents Uploaded in the Past Week",
        "overall": "Most Active Torrents of All Time",
        "snatched": "Most Snatched Torrents",
        "data": "Most Data Transferred Torrents",
        "seeded": "Best Seeded Torrents",
    },
    "tags": {"ut": "Most Used Torrent Tags", "ur": "Most Used Request Tags"},
    "users": {
        "ul": "Uploaders",
        "dl": "Downloaders",
        "numul": "Torrents Uploaded",
        "uls": "Fastest Uploaders",
        "dls": "Fastest Downloaders",
    },
}


@pytest.fixture
def ranked(api, ann):
    """Two torrents, of which the second is seeded more, the first snatched more."""
    one = api.upload(ann, "one", {"tags": ["a", "both"], "authors": ["A", "B"], "year": 2001}, size=100)
    two = api.upload(ann, "two", {"tags": ["both"]}, size=10)
    numbers = {one: SwarmStats(1, 5, 9), two: SwarmStats(7, 0, 2)}
    for torrent, each in numbers.items():
        api.swarms[torrent.infohash] = Counts(each.seeders, each.snatched, each.leechers, each.leechers)
    api.run(
        api.services.catalogue.statistics.update_swarm_stats(
            {torrent.infohash: each for torrent, each in numbers.items()}
        )
    )
    return one, two


@pytest.mark.parametrize("kind", CAPTIONS)
@pytest.mark.parametrize("details", ["", "all"])
def test_all_lists_of_a_type_come_in_their_order(api, token, kind, details):
    lists = api.ask(token, "top10", type=kind, details=details)
    assert [(each["tag"], each["caption"]) for each in lists] == list(CAPTIONS[kind].items())
    assert all(set(each) == {"caption", "tag", "limit", "results"} for each in lists)


@pytest.mark.parametrize(("kind", "tag"), [(kind, tag) for kind, tags in CAPTIONS.items() for tag in tags])
def test_details_pick_one_list(api, token, kind, tag):
    [only] = api.ask(token, "top10", type=kind, details=tag)
    assert (only["tag"], only["caption"]) == (tag, CAPTIONS[kind][tag])


@pytest.mark.parametrize(
    ("asked", "limit"),
    [("10", 10), ("100", 100), ("250", 250), ("", 10), ("11", 10), ("x", 10), ("-1", 10), ("9" * 30, 10)],
)
def test_limits(api, token, asked, limit):
    assert {each["limit"] for each in api.ask(token, "top10", limit=asked)} == {limit}


@pytest.mark.parametrize(
    "asked",
    [
        {"type": "history"},
        {"type": "nothing"},
        {"details": "ut"},
        {"type": "tags", "details": "v"},
        {"type": "users", "details": "day"},
        {"details": "' OR 1=1"},
    ],
)
def test_a_list_that_there_is_not_fails(api, token, asked):
    assert api.fail(token, "top10", **asked) == "bad parameters"


def test_torrents_rank_by_what_the_list_says(api, token, ranked):
    one, two = (torrent.id for torrent in ranked)
    lists = {each["tag"]: [row["torrentId"] for row in each["results"]] for each in api.ask(token, "top10")}
    assert lists == {
        "day": [two, one],
        "week": [two, one],
        "overall": [two, one],
        "snatched": [one, two],
        "data": [one, two],
        "seeded": [two, one],
    }


def test_a_row_of_torrents(api, token, ranked):
    one, _ = ranked
    [snatched] = api.ask(token, "top10", details="snatched")
    assert snatched["results"][0] == {
        "torrentId": one.id,
        "groupId": one.group.id,
        "author": "A, B",
        "groupName": "one",
        "groupCategory": one.group.category.id,
        "groupYear": 2001,
        "platform": "",
        "tags": ["a", "both"],
        "snatched": 9,
        "seeders": 1,
        "leechers": 5,
        "data": 100 * 9 + 50 * 5,
        "size": 100,
        "picture": "",
    }


def test_the_day_is_over_after_a_day_and_the_week_after_a_week(api, token, ranked):
    def full():
        return {each["tag"] for each in api.ask(token, "top10") if each["results"]}

    rest = {"overall", "snatched", "data", "seeded"}
    assert full() == {"day", "week"} | rest
    api.now += 86_401
    assert full() == {"week"} | rest
    api.now += 6 * 86_400
    assert full() == rest


def test_hidden_torrents_are_in_no_list(api, token, ranked):
    from accounts.model import Principal, Role

    staff = api.user("staff", Role.ADMIN)
    for torrent in ranked:
        api.run(api.services.curation.mark_torrent(Principal(staff), torrent.id, hidden=True))
    for each in (token, api.token(staff)):
        assert not any(chart["results"] for chart in api.ask(each, "top10"))


def test_tags_rank_by_their_uses(api, token, ranked):
    used, requested = api.ask(token, "top10", type="tags", limit=10)
    assert used == {
        "caption": "Most Used Torrent Tags",
        "tag": "ut",
        "limit": 10,
        "results": [{"name": "both", "uses": 2}, {"name": "a", "uses": 1}],
    }
    assert requested["results"] == []


def test_accounts_rank_by_what_they_brought(api, ann, token, ranked):
    bob = api.user("bob")
    api.upload(bob, "three", {})
    api.upload(bob, "secretly", {"anonymous": True})
    api.upload(bob, "secretly too", {"anonymous": True})
    lists = {each["tag"]: each["results"] for each in api.ask(token, "top10", type="users")}
    assert {tag for tag, rows in lists.items() if rows} == {"numul"}
    assert lists["numul"] == [
        {
            "id": user.id,
            "username": user.name,
            "uploaded": 0,
            "upSpeed": 0,
            "downloaded": 0,
            "downSpeed": 0,
            "numUploads": uploads,
            "joinDate": "2023-11-14 22:13:20",
        }
        for user, uploads in ((ann, 2), (bob, 1))
    ]
