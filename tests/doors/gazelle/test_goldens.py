"""The page's sample answers, whole, from a catalogue into which the same was entered.

Declared in each test: ids, infohashes and names of accounts are this catalogue's, and its categories are the
operator's under one of the nine.
"""

import pytest

from accounts.model import Principal, Role
from catalogue.bbcode import render
from catalogue.fields import CollageChange
from catalogue.model import BookmarkKind
from tests.doors.gazelle.sample import EXTRAS, check, golden, replaced, seconds
from tracker.model import Counts


@pytest.fixture
def staff(api):
    return Principal(api.user("staff", Role.ADMIN))


@pytest.fixture
def token(api, staff):
    return api.token(staff.user)


def files_of(sample):
    """The paths and sizes in the text of a list of files."""
    entries = (entry.removesuffix("}}}").split("{{{") for entry in sample["fileList"].split("|||"))
    return {path: int(size) for path, size in entries}


def enter(api, staff, group, torrent):
    """Bring in what a sample shows; return the torrent and the category."""
    category = api.run(api.services.curation.add_category(staff, group["categoryName"], 9))
    api.now = seconds(torrent["time"])
    entered = api.upload(
        staff.user,
        torrent["filePath"],
        {
            "anonymous": True,
            "description": torrent["description"],
            "group_name": group["name"],
            "group_description": group["description"],
            "category_id": category.id,
            "authors": [author["name"] for author in group["authors"]],
            **{name: group[name] for name in ("picture", "organism", "strain", "year", "accession", "tags")},
            **{
                name: torrent[name]
                for name in ("platform", "format", "license", "scope", "annotated", "archive")
            },
        },
        files=files_of(torrent),
    )
    counts = Counts(torrent["seeders"], torrent["snatched"], torrent["leechers"], torrent["leechers"])
    api.swarms[entered.infohash] = counts
    return entered, category


def own_group(sample, entered, category):
    """A sample's group with what is this catalogue's own."""
    return replaced(
        sample,
        id=entered.group.id,
        categoryId=category.id,
        description=render(sample["description"]),
        authors=[{"id": author.id, "name": author.name} for author in entered.group.authors],
    )


def own_torrent(sample, entered):
    """A sample's torrent with what is this catalogue's own."""
    return replaced(
        sample,
        id=entered.id,
        infoHash=entered.infohash.upper,
        description=render(sample["description"]),
    )


def test_torrent(api, staff, token):
    sample = golden("torrent")
    entered, category = enter(api, staff, sample["group"], sample["torrent"])
    assert [author.name for author in entered.group.authors] == [
        author["name"] for author in sample["group"]["authors"]
    ]
    for asked in ({"id": entered.id}, {"hash": entered.infohash.upper}, {"hash": entered.infohash.lower}):
        answer = api.ask(token, "torrent", **asked)
        assert set(answer) == set(sample)
        group = own_group(sample["group"], entered, category)
        # A group's time is its newest torrent's here; in the sample it is a second older.
        check(answer["group"], replaced(group, time=sample["torrent"]["time"]), EXTRAS["group"])
        check(answer["torrent"], own_torrent(sample["torrent"], entered), EXTRAS["torrent"])


def test_torrentgroup(api, staff, token):
    sample = golden("torrentgroup")
    [torrent] = sample["torrents"]
    entered, category = enter(api, staff, sample["group"], torrent)
    api.run(api.services.curation.bookmark(staff, BookmarkKind.GROUP, entered.group.id, on=True))
    for asked in ({"id": entered.group.id}, {"hash": entered.infohash.upper}):
        answer = api.ask(token, "torrentgroup", **asked)
        assert set(answer) == set(sample)
        group = own_group(sample["group"], entered, category)
        # In the sample a second torrent came three minutes later.
        check(answer["group"], replaced(group, time=torrent["time"]), EXTRAS["group"])
        [shown] = answer["torrents"]
        check(shown, own_torrent(torrent, entered), EXTRAS["torrent"])


def test_browse(api, staff, token):
    sample = golden("browse")
    [row] = sample["results"]
    [hit] = row["torrents"]
    api.now = row["groupTime"]
    count = hit["fileCount"]
    files = {f"{number}.jp2": hit["size"] // count for number in range(count - 1)}
    files["rest.jp2"] = hit["size"] - sum(files.values())
    entered = api.upload(
        staff.user,
        "coq2005",
        {
            "group_name": row["groupName"],
            "year": row["groupYear"],
            "authors": [author["name"] for author in hit["authors"]],
            **{name: row[name] for name in ("picture", "tags", "accession", "lab", "location")},
            **{name: hit[name] for name in ("platform", "format", "license", "scope", "archive")},
        },
        files=files,
    )
    api.run(api.services.curation.set_freeleech(staff, entered.id, 2))
    api.run(api.services.curation.bookmark(staff, BookmarkKind.GROUP, entered.group.id, on=True))
    api.swarms[entered.infohash] = Counts(hit["seeders"], hit["snatches"], hit["leechers"], hit["leechers"])
    for asked in ({"searchstr": "coastal !nothing massachusetts"}, {}, {"searchstr": "massachusetts"}):
        answer = api.ask(token, "browse", **asked)
        if "coastal" in asked.get("searchstr", ""):
            assert answer == {"results": []}
            continue
        assert {name: answer[name] for name in ("currentPage", "pages")} == {"currentPage": 1, "pages": 1}
        [shown] = answer["results"]
        [inner] = shown["torrents"]
        authors = [{"id": author.id, "name": author.name} for author in entered.group.authors]
        # In the sample the group's time is in another zone than the torrent's.
        check(
            inner,
            replaced(hit, torrentId=entered.id, authors=authors, time="2020-11-18 14:43:53"),
            EXTRAS["torrents of a hit"],
        )
        assert sorted(shown["tags"]) == sorted(row["tags"])
        check(
            shown | {"tags": row["tags"], "torrents": row["torrents"]},
            replaced(row, groupId=entered.group.id),
            EXTRAS["results"],
        )


def test_tcomments(api, staff, token):
    sample = golden("tcomments")
    [comment] = sample["comments"]
    torrent = api.upload(staff.user, "a torrent", {})
    me = api.user(comment["userinfo"]["authorName"])
    api.now = seconds(comment["addedTime"])
    entered = api.run(api.services.curation.comment(Principal(me), torrent.group.id, comment["bbBody"]))
    answer = api.ask(token, "tcomments", id=torrent.id)
    # There are no avatars here.
    userinfo = replaced(comment["userinfo"], authorId=me.id, avatar="")
    own = replaced(comment, postId=entered.id, body=render(comment["bbBody"]), userinfo=userinfo)
    check(answer, replaced(sample, comments=[own]))


def test_collage(api, staff, token):
    sample = golden("collage")
    [group] = sample["torrentgroups"]
    [torrent] = group["torrents"]
    category = api.run(api.services.curation.add_category(staff, "Documents", 9, group["categoryId"]))
    assert category.id == group["categoryId"]
    api.now = seconds(torrent["time"])
    sizes = {f"{number}.pdf": 1 for number in range(torrent["fileCount"] - 1)}
    entered = api.upload(
        staff.user,
        "a review",
        {
            "group_name": group["name"],
            "category_id": category.id,
            "tags": group["tagList"].split(),
            "platform": torrent["platform"],
            **{name: group[name] for name in ("year", "accession", "picture")},
        },
        files={**sizes, "rest": torrent["size"] - len(sizes)},
    )
    api.swarms[entered.infohash] = Counts(torrent["seeders"], torrent["snatched"], 0, 0)
    details = {"name": sample["name"], "description": sample["description"], "kind": 1}
    collage = api.run(api.services.curation.add_collage(staff, CollageChange.read(details)))
    api.run(api.services.curation.add_to_collage(staff, collage.id, entered.group.id))
    answer = api.ask(token, "collage", id=collage.id)
    [shown] = answer["torrentgroups"]
    [inner] = shown["torrents"]
    check(inner, replaced(torrent, torrentid=entered.id), EXTRAS["torrents of a collage"])
    assert sorted(shown["tagList"].split()) == sorted(group["tagList"].split())
    own = replaced(group, id=entered.group.id, torrents=shown["torrents"], tagList=shown["tagList"])
    # The sample names four groups and shows the first.
    check(
        answer,
        replaced(
            sample,
            id=collage.id,
            description=render(sample["description"]),
            creatorID=staff.id,
            torrentGroupIDList=[entered.group.id],
            torrentgroups=[own],
        ),
    )


def test_artist(api, staff, token):
    sample = golden("artist")
    torrent = api.upload(staff.user, "a torrent", {"authors": [sample["name"]]})
    [author] = torrent.group.authors
    # The page's answer is empty where an author has no groups that are seen.
    api.run(api.services.curation.mark_torrent(staff, torrent.id, hidden=True))
    other = api.token(api.user("other"))
    for asked in ({"id": author.id}, {"artistname": sample["name"].upper()}):
        check(api.ask(other, "artist", **asked), replaced(sample, id=author.id))
