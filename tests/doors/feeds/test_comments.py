"""Feeds of the comments on a group."""

import pytest

from accounts.model import Principal, Role
from catalogue.store import CommentWrite

FORMS = ("rss", "atom")


def comment(reader, group, body):
    return reader.run(reader.services.curation.comment(Principal(reader.user), group, body))


@pytest.mark.parametrize("form", FORMS)
def test_comments_are_a_feed_newest_first_with_who_wrote_them(reader, form):
    group = reader.enter("Harbour").group.id
    first = comment(reader, group, "[b]Fine[/b] & <i>dark</i>")
    reader.clock.now += 60
    comment(reader, group, "second")
    found = reader.parsed(f"/g/{group}/comments.{form}")
    assert found.feed.title == "Comments on Harbour \u2013 The Site"
    assert [entry.title for entry in found.entries] == ["ann on Harbour"] * 2
    oldest = found.entries[-1]
    assert oldest.link == oldest.id == f"http://feeds.test/g/{group}#c{first.id}"
    assert oldest.author == "ann"
    text = oldest.summary if form == "rss" else oldest.content[0].value
    assert text == "<strong>Fine</strong> &amp; &lt;i&gt;dark&lt;/i&gt;"


@pytest.mark.parametrize("form", FORMS)
def test_hidden_comments_and_groups_are_in_none(reader, form):
    torrent = reader.upload("Harbour")
    group = torrent.group.id
    bad = comment(reader, group, "spam")
    comment(reader, group, "kept")
    root = Principal(reader.add_user("mod", Role.MODERATOR))
    reader.run(reader.services.curation.hide_comment(root, bad.id, hidden=True))
    path = f"/g/{group}/comments.{form}"
    assert "spam" not in reader.ask(path, key=reader.mint()).text
    assert len(reader.parsed(path).entries) == 1
    reader.hide(torrent)
    assert reader.ask(path, key=reader.mint()).status_code == 404
    assert reader.ask(f"/g/x/comments.{form}").status_code == 404


@pytest.mark.parametrize("form", FORMS)
def test_a_comment_that_waits_for_a_moderator_is_in_none(reader, form):
    group = reader.enter("Harbour").group.id
    path = f"/g/{group}/comments.{form}"
    store = reader.services.catalogue.comments
    waiting = reader.run(store.add_comment(group, reader.user.id, 1, CommentWrite(body="waiting", held=True)))
    for key in (reader.mint(), None):
        assert "waiting" not in reader.ask(path, key=key).text
    reader.run(store.change_comment(waiting, CommentWrite(held=False)))
    assert "waiting" in reader.ask(path).text


@pytest.mark.parametrize("form", FORMS)
def test_a_feed_without_comments_is_one_and_is_unchanged_until_one_comes(reader, form):
    group = reader.enter("Harbour").group.id
    path = f"/g/{group}/comments.{form}"
    assert reader.parsed(path).entries == []
    etag = reader.ask(path).headers["etag"]
    assert reader.ask(path, {"If-None-Match": etag}).status_code == 304
    comment(reader, group, "first")
    assert reader.ask(path, {"If-None-Match": etag}).status_code == 200
