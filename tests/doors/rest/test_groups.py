import pytest


def test_a_group_is_shown_with_its_torrents(api):
    api.upload("one", "user", description="of the torrent", group_description="of the group", tags="a,b")
    group = api.done("GET", "/groups/1")
    assert (group["name"], group["description"], group["tags"]) == ("one", "of the group", ["a", "b"])
    assert [each["title"] for each in group["torrents"]] == ["one"]
    api.upload("two", "user", group_id="1")
    assert [each["title"] for each in api.done("GET", "/groups/1")["torrents"]] == ["one", "two"]
    api.refused(404, "GET", "/groups/2")


def test_groups_are_found_by_their_torrents(api):
    api.upload("one")
    api.upload("two")
    listing = api.done("GET", "/groups?search=two")
    assert [each["name"] for each in listing["data"]] == ["two"]
    assert listing["meta"]["total"] == 1


def test_who_brought_a_torrent_edits_its_group(api):
    api.upload("one", "user")
    changed = api.done(
        "PATCH",
        "/groups/1",
        "user",
        json={"name": "Name", "authors": ["Anna", "Ben"], "imdb_id": "tt0111161", "season": 2, "year": None},
    )
    assert (changed["name"], changed["authors"], changed["season"]) == ("Name", ["Anna", "Ben"], 2)
    assert changed["imdb_id"] == "tt0111161"
    api.refused(403, "PATCH", "/groups/1", "other", json={"name": "Mine"})
    api.refused(401, "PATCH", "/groups/1", json={"name": "Mine"})


def test_a_locked_group_is_changed_by_moderators_alone(api):
    api.upload("one", "user")
    api.refused(403, "PATCH", "/groups/1/moderation", "user", json={"locked": True})
    assert api.done("PATCH", "/groups/1/moderation", "moderator", json={"locked": True})["locked"] is True
    api.refused(403, "PATCH", "/groups/1", "user", json={"name": "New"})
    api.refused(403, "POST", "/groups/1/comments", "user", json={"body": "text"})
    api.done("PATCH", "/groups/1", "moderator", json={"name": "New"})


def test_groups_are_merged(api):
    api.upload("one")
    api.upload("two")
    api.refused(403, "POST", "/groups/1/merge", "user", json={"into": 2})
    merged = api.done("POST", "/groups/1/merge", "moderator", json={"into": 2})
    assert merged["id"] == 2
    assert len(merged["torrents"]) == 2
    api.refused(404, "GET", "/groups/1")
    api.refused(404, "POST", "/groups/1/merge", "moderator", json={"into": 2})
    assert api.ask("POST", "/groups/2/merge", "moderator", json={"into": 2}).status_code in {404, 422}


def test_categories_are_listed_added_changed_and_deleted(api):
    listing = api.done("GET", "/categories")
    names = ["Movies", "Anime", "TV", "Music", "Books", "PC", "Mobile", "XXX", "Unsorted"]
    assert [each["name"] for each in listing["data"]] == names
    assert listing["data"][0] == {"id": 1, "name": "Movies", "parent_id": None}
    assert listing["meta"]["total"] == 9
    new = {"name": "Sequences", "parent_id": 9, "id": 40}
    api.refused(403, "POST", "/categories", "user", json=new)
    assert api.done("POST", "/categories", "moderator", 201, json=new) == new
    api.refused(409, "POST", "/categories", "moderator", json={"name": "SEQUENCES", "parent_id": 1})
    api.refused(422, "POST", "/categories", "moderator", json={"name": "x", "parent_id": 40})
    assert api.done("PATCH", "/categories/40", "moderator", json={"parent_id": 5})["parent_id"] == 5
    assert api.done("GET", "/categories/40")["name"] == "Sequences"
    api.refused(409, "PATCH", "/categories/1", "moderator", json={"name": "Films"})
    api.refused(409, "DELETE", "/categories/1", "moderator")
    api.done("DELETE", "/categories/40", "moderator", 204)
    api.refused(404, "GET", "/categories/40")
    assert api.done("GET", "/categories?page=2&per_page=5")["data"][0]["id"] == 6


def test_tags_are_listed_aliased_and_deleted(api):
    api.upload("one", tags="linux,free.software")
    listing = api.done("GET", "/tags?search=free")
    assert [each["name"] for each in listing["data"]] == ["free.software"]
    assert api.done("GET", "/tags/linux")["uses"] == 1
    pair = {"alias": "gnu", "tag": "linux"}
    api.refused(403, "POST", "/tag-aliases", "user", json=pair)
    assert api.done("POST", "/tag-aliases", "moderator", 201, json=pair)["aliases"] == ["gnu"]
    assert api.done("GET", "/tags/gnu")["name"] == "linux"
    api.done("DELETE", "/tag-aliases/gnu", "moderator", 204)
    api.refused(404, "DELETE", "/tag-aliases/gnu", "moderator")
    api.done("DELETE", "/tags/linux", "moderator", 204)
    assert api.done("GET", "/groups/1")["tags"] == ["free.software"]
    api.refused(404, "GET", "/tags/nonsense")


def test_authors_are_listed_shown_and_changed(api):
    api.upload("one", authors="Anna,Ben")
    listing = api.done("GET", "/authors?search=an")
    assert [each["name"] for each in listing["data"]] == ["Anna"]
    number = listing["data"][0]["id"]
    assert api.done("GET", f"/authors/{number}")["group_ids"] == [1]
    api.refused(403, "PATCH", f"/authors/{number}", "user", json={"name": "A"})
    changed = api.done("PATCH", f"/authors/{number}", "moderator", json={"description": "[i]x[/i]"})
    assert changed["description_html"] == "<em>x</em>"
    api.refused(409, "PATCH", f"/authors/{number}", "moderator", json={"name": "BEN"})


def test_comments_are_written_changed_hidden_and_deleted(api):
    api.upload("one")
    first = api.done("POST", "/groups/1/comments", "user", 201, json={"body": "[b]Hello[/b]"})
    assert first["body_html"] == "<strong>Hello</strong>"
    assert first["author"]["username"] == "user"
    api.done("POST", "/torrents/1/comments", "other", 201, json={"body": "two"})
    bodies = lambda path, who=None: [each["body"] for each in api.done("GET", path, who)["data"]]  # noqa: E731
    assert bodies("/groups/1/comments") == ["[b]Hello[/b]", "two"]
    assert bodies("/torrents/1/comments?order=desc") == ["two", "[b]Hello[/b]"]
    api.refused(401, "POST", "/groups/1/comments", json={"body": "x"})
    api.refused(404, "POST", "/groups/9/comments", "user", json={"body": "x"})
    api.refused(404, "GET", "/groups/9/comments")
    api.refused(403, "PATCH", "/comments/1", "other", json={"body": "mine"})
    edited = api.done("PATCH", "/comments/1", "user", json={"body": "Changed"})
    assert edited["editor"]["username"] == "user"
    api.refused(403, "PATCH", "/comments/1/moderation", "user", json={"hidden": True})
    api.done("PATCH", "/comments/1/moderation", "moderator", json={"hidden": True})
    assert bodies("/groups/1/comments", "other") == ["two"]
    api.refused(404, "GET", "/comments/1", "other")
    api.refused(403, "DELETE", "/comments/2", "user")
    api.done("DELETE", "/comments/2", "other", 204)
    api.refused(404, "GET", "/comments/2", "moderator")


@pytest.mark.parametrize("body", ["", " \n ", 5, None, "a\x00", "\u202e", "a" * 20_000])
def test_a_comment_that_cannot_be_kept_is_refused(api, body):
    api.upload("one")
    error = api.refused(422, "POST", "/groups/1/comments", "user", json={"body": body})
    assert list(error["details"]) == ["body"]


def test_collages_are_begun_filled_changed_and_deleted(api):
    api.upload("one")
    begun = api.done(
        "POST", "/collages", "user", 201, json={"name": "Mine", "description": "x", "kind": "personal"}
    )
    assert (begun["kind"], begun["creator"]["username"], begun["group_ids"]) == ("personal", "user", [])
    api.refused(403, "POST", "/collages", "user", json={"name": "Staff", "kind": "staff"})
    api.refused(422, "POST", "/collages", "user", json={"name": "Mine", "kind": 0})
    filled = api.done("POST", "/collages/1/groups", "user", 201, json={"group_id": 1})
    assert filled["group_ids"] == [1]
    api.refused(404, "POST", "/collages/1/groups", "user", json={"group_id": 9})
    api.refused(403, "POST", "/collages/1/groups", "other", json={"group_id": 1})
    api.refused(403, "PATCH", "/collages/1", "other", json={"name": "x"})
    api.refused(403, "PATCH", "/collages/1", "user", json={"locked": True})
    assert api.done("PATCH", "/collages/1", "user", json={"name": "New"})["name"] == "New"
    assert api.done("GET", "/collages?search=new")["meta"]["total"] == 1
    api.done("DELETE", "/collages/1/groups/1", "user", 204)
    assert api.done("GET", "/collages/1")["group_ids"] == []
    api.done("DELETE", "/collages/1", "user", 204)
    api.refused(404, "GET", "/collages/1")


def test_bookmarks_are_one_s_own(api):
    api.upload("one")
    made = api.done("PUT", "/bookmarks/torrent/1", "user")
    assert made == {"kind": "torrent", "id": 1, "name": "one"}
    api.done("PUT", "/bookmarks/group/1", "user")
    assert api.done("GET", "/bookmarks", "user")["data"] == [made]
    assert api.done("GET", "/bookmarks?kind=group", "user")["data"][0]["name"] == "one"
    assert api.done("GET", "/bookmarks", "other")["data"] == []
    assert api.done("GET", "/torrents/1", "user")["bookmarked"] is True
    api.refused(404, "PUT", "/bookmarks/torrent/9", "user")
    api.refused(404, "PUT", "/bookmarks/nonsense/1", "user")
    api.refused(401, "GET", "/bookmarks")
    api.done("DELETE", "/bookmarks/torrent/1", "user", 204)
    assert api.done("GET", "/bookmarks", "user")["data"] == []


def test_reports_are_made_listed_and_resolved(api):
    api.upload("one")
    report = {"subject": "torrent", "target": 1, "reason": "Not what it says"}
    made = api.done("POST", "/reports", "user", 201, json=report)
    assert (made["subject"], made["target"], made["resolution"]) == ("torrent", 1, "")
    api.refused(404, "POST", "/reports", "user", json=report | {"target": 9})
    api.refused(422, "POST", "/reports", "user", json=report | {"subject": "weather"})
    api.refused(401, "POST", "/reports", json=report)
    api.refused(403, "GET", "/reports", "user")
    assert api.done("GET", "/reports", "moderator")["data"] == [made]
    closed = api.done("POST", "/reports/1/resolve", "moderator", json={"resolution": "Hidden"})
    assert closed["resolver"]["username"] == "moderator"
    assert api.done("GET", "/reports", "moderator")["data"] == []
    assert api.done("GET", "/reports?resolved=true", "moderator")["data"] == [closed]
    api.refused(409, "POST", "/reports/1/resolve", "moderator", json={"resolution": "Again"})
    api.refused(422, "GET", "/reports?resolved=1", "moderator")


def test_news_are_posted_listed_and_taken_back(api):
    posted = api.done("POST", "/news", "moderator", 201, json={"title": "New", "body": "[b]x[/b]"})
    assert posted["body_html"] == "<strong>x</strong>"
    api.refused(403, "POST", "/news", "user", json={"title": "New", "body": "x"})
    assert api.done("GET", "/news")["data"] == [posted]
    api.done("DELETE", "/news/1", "moderator", 204)
    api.refused(404, "DELETE", "/news/1", "moderator")


def test_the_log_is_read_by_moderators(api):
    api.upload("one")
    api.done("PATCH", "/torrents/1/moderation", "moderator", json={"hidden": True})
    first = api.done("GET", "/log", "moderator")["data"][0]
    assert first["actor"]["username"] == "moderator"
    assert first["subject"] == "torrent"
    api.refused(403, "GET", "/log", "user")
