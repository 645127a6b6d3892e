import pytest


def test_a_group_is_shown_with_its_torrents(desk):
    desk.upload("one", "user", description="of the torrent", group_description="of the group", tags="a,b")
    group = desk.done("GET", "/groups/1")
    assert (group["name"], group["description"], group["tags"]) == ("one", "of the group", ["a", "b"])
    assert [each["title"] for each in group["torrents"]] == ["one"]
    desk.upload("two", "user", group_id="1")
    assert [each["title"] for each in desk.done("GET", "/groups/1")["torrents"]] == ["one", "two"]
    desk.refused(404, "GET", "/groups/2")


def test_groups_are_found_by_their_torrents(desk):
    desk.upload("one")
    desk.upload("two")
    listing = desk.done("GET", "/groups?search=two")
    assert [each["name"] for each in listing["data"]] == ["two"]
    assert listing["meta"]["total"] == 1


def test_who_brought_a_torrent_edits_its_group(desk):
    desk.upload("one", "user")
    changed = desk.done(
        "PATCH",
        "/groups/1",
        "user",
        json={"name": "Name", "authors": ["Anna", "Ben"], "imdb_id": "tt0111161", "season": 2, "year": None},
    )
    assert (changed["name"], changed["authors"], changed["season"]) == ("Name", ["Anna", "Ben"], 2)
    assert changed["imdb_id"] == "tt0111161"
    desk.refused(403, "PATCH", "/groups/1", "other", json={"name": "Mine"})
    desk.refused(401, "PATCH", "/groups/1", json={"name": "Mine"})


def test_a_locked_group_is_changed_by_moderators_alone(desk):
    desk.upload("one", "user")
    desk.refused(403, "PATCH", "/groups/1/moderation", "user", json={"locked": True})
    assert desk.done("PATCH", "/groups/1/moderation", "moderator", json={"locked": True})["locked"] is True
    desk.refused(403, "PATCH", "/groups/1", "user", json={"name": "New"})
    desk.refused(403, "POST", "/groups/1/comments", "user", json={"body": "text"})
    desk.done("PATCH", "/groups/1", "moderator", json={"name": "New"})


def test_groups_are_merged(desk):
    desk.upload("one")
    desk.upload("two")
    desk.refused(403, "POST", "/groups/1/merge", "user", json={"into": 2})
    merged = desk.done("POST", "/groups/1/merge", "moderator", json={"into": 2})
    assert merged["id"] == 2
    assert len(merged["torrents"]) == 2
    desk.refused(404, "GET", "/groups/1")
    desk.refused(404, "POST", "/groups/1/merge", "moderator", json={"into": 2})
    assert desk.ask("POST", "/groups/2/merge", "moderator", json={"into": 2}).status_code in {404, 422}


def test_categories_are_listed_added_changed_and_deleted(desk):
    listing = desk.done("GET", "/categories")
    names = ["Movies", "Anime", "TV", "Music", "Books", "PC", "Mobile", "XXX", "Unsorted"]
    assert [each["name"] for each in listing["data"]] == names
    assert listing["data"][0] == {"id": 1, "name": "Movies", "parent_id": None}
    assert listing["meta"]["total"] == 9
    new = {"name": "Sequences", "parent_id": 9, "id": 40}
    desk.refused(403, "POST", "/categories", "user", json=new)
    assert desk.done("POST", "/categories", "moderator", 201, json=new) == new
    desk.refused(409, "POST", "/categories", "moderator", json={"name": "SEQUENCES", "parent_id": 1})
    desk.refused(422, "POST", "/categories", "moderator", json={"name": "x", "parent_id": 40})
    assert desk.done("PATCH", "/categories/40", "moderator", json={"parent_id": 5})["parent_id"] == 5
    assert desk.done("GET", "/categories/40")["name"] == "Sequences"
    desk.refused(409, "PATCH", "/categories/1", "moderator", json={"name": "Films"})
    desk.refused(409, "DELETE", "/categories/1", "moderator")
    desk.done("DELETE", "/categories/40", "moderator", 204)
    desk.refused(404, "GET", "/categories/40")
    assert desk.done("GET", "/categories?page=2&per_page=5")["data"][0]["id"] == 6


def test_tags_are_listed_aliased_and_deleted(desk):
    desk.upload("one", tags="linux,free.software")
    listing = desk.done("GET", "/tags?search=free")
    assert [each["name"] for each in listing["data"]] == ["free.software"]
    assert desk.done("GET", "/tags/linux")["uses"] == 1
    pair = {"alias": "gnu", "tag": "linux"}
    desk.refused(403, "POST", "/tag-aliases", "user", json=pair)
    assert desk.done("POST", "/tag-aliases", "moderator", 201, json=pair)["aliases"] == ["gnu"]
    assert desk.done("GET", "/tags/gnu")["name"] == "linux"
    desk.done("DELETE", "/tag-aliases/gnu", "moderator", 204)
    desk.refused(404, "DELETE", "/tag-aliases/gnu", "moderator")
    desk.done("DELETE", "/tags/linux", "moderator", 204)
    assert desk.done("GET", "/groups/1")["tags"] == ["free.software"]
    desk.refused(404, "GET", "/tags/nonsense")


def test_authors_are_listed_shown_and_changed(desk):
    desk.upload("one", authors="Anna,Ben")
    listing = desk.done("GET", "/authors?search=an")
    assert [each["name"] for each in listing["data"]] == ["Anna"]
    number = listing["data"][0]["id"]
    assert desk.done("GET", f"/authors/{number}")["group_ids"] == [1]
    desk.refused(403, "PATCH", f"/authors/{number}", "user", json={"name": "A"})
    changed = desk.done("PATCH", f"/authors/{number}", "moderator", json={"description": "[i]x[/i]"})
    assert changed["description_html"] == "<em>x</em>"
    desk.refused(409, "PATCH", f"/authors/{number}", "moderator", json={"name": "BEN"})


def test_comments_are_written_changed_hidden_and_deleted(desk):
    desk.upload("one")
    first = desk.done("POST", "/groups/1/comments", "user", 201, json={"body": "[b]Hello[/b]"})
    assert first["body_html"] == "<strong>Hello</strong>"
    assert first["author"]["username"] == "user"
    desk.done("POST", "/torrents/1/comments", "other", 201, json={"body": "two"})
    bodies = lambda path, who=None: [each["body"] for each in desk.done("GET", path, who)["data"]]  # noqa: E731
    assert bodies("/groups/1/comments") == ["[b]Hello[/b]", "two"]
    assert bodies("/torrents/1/comments?order=desc") == ["two", "[b]Hello[/b]"]
    desk.refused(401, "POST", "/groups/1/comments", json={"body": "x"})
    desk.refused(404, "POST", "/groups/9/comments", "user", json={"body": "x"})
    desk.refused(404, "GET", "/groups/9/comments")
    desk.refused(403, "PATCH", "/comments/1", "other", json={"body": "mine"})
    edited = desk.done("PATCH", "/comments/1", "user", json={"body": "Changed"})
    assert edited["editor"]["username"] == "user"
    desk.refused(403, "PATCH", "/comments/1/moderation", "user", json={"hidden": True})
    desk.done("PATCH", "/comments/1/moderation", "moderator", json={"hidden": True})
    assert bodies("/groups/1/comments", "other") == ["two"]
    desk.refused(404, "GET", "/comments/1", "other")
    desk.refused(403, "DELETE", "/comments/2", "user")
    desk.done("DELETE", "/comments/2", "other", 204)
    desk.refused(404, "GET", "/comments/2", "moderator")


@pytest.mark.parametrize("body", ["", " \n ", 5, None, "a\x00", "\u202e", "a" * 20_000])
def test_a_comment_that_cannot_be_kept_is_told(desk, body):
    desk.upload("one")
    error = desk.refused(422, "POST", "/groups/1/comments", "user", json={"body": body})
    assert list(error["details"]) == ["body"]


def test_collages_are_begun_filled_changed_and_deleted(desk):
    desk.upload("one")
    begun = desk.done(
        "POST", "/collages", "user", 201, json={"name": "Mine", "description": "x", "kind": "personal"}
    )
    assert (begun["kind"], begun["creator"]["username"], begun["group_ids"]) == ("personal", "user", [])
    desk.refused(403, "POST", "/collages", "user", json={"name": "Staff", "kind": "staff"})
    desk.refused(422, "POST", "/collages", "user", json={"name": "Mine", "kind": 0})
    filled = desk.done("POST", "/collages/1/groups", "user", 201, json={"group_id": 1})
    assert filled["group_ids"] == [1]
    desk.refused(404, "POST", "/collages/1/groups", "user", json={"group_id": 9})
    desk.refused(403, "POST", "/collages/1/groups", "other", json={"group_id": 1})
    desk.refused(403, "PATCH", "/collages/1", "other", json={"name": "x"})
    desk.refused(403, "PATCH", "/collages/1", "user", json={"locked": True})
    assert desk.done("PATCH", "/collages/1", "user", json={"name": "New"})["name"] == "New"
    assert desk.done("GET", "/collages?search=new")["meta"]["total"] == 1
    desk.done("DELETE", "/collages/1/groups/1", "user", 204)
    assert desk.done("GET", "/collages/1")["group_ids"] == []
    desk.done("DELETE", "/collages/1", "user", 204)
    desk.refused(404, "GET", "/collages/1")


def test_bookmarks_are_one_s_own(desk):
    desk.upload("one")
    made = desk.done("PUT", "/bookmarks/torrent/1", "user")
    assert made == {"kind": "torrent", "id": 1, "name": "one"}
    desk.done("PUT", "/bookmarks/group/1", "user")
    assert desk.done("GET", "/bookmarks", "user")["data"] == [made]
    assert desk.done("GET", "/bookmarks?kind=group", "user")["data"][0]["name"] == "one"
    assert desk.done("GET", "/bookmarks", "other")["data"] == []
    assert desk.done("GET", "/torrents/1", "user")["bookmarked"] is True
    desk.refused(404, "PUT", "/bookmarks/torrent/9", "user")
    desk.refused(404, "PUT", "/bookmarks/nonsense/1", "user")
    desk.refused(401, "GET", "/bookmarks")
    desk.done("DELETE", "/bookmarks/torrent/1", "user", 204)
    assert desk.done("GET", "/bookmarks", "user")["data"] == []


def test_reports_are_made_listed_and_resolved(desk):
    desk.upload("one")
    report = {"subject": "torrent", "target": 1, "reason": "Not what it says"}
    made = desk.done("POST", "/reports", "user", 201, json=report)
    assert (made["subject"], made["target"], made["resolution"]) == ("torrent", 1, "")
    desk.refused(404, "POST", "/reports", "user", json=report | {"target": 9})
    desk.refused(422, "POST", "/reports", "user", json=report | {"subject": "weather"})
    desk.refused(401, "POST", "/reports", json=report)
    desk.refused(403, "GET", "/reports", "user")
    assert desk.done("GET", "/reports", "moderator")["data"] == [made]
    closed = desk.done("POST", "/reports/1/resolve", "moderator", json={"resolution": "Hidden"})
    assert closed["resolver"]["username"] == "moderator"
    assert desk.done("GET", "/reports", "moderator")["data"] == []
    assert desk.done("GET", "/reports?resolved=true", "moderator")["data"] == [closed]
    desk.refused(409, "POST", "/reports/1/resolve", "moderator", json={"resolution": "Again"})
    desk.refused(422, "GET", "/reports?resolved=1", "moderator")


def test_news_are_posted_listed_and_taken_back(desk):
    posted = desk.done("POST", "/news", "moderator", 201, json={"title": "New", "body": "[b]x[/b]"})
    assert posted["body_html"] == "<strong>x</strong>"
    desk.refused(403, "POST", "/news", "user", json={"title": "New", "body": "x"})
    assert desk.done("GET", "/news")["data"] == [posted]
    desk.done("DELETE", "/news/1", "moderator", 204)
    desk.refused(404, "DELETE", "/news/1", "moderator")


def test_the_log_is_read_by_moderators(desk):
    desk.upload("one")
    desk.done("PATCH", "/torrents/1/moderation", "moderator", json={"hidden": True})
    first = desk.done("GET", "/log", "moderator")["data"][0]
    assert first["actor"]["username"] == "moderator"
    assert first["subject"] == "torrent"
    desk.refused(403, "GET", "/log", "user")
