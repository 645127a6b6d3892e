from catalogue.store import CommentWrite


def test_comments_that_wait_are_listed_shown_or_hidden_by_moderators(api):
    group = api.upload("one", "moderator")["group_id"]
    add = api.services.catalogue.comments.add_comment
    first, second = [
        api.run(add(group, api.user("user").id, 1, CommentWrite(body=body, held=True))) for body in "ab"
    ]
    path = f"/groups/{group}/comments"
    for who, seen in ((None, ""), ("other", ""), ("user", "ab"), ("moderator", "ab")):
        assert "".join(each["body"] for each in api.done("GET", path, who)["data"]) == seen
    for who, status in ((None, 401), ("user", 403)):
        api.refused(status, "GET", "/held-comments", who)
        api.refused(status, "POST", f"/held-comments/{first}", who, json={"shown": True})
    api.refused(404, "GET", f"/comments/{first}", "other")
    waiting = api.done("GET", "/held-comments", "moderator")["data"]
    assert [(each["id"], each["held"]) for each in waiting] == [(first, True), (second, True)]
    assert not api.done("POST", f"/held-comments/{first}", "moderator", json={"shown": True})["held"]
    assert api.done("POST", f"/held-comments/{second}", "moderator", json={"shown": False})["hidden"]
    api.refused(404, "POST", f"/held-comments/{second}", "moderator", json={"shown": True})
    assert [each["body"] for each in api.done("GET", path)["data"]] == ["a"]
    assert api.done("GET", "/held-comments", "moderator")["data"] == []
