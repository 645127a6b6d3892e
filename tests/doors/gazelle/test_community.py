import pytest

from accounts.model import Principal, Role
from catalogue.fields import CollageChange
from catalogue.model import BookmarkKind
from catalogue.store import CommentWrite
from doors.gazelle.context import GazelleLimits
from tests.doors.gazelle.client import START, open_gazelle
from tracker.model import Counts


@pytest.fixture
def torrent(api, ann):
    return api.upload(ann, "a torrent", {"authors": ["Ann O'Nym", "Second"], "tags": ["fungi", "one.shot"]})


@pytest.fixture
def commented(api, ann, torrent):
    """A torrent with 23 comments."""
    for number in range(23):
        api.run(api.services.curation.comment(Principal(ann), torrent.group.id, f"comment {number}"))
    return torrent


def bodies(answer):
    return [int(comment["bbBody"].split()[1]) for comment in answer["comments"]]


@pytest.mark.parametrize(
    ("page", "shown", "numbers"),
    [
        (None, 3, range(20, 23)),
        ("1", 1, range(10)),
        ("2", 2, range(10, 20)),
        ("3", 3, range(20, 23)),
        ("4", 4, range(0)),
        ("x", 1, range(10)),
        ("0", 1, range(10)),
    ],
)
def test_comments_come_ten_a_page_the_last_one_first(api, token, commented, page, shown, numbers):
    asked = {} if page is None else {"page": page}
    answer = api.ask(token, "tcomments", id=commented.id, **asked)
    assert (answer["page"], answer["pages"], bodies(answer)) == (shown, 3, list(numbers))


def test_comments_of_any_torrent_of_a_group_are_the_groups(api, ann, token, commented):
    other = api.upload(ann, "another", {"group_id": commented.group.id})
    assert len(api.ask(token, "tcomments", id=other.id)["comments"]) == 3


def test_a_comment_that_was_changed_names_the_editor(api, ann, token, torrent):
    comment = api.run(api.services.curation.comment(Principal(ann), torrent.group.id, "[b]one[/b] <i>"))
    staff = api.user("staff", Role.MODERATOR)
    api.now += 60
    api.run(api.services.curation.edit_comment(Principal(staff), comment.id, "[b]two[/b] <i>"))
    [answer] = api.ask(token, "tcomments", id=torrent.id)["comments"]
    assert answer["bbBody"] == "[b]two[/b] <i>"
    assert answer["body"] == "<strong>two</strong> &lt;i&gt;"
    assert (answer["editedUserId"], answer["editedUsername"]) == (staff.id, "staff")
    assert answer["editedTime"] == "2023-11-14 22:14:20"


def test_a_hidden_comment_is_not_shown(api, ann, token, torrent):
    comment = api.run(api.services.curation.comment(Principal(ann), torrent.group.id, "words"))
    staff = Principal(api.user("staff", Role.MODERATOR))
    api.run(api.services.curation.hide_comment(staff, comment.id, hidden=True))
    other = api.token(api.user("other"))
    assert api.ask(other, "tcomments", id=torrent.id)["comments"] == []


@pytest.mark.parametrize("value", ["", "x", "-1", "9" * 30, "1;"])
def test_comments_of_no_id_fail(api, token, value):
    assert api.fail(token, "tcomments", id=value) == "bad parameters"


@pytest.mark.parametrize("value", ["0", "999", "9" * 18])
def test_comments_of_an_unknown_id_are_none(api, token, value):
    assert api.ask(token, "tcomments", id=value) == {"page": 1, "pages": 0, "comments": []}


@pytest.mark.parametrize("value", ["", "0", "x", "999", "9" * 30])
def test_no_collage_fails(api, token, value):
    assert api.fail(token, "collage", id=value) == "bad parameters"


def test_a_hidden_collage_is_its_creators_and_the_moderators(api, ann, token):
    collage = api.run(
        api.services.curation.add_collage(Principal(ann), CollageChange.read({"name": "Mine", "kind": 0}))
    )
    staff = api.user("staff", Role.MODERATOR)
    api.run(
        api.services.curation.edit_collage(Principal(staff), collage.id, CollageChange.read({"hidden": True}))
    )
    assert api.ask(api.token(staff), "collage", id=collage.id)["deleted"] is True
    assert api.fail(api.token(api.user("other")), "collage", id=collage.id) == "bad parameters"


def test_a_collage_counts_who_bookmarked_it(api, ann, token):
    collage = api.run(
        api.services.curation.add_collage(Principal(ann), CollageChange.read({"name": "Mine", "kind": 0}))
    )
    before = api.ask(token, "collage", id=collage.id)
    api.run(api.services.curation.bookmark(Principal(ann), BookmarkKind.COLLAGE, collage.id, on=True))
    after = api.ask(token, "collage", id=collage.id)
    assert (before["subscriberCount"], before["hasBookmarked"]) == (0, False)
    assert (after["subscriberCount"], after["hasBookmarked"]) == (1, True)
    assert before["collageCategoryName"] == "Personal"


def test_an_artist_has_the_groups_they_made(api, ann, token, torrent):
    api.swarms[torrent.infohash] = Counts(2, 4, 3, 3)
    first, second = torrent.group.authors
    api.run(api.services.curation.bookmark(Principal(ann), BookmarkKind.AUTHOR, first.id, on=True))
    answer = api.ask(token, "artist", id=first.id)
    assert answer["name"] == "Ann O&#39;Nym"
    assert answer["hasBookmarked"] is True
    assert answer["tags"] == [{"name": "fungi", "count": 1}, {"name": "one.shot", "count": 1}]
    assert answer["statistics"] == {
        "numGroups": 1,
        "numTorrents": 1,
        "numSeeders": 2,
        "numLeechers": 3,
        "numSnatches": 4,
    }
    [group] = answer["torrentgroup"]
    assert (group["groupId"], group["hasBookmarked"]) == (torrent.group.id, False)
    assert [each["name"] for each in group["artists"]] == ["Ann O&#39;Nym", "Second"]
    assert [each["id"] for each in group["torrent"]] == [torrent.id]
    assert api.ask(token, "artist", id=second.id)["statistics"]["numGroups"] == 1
    assert api.ask(token, "artist", id=second.id, artistreleases="1")["statistics"]["numGroups"] == 0
    assert api.ask(token, "artist", artistname="ann o'nym")["id"] == first.id


def test_of_very_many_groups_of_an_artist_the_newest_are_listed(tmp_path):
    with open_gazelle(tmp_path, limits=GazelleLimits(groups=1)) as api:
        ann = api.user("ann")
        _, newer = [api.upload(ann, name, {"authors": ["Second"]}) for name in ("older", "newer")]
        answer = api.ask(api.token(ann), "artist", artistname="second")
    assert [group["groupId"] for group in answer["torrentgroup"]] == [newer.group.id]
    assert answer["statistics"]["numGroups"] == 1


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"id": ""},
        {"id": "0"},
        {"id": "x"},
        {"id": "999"},
        {"id": "9" * 30},
        {"artistname": "nobody"},
        {"artistname": "%"},
        {"artistname": "a" * 5000},
        {"id": "1", "artistname": "Ann O'Nym"},
    ],
)
def test_no_artist_fails(api, token, torrent, asked):
    assert api.fail(token, "artist", **asked) == "bad parameters"


def test_nobody_is_like_an_artist(api, token, torrent):
    author = torrent.group.authors[0].id
    assert api.ask(token, "similar_artists", id=author, limit="5") == []
    assert api.fail(token, "similar_artists", id="999", limit="5") == "bad parameters"


def test_bookmarks_are_the_accounts_own_newest_first(api, ann, token, torrent):
    other = api.upload(ann, "another", {})
    for group in (torrent.group.id, other.group.id):
        api.run(api.services.curation.bookmark(Principal(ann), BookmarkKind.GROUP, group, on=True))
    author = torrent.group.authors[0]
    api.run(api.services.curation.bookmark(Principal(ann), BookmarkKind.AUTHOR, author.id, on=True))
    api.swarms[torrent.infohash] = Counts(2, 4, 3, 3)
    for asked in ({}, {"type": "torrents"}):
        found = api.ask(token, "bookmarks", **asked)["bookmarks"]
        assert {each["id"] for each in found} == {torrent.group.id, other.group.id}
        [shown] = next(each["torrents"] for each in found if each["id"] == torrent.group.id)
        assert (shown["id"], shown["seeders"], shown["hasFile"]) == (torrent.id, 2, 1)
    assert api.ask(token, "bookmarks", type="artists") == {
        "artists": [{"artistId": author.id, "artistName": "Ann O&#39;Nym"}]
    }
    stranger = api.token(api.user("stranger"))
    assert api.ask(stranger, "bookmarks", type="torrents") == {"bookmarks": []}
    assert api.ask(stranger, "bookmarks", type="artists") == {"artists": []}
    assert api.fail(token, "bookmarks", type="collages") == "bad parameters"


def test_requests_are_not_offered(api, token):
    assert api.ask(token, "requests", search="x") == {"currentPage": 1, "pages": 1, "results": []}
    assert api.fail(token, "request", id="1") == "bad id parameter"


def test_the_newest_five_announcements_are_listed(api, token):
    staff = Principal(api.user("staff", Role.ADMIN))
    for number in range(6):
        api.run(api.services.curation.post_news(staff, f"News & {number}", f"[b]{number}[/b]"))
    answer = api.ask(token, "announcements")
    assert answer["blogPosts"] == []
    assert [each["title"] for each in answer["announcements"]] == [f"News &amp; {n}" for n in (5, 4, 3, 2, 1)]
    first = answer["announcements"][0]
    assert (first["bbBody"], first["body"]) == ("[b]5[/b]", "<strong>5</strong>")
    assert (set(first), first["newsTime"]) == (
        {"newsId", "title", "bbBody", "body", "newsTime"},
        "2023-11-14 22:13:20",
    )
    assert api.now == START


def test_a_comment_that_waits_for_a_moderator_is_its_authors_alone(api, ann, token, torrent):
    ben = api.user("ben")
    write = CommentWrite(body="comment 7", held=True)
    api.run(api.services.catalogue.comments.add_comment(torrent.group.id, ben.id, 1, write))
    assert bodies(api.ask(token, "tcomments", id=torrent.id)) == []
    assert bodies(api.ask(api.token(ben), "tcomments", id=torrent.id)) == [7]
