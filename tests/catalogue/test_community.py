import asyncio
from dataclasses import replace

import pytest

from bittorrent.refusal import Refusal
from catalogue import fields
from catalogue.collages import Collages
from catalogue.fields import CollageChange
from catalogue.model import PUBLIC_VIEWER, BookmarkKind, CollageKind, Subject, Viewer
from catalogue.moderation import Moderation
from catalogue.store import UNRESTRICTED_VIEWER
from tests.support.catalogue import NOW


async def code_of(awaitable):
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value.code


def bodies(page):
    return [comment.body for comment in page.items]


async def test_comments_are_listed_in_order_and_by_page(library):
    catalogue = library.catalogue
    group = (await library.enter("one"))[0].group.id
    for n in range(5):
        await catalogue.comments.add(group, 1 + n % 2, f"c{n}")
    page = await catalogue.store.comments.comments(group, 1, 2, PUBLIC_VIEWER)
    assert (bodies(page), page.total) == (["c1", "c2"], 5)
    assert bodies(await catalogue.store.comments.comments(group, 0, 2, PUBLIC_VIEWER, newest_first=True)) == [
        "c4",
        "c3",
    ]
    past = await catalogue.store.comments.comments(group, 10**30, 2, PUBLIC_VIEWER)
    assert (past.items, past.total) == ((), 5)
    assert bodies(await catalogue.store.comments.comments(group, -5, -5, PUBLIC_VIEWER)) == []
    assert page.items[0].author.name == "user2"
    assert (page.items[0].added, page.items[0].edited, page.items[0].editor) == (NOW, None, None)
    assert page.items[0].author_enabled


async def test_a_comment_is_edited_hidden_and_removed(library):
    catalogue = library.catalogue
    group = (await library.enter("one"))[0].group.id
    comment = await catalogue.comments.add(group, 1, "first")
    library.clock.now += 9
    edited = await catalogue.comments.edit(comment.id, "second\r\nline", 3)
    assert (edited.body, edited.edited, edited.editor.name) == ("second\nline", NOW + 9, "user3")
    assert (await catalogue.comments.hide(comment.id, hidden=True)).hidden
    for viewer, sees in ((PUBLIC_VIEWER, 0), (Viewer(2), 0), (Viewer(1), 1), (UNRESTRICTED_VIEWER, 1)):
        assert (await catalogue.store.comments.comment(comment.id, viewer) is not None) == sees
        assert (await catalogue.store.comments.comments(group, 0, 9, viewer)).total == sees
    await catalogue.moderation.report(Subject.COMMENT, comment.id, 2, "rude")
    await catalogue.store.comments.remove_comment(comment.id)
    assert (await catalogue.store.moderation.reports(0, 9, resolved=False)).total == 0
    assert (await catalogue.store.moderation.reports(0, 9, resolved=True)).items[
        0
    ].resolution == "It was removed."
    assert await code_of(catalogue.store.comments.remove_comment(comment.id)) == "not-found"
    assert await code_of(catalogue.comments.add(group, 1, " \n")) == "invalid"
    assert await code_of(catalogue.comments.add(group, 1, "x" * (fields.LONGEST_COMMENT + 1))) == "invalid"


async def test_comments_on_hidden_groups_are_hidden(library):
    torrent, _ = await library.enter("one", 1)
    comment = await library.catalogue.comments.add(torrent.group.id, 2, "about it")
    await library.catalogue.torrents.mark(torrent.id, hidden=True)
    for viewer, sees in ((PUBLIC_VIEWER, 0), (Viewer(2), 0), (Viewer(1), 1), (UNRESTRICTED_VIEWER, 1)):
        assert (await library.catalogue.store.comments.comment(comment.id, viewer) is not None) == sees
        assert (await library.catalogue.store.comments.comments(torrent.group.id, 0, 9, viewer)).total == sees


async def test_a_collage_keeps_its_groups_in_order_and_each_once(library):
    catalogue = replace(
        library.catalogue, collages=Collages(library.store.collages, library.clock, most_groups=2)
    )
    groups = [(await library.enter(f"t{n}", 1))[0].group.id for n in range(3)]
    collage = await catalogue.collages.add(CollageChange.read({"name": "Best", "description": "of all"}), 1)
    assert (collage.kind, collage.creator.name, collage.created) == (CollageKind.PERSONAL, "user1", NOW)
    await catalogue.collages.add_group(collage.id, groups[1], 1)
    await catalogue.collages.add_group(collage.id, groups[0], 1)
    again = await catalogue.collages.add_group(collage.id, groups[1], 1)
    assert again.group_ids == (groups[1], groups[0])
    assert await code_of(catalogue.collages.add_group(collage.id, groups[2], 1)) == "full"
    assert await code_of(catalogue.collages.add_group(collage.id, 99, 1)) == "not-found"
    assert (await catalogue.collages.remove_group(collage.id, groups[1])).group_ids == (groups[0],)
    assert await code_of(catalogue.collages.remove_group(collage.id, groups[1])) == "not-found"
    await catalogue.torrents.mark(
        (await catalogue.store.groups.torrents_of(groups, UNRESTRICTED_VIEWER))[groups[0]][0].id,
        hidden=True,
    )
    assert (await catalogue.store.collages.collage(collage.id, PUBLIC_VIEWER)).group_ids == ()
    assert (await catalogue.store.collages.collage(collage.id, Viewer(1))).group_ids == (groups[0],)


async def test_collages_are_found_by_name_and_hidden_ones_by_moderators(library):
    catalogue = library.catalogue
    for name in ("Best of 100%", "Best_of", "Worst!"):
        await catalogue.collages.add(CollageChange.read({"name": name}), 1)
    hidden = await catalogue.collages.add(CollageChange.read({"name": "Hidden"}), 1)
    edited = await catalogue.collages.edit(
        hidden.id, CollageChange.read({"hidden": True, "kind": 1, "name": "Hid"})
    )
    assert (edited.name, edited.kind, edited.hidden) == ("Hid", CollageKind.THEME, True)

    async def found(search, viewer=PUBLIC_VIEWER):
        page = await catalogue.store.collages.collages(0, 9, viewer, search)
        assert page.total == len(page.items)
        return [collage.name for collage in page.items]

    assert await found("") == ["Worst!", "Best_of", "Best of 100%"]
    assert await found("best") == ["Best_of", "Best of 100%"]
    assert await found("0%") == ["Best of 100%"]
    assert await found("t_o") == ["Best_of"]
    assert await found("!") == ["Worst!"]
    assert await found("' OR 1=1 --") == []
    assert await found("hid", Viewer(1)) == await found("hid", UNRESTRICTED_VIEWER) == ["Hid"]
    await catalogue.store.collages.remove_collage(hidden.id)
    assert await catalogue.store.collages.collage(hidden.id, UNRESTRICTED_VIEWER) is None
    assert await code_of(catalogue.collages.add(CollageChange.read({}), 1)) == "invalid"


async def test_bookmarks_are_kept_once_and_counted(library):
    catalogue = replace(
        library.catalogue, collages=Collages(library.store.collages, library.clock, most_bookmarks=2)
    )
    groups = [(await library.enter(f"t{n}"))[0].group.id for n in range(3)]
    for number in (groups[0], groups[0], groups[1]):
        library.clock.now += 1
        await catalogue.collages.bookmark(1, BookmarkKind.GROUP, number, on=True)
    assert await code_of(catalogue.collages.bookmark(1, BookmarkKind.GROUP, groups[2], on=True)) == "full"
    page = await catalogue.store.collages.bookmarks(1, BookmarkKind.GROUP, 0, 9)
    assert (page.items, page.total) == ((groups[1], groups[0]), 2)
    assert await catalogue.store.collages.bookmarked(1, BookmarkKind.GROUP, groups) == frozenset(groups[:2])
    assert await catalogue.store.collages.bookmarked(None, BookmarkKind.GROUP, groups) == frozenset()
    assert await catalogue.store.collages.bookmarked(1, BookmarkKind.TORRENT, groups) == frozenset()
    for _ in range(2):
        await catalogue.collages.bookmark(1, BookmarkKind.GROUP, groups[0], on=False)
    assert (await catalogue.store.collages.bookmarks(1, BookmarkKind.GROUP, 0, 9)).items == (groups[1],)
    collage = await catalogue.collages.add(CollageChange.read({"name": "C"}), 1)
    for user in (1, 2):
        await catalogue.collages.bookmark(user, BookmarkKind.COLLAGE, collage.id, on=True)
    assert (await catalogue.store.collages.collage(collage.id, PUBLIC_VIEWER)).subscribers == 2


async def test_reports_are_open_until_they_are_resolved(library):
    catalogue = replace(
        library.catalogue, moderation=Moderation(library.store.moderation, library.clock, most_reports=2)
    )
    torrent, _ = await library.enter("one")
    first = await catalogue.moderation.report(Subject.TORRENT, torrent.id, 1, "spam")
    again = await catalogue.moderation.report(Subject.TORRENT, torrent.id, 1, "spam indeed")
    assert (again.id, again.reason) == (first.id, "spam indeed")
    assert (await catalogue.store.torrents.torrent(torrent.id, PUBLIC_VIEWER)).reported
    await catalogue.moderation.report(Subject.USER, 2, 1, "rude")
    assert await code_of(catalogue.moderation.report(Subject.GROUP, torrent.group.id, 1, "x")) == "full"
    assert await code_of(catalogue.moderation.report(Subject.NEWS, 1, 2, "x")) == "not-found"
    page = await catalogue.store.moderation.reports(0, 9, resolved=False)
    assert [report.subject for report in page.items] == [Subject.TORRENT, Subject.USER]
    library.clock.now += 5
    closed = await catalogue.moderation.resolve(first.id, 3, "removed the spam")
    assert (closed.resolver.name, closed.resolved, closed.resolution) == (
        "user3",
        NOW + 5,
        "removed the spam",
    )
    assert not (await catalogue.store.torrents.torrent(torrent.id, PUBLIC_VIEWER)).reported
    assert await code_of(catalogue.moderation.resolve(first.id, 2, "again")) == "fixed"
    assert await code_of(catalogue.moderation.resolve(first.id, 2, "")) == "invalid"
    assert (await catalogue.store.moderation.reports(0, 9, resolved=True)).items == (closed,)


async def test_the_log_is_listed_newest_first_and_nothing_changes_it(library):
    for n in range(3):
        await library.catalogue.moderation.log(
            n or None, "hide", Subject.TORRENT, str(n), "why\0\x1b[2J\ud800"
        )
    page = await library.catalogue.store.moderation.log_entries(0, 2)
    assert [(entry.target, entry.actor.name) for entry in page.items] == [("2", "user2"), ("1", "user1")]
    assert page.total == 3
    assert page.items[0].detail == "why [2J"
    assert (await library.catalogue.store.moderation.log_entries(2, 2)).items[0].actor is None


async def test_news_are_listed_newest_first(library):
    catalogue = library.catalogue
    first = await catalogue.comments.post_news("One", "body", 1)
    second = await catalogue.comments.post_news("Two", "body", 2)
    assert (await catalogue.store.comments.news(0, 9)).items == (second, first)
    await catalogue.store.comments.remove_news(first.id)
    assert (await catalogue.store.comments.news(0, 9)).items == (second,)
    assert await code_of(catalogue.comments.post_news("", "", 1)) == "invalid"


async def test_what_others_need_outlives_its_account(library):
    torrent, _ = await library.enter("one", 1)
    await library.catalogue.comments.add(torrent.group.id, 1, "mine")
    async with library.database.transaction() as transaction:
        await transaction.run("DELETE FROM account WHERE id = 1")
    assert (await library.catalogue.store.torrents.torrent(torrent.id, PUBLIC_VIEWER)).uploader is None
    assert (await library.catalogue.store.comments.comments(torrent.group.id, 0, 9, PUBLIC_VIEWER)).total == 0


async def test_concurrent_changes_do_not_conflict(library):
    catalogue = library.catalogue
    group = (await library.enter("one"))[0].group.id
    collage = await catalogue.collages.add(CollageChange.read({"name": "C"}), 1)
    await asyncio.gather(
        *(catalogue.comments.add(group, 1, f"c{n}") for n in range(20)),
        *(catalogue.collages.add_group(collage.id, group, 1) for _ in range(5)),
        *(catalogue.collages.bookmark(user, BookmarkKind.GROUP, group, on=True) for user in (1, 2, 3)),
        *(library.enter(f"t{n}", group_id=group) for n in range(5)),
    )
    assert (await catalogue.store.comments.comments(group, 0, 1, PUBLIC_VIEWER)).total == 20
    assert (await catalogue.store.collages.collage(collage.id, PUBLIC_VIEWER)).group_ids == (group,)
    assert (await catalogue.store.groups.group(group, PUBLIC_VIEWER)).torrents == 6
