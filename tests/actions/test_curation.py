import asyncio
import inspect

import pytest

from accounts.model import NOBODY
from accounts.rights import Right
from actions.curation import Curation
from bittorrent.refusal import Refusal
from catalogue.model import Bookmarked, CollageKind, Subject
from catalogue.shelf import ALL
from tests.actions.catalogued import ADMIN, MODERATOR, OWNER, ROLES, USER, office
from tests.torrents import hybrid_torrent, parsed, v1_torrent

OK = "ok"


async def end_of(deed):
    try:
        await deed
    except Refusal as refusal:
        return refusal.code
    return OK


@pytest.fixture
def at_office(tmp_path):
    def run(story, **given):
        async def told():
            async with office(tmp_path, **given) as rooms:
                return await story(rooms)

        return asyncio.run(told())

    return run


class Shelf:
    """What OWNER made, for others to try their hands at."""

    async def fill(self, rooms):
        curation, library = rooms.curation, rooms.library
        self.torrent = await curation.publish(
            OWNER, v1_torrent("one"), "test", {"tags": ["x"], "authors": ["Ann"]}
        )
        self.group = self.torrent.group
        self.other = (await library.enter("other", 4))[0]
        self.comment = await curation.comment(OWNER, self.group.id, "hello")
        self.collage = await curation.add_collage(OWNER, {"name": "Own"})
        self.full = await curation.put_in_collage(OWNER, self.collage.id, self.group.id)
        self.theme = await curation.add_collage(OWNER, {"name": "Theme", "kind": CollageKind.THEME})
        self.staff = await curation.add_collage(ADMIN, {"name": "Staff", "kind": CollageKind.STAFF})
        self.report = await curation.report(OWNER, Subject.GROUP, self.group.id, "look")
        self.tag = await library.catalogue.tag("x")
        self.category = await curation.add_category(ADMIN, "Maps", 5)
        self.news = await curation.post_news(ADMIN, "News", "of today")
        return self


#                     nobody             user         owner        moderator  admin
ALL_MAY = ("unauthenticated", OK, OK, OK, OK)
OWN = ("unauthenticated", "forbidden", OK, OK, OK)
STAFF = ("unauthenticated", "forbidden", "forbidden", OK, OK)
DEEDS = {
    "viewer": (lambda c, p, s: view(c, p), (OK, OK, OK, OK, OK)),
    "publish": (lambda c, p, s: c.publish(p, v1_torrent("new"), "test"), ALL_MAY),
    "publish freeleech": (lambda c, p, s: c.publish(p, v1_torrent("new"), "test", {"freeleech": 1}), STAFF),
    "edit_torrent": (lambda c, p, s: c.edit_torrent(p, s.torrent.id, {"title": "x", "tags": ["y"]}), OWN),
    "edit freeleech": (lambda c, p, s: c.edit_torrent(p, s.torrent.id, {"freeleech": 1}), STAFF),
    "delete_torrent": (lambda c, p, s: c.delete_torrent(p, s.torrent.id, "why"), OWN),
    "mark_torrent": (lambda c, p, s: c.mark_torrent(p, s.torrent.id, hidden=True), STAFF),
    "set_freeleech": (lambda c, p, s: c.set_freeleech(p, s.torrent.id, 1), STAFF),
    "edit_group": (lambda c, p, s: c.edit_group(p, s.group.id, {"year": 1999}), OWN),
    "lock_group": (lambda c, p, s: c.lock_group(p, s.group.id, locked=True), STAFF),
    "merge_groups": (lambda c, p, s: c.merge_groups(p, s.group.id, s.other.group.id), STAFF),
    "add_category": (lambda c, p, s: c.add_category(p, "New", 1), STAFF),
    "edit_category": (lambda c, p, s: c.edit_category(p, s.category.id, {"name": "New"}), STAFF),
    "remove_category": (lambda c, p, s: c.remove_category(p, s.category.id), STAFF),
    "alias_tag": (lambda c, p, s: c.alias_tag(p, "a", "x"), STAFF),
    "unalias_tag": (lambda c, p, s: unalias(c, p), STAFF),
    "remove_tag": (lambda c, p, s: c.remove_tag(p, s.tag.id), STAFF),
    "edit_author": (lambda c, p, s: c.edit_author(p, s.group.authors[0].id, {"name": "Bo"}), STAFF),
    "comment": (lambda c, p, s: c.comment(p, s.group.id, "hi"), ALL_MAY),
    "edit_comment": (lambda c, p, s: c.edit_comment(p, s.comment.id, "hi"), OWN),
    "delete_comment": (lambda c, p, s: c.delete_comment(p, s.comment.id), OWN),
    "hide_comment": (lambda c, p, s: c.hide_comment(p, s.comment.id, hidden=True), STAFF),
    "add_collage": (lambda c, p, s: c.add_collage(p, {"name": "C"}), ALL_MAY),
    "add staff collage": (lambda c, p, s: c.add_collage(p, {"name": "C", "kind": 2}), STAFF),
    "add locked collage": (lambda c, p, s: c.add_collage(p, {"name": "C", "locked": True}), STAFF),
    "edit_collage": (lambda c, p, s: c.edit_collage(p, s.collage.id, {"name": "D"}), OWN),
    "hide collage": (lambda c, p, s: c.edit_collage(p, s.collage.id, {"hidden": True}), STAFF),
    "make staff collage": (lambda c, p, s: c.edit_collage(p, s.collage.id, {"kind": 2}), STAFF),
    "delete_collage": (lambda c, p, s: c.delete_collage(p, s.collage.id), OWN),
    "put in personal": (lambda c, p, s: c.put_in_collage(p, s.collage.id, s.other.group.id), OWN),
    "put in theme": (lambda c, p, s: c.put_in_collage(p, s.theme.id, s.group.id), ALL_MAY),
    "put in staff": (lambda c, p, s: c.put_in_collage(p, s.staff.id, s.group.id), STAFF),
    "take_from_collage": (lambda c, p, s: c.take_from_collage(p, s.collage.id, s.group.id), OWN),
    "bookmark": (lambda c, p, s: c.bookmark(p, Bookmarked.GROUP, s.group.id, on=True), ALL_MAY),
    "unbookmark": (lambda c, p, s: c.bookmark(p, Bookmarked.AUTHOR, 99, on=False), ALL_MAY),
    "report": (lambda c, p, s: c.report(p, Subject.USER, 4, "rude"), ALL_MAY),
    "reports": (lambda c, p, s: c.reports(p, 0, 9, resolved=False), STAFF),
    "resolve": (lambda c, p, s: c.resolve(p, s.report.id, "done"), STAFF),
    "deeds": (lambda c, p, s: c.deeds(p, 0, 9), STAFF),
    "post_news": (lambda c, p, s: c.post_news(p, "News", "more"), STAFF),
    "remove_news": (lambda c, p, s: c.remove_news(p, s.news.id), STAFF),
}


async def view(curation, principal):
    return curation.viewer(principal)


async def unalias(curation, principal):
    await curation.alias_tag(ADMIN, "z", "x")
    await curation.unalias_tag(principal, "z")


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("role", ROLES)
def test_who_may(at_office, deed, role):
    act, ends = DEEDS[deed]

    async def story(rooms):
        shelf = await Shelf().fill(rooms)
        assert (
            await end_of(act(rooms.curation, ROLES[role], shelf)) == dict(zip(ROLES, ends, strict=True))[role]
        )

    at_office(story)


def test_every_deed_has_a_row():
    deeds = {name for name, _ in inspect.getmembers(Curation, inspect.isfunction) if not name.startswith("_")}
    told = {deed for deed in DEEDS if deed in deeds}
    assert deeds - told == {"put_in_collage"}, "which has a row for each kind"


def test_without_read_nothing_is_seen(at_office):
    async def story(rooms):
        assert await end_of(view(rooms.curation, NOBODY)) == "unauthenticated"
        assert await end_of(view(rooms.curation, USER)) == OK

    at_office(story, anonymous=frozenset())


def test_nobody_in_particular_may_upload_where_everyone_may(at_office):
    async def story(rooms):
        torrent = await rooms.curation.publish(NOBODY, v1_torrent("one"), "test", {"title": "Mine"})
        assert (torrent.uploader, torrent.title) == (None, "Mine")
        assert (
            await end_of(rooms.curation.edit_torrent(NOBODY, torrent.id, {"title": "x"})) == "unauthenticated"
        )
        assert await end_of(rooms.curation.edit_torrent(USER, torrent.id, {"title": "x"})) == "forbidden"

    at_office(story, anonymous=frozenset({Right.READ, Right.UPLOAD}))


@pytest.mark.parametrize("who", ["user", "nobody"])
def test_what_is_hidden_from_somebody_is_not_found(at_office, who):
    somebody = ROLES[who]

    async def story(rooms):
        curation, catalogue = rooms.curation, rooms.library.catalogue
        shelf = await Shelf().fill(rooms)
        await curation.hide_comment(MODERATOR, shelf.comment.id, hidden=True)
        await curation.edit_collage(MODERATOR, shelf.collage.id, {"hidden": True})
        assert await end_of(curation.edit_comment(somebody, shelf.comment.id, "x")) == "not-found"
        assert await end_of(curation.edit_collage(somebody, shelf.collage.id, {"name": "x"})) == "not-found"
        await curation.mark_torrent(MODERATOR, shelf.torrent.id, hidden=True)
        for deed in (
            curation.edit_torrent(somebody, shelf.torrent.id, {"title": "x"}),
            curation.delete_torrent(somebody, shelf.torrent.id),
            curation.edit_group(somebody, shelf.group.id, {"name": "x"}),
        ):
            assert await end_of(deed) == "not-found"
        assert await end_of(curation.edit_torrent(OWNER, shelf.torrent.id, {"title": "mine"})) == OK
        if somebody.user is None:
            return
        for deed in (
            curation.comment(somebody, shelf.group.id, "x"),
            curation.put_in_collage(somebody, shelf.theme.id, shelf.group.id),
            curation.bookmark(somebody, Bookmarked.TORRENT, shelf.torrent.id, on=True),
            curation.bookmark(somebody, Bookmarked.GROUP, shelf.group.id, on=True),
            curation.bookmark(somebody, Bookmarked.COLLAGE, shelf.collage.id, on=True),
            curation.report(somebody, Subject.TORRENT, shelf.torrent.id, "x"),
            curation.report(somebody, Subject.COMMENT, shelf.comment.id, "x"),
        ):
            assert await end_of(deed) == "not-found"
        assert (
            await end_of(curation.publish(USER, v1_torrent("x"), "test", {"group_id": shelf.group.id}))
            == "invalid"
        )
        assert await catalogue.torrent(parsed(v1_torrent("x")).infohash, ALL) is None

    at_office(story)


def test_what_is_locked_is_changed_by_moderators_alone(at_office):
    async def story(rooms):
        curation = rooms.curation
        shelf = await Shelf().fill(rooms)
        await curation.mark_torrent(MODERATOR, shelf.torrent.id, locked=True)
        for deed in (
            curation.edit_torrent(OWNER, shelf.torrent.id, {"title": "x"}),
            curation.delete_torrent(OWNER, shelf.torrent.id),
        ):
            assert await end_of(deed) == "torrent-locked"
        assert await end_of(curation.edit_torrent(MODERATOR, shelf.torrent.id, {"title": "x"})) == OK
        await curation.mark_torrent(MODERATOR, shelf.torrent.id, locked=False)
        await curation.lock_group(MODERATOR, shelf.group.id, locked=True)
        await rooms.library.catalogue.edit_torrent(shelf.other.id, {"anonymous": False})
        for deed in (
            curation.edit_torrent(OWNER, shelf.torrent.id, {"tags": ["y"]}),
            curation.edit_torrent(OWNER, shelf.torrent.id, {"group_id": shelf.other.group.id}),
            curation.edit_group(OWNER, shelf.group.id, {"name": "x"}),
            curation.comment(OWNER, shelf.group.id, "x"),
            curation.publish(USER, v1_torrent("x"), "test", {"group_id": shelf.group.id}),
        ):
            assert await end_of(deed) == "group-locked"
        assert await end_of(curation.edit_torrent(OWNER, shelf.torrent.id, {"title": "only mine"})) == OK
        assert await end_of(curation.edit_group(MODERATOR, shelf.group.id, {"name": "x"})) == OK
        await curation.edit_collage(MODERATOR, shelf.collage.id, {"locked": True})
        assert await end_of(curation.edit_collage(OWNER, shelf.collage.id, {"name": "x"})) == "forbidden"
        assert (
            await end_of(curation.put_in_collage(OWNER, shelf.collage.id, shelf.other.group.id))
            == "forbidden"
        )

    at_office(story)


def test_what_is_done_to_the_work_of_another_is_in_the_log(at_office):
    async def story(rooms):
        curation = rooms.curation
        shelf = await Shelf().fill(rooms)
        before = (await curation.deeds(ADMIN, 0, 1)).total
        await curation.edit_torrent(OWNER, shelf.torrent.id, {"title": "mine"})
        await curation.edit_comment(OWNER, shelf.comment.id, "mine")
        assert (await curation.deeds(ADMIN, 0, 1)).total == before
        await curation.edit_torrent(MODERATOR, shelf.torrent.id, {"title": "x", "format": "PDF"})
        await curation.mark_torrent(MODERATOR, shelf.torrent.id, hidden=True, locked=False)
        await curation.delete_comment(MODERATOR, shelf.comment.id)
        await curation.resolve(MODERATOR, shelf.report.id, "seen")
        await curation.delete_torrent(MODERATOR, shelf.torrent.id, "spam\x1b[2J")
        page = await curation.deeds(ADMIN, 0, 6)
        assert page.total == before + 6
        assert [(deed.verb, deed.subject, deed.target, deed.detail) for deed in reversed(page.items)] == [
            ("edit", "torrent", str(shelf.torrent.id), "format, title"),
            ("hide", "torrent", str(shelf.torrent.id), ""),
            ("unlock", "torrent", str(shelf.torrent.id), ""),
            ("delete", "comment", str(shelf.comment.id), "mine"),
            ("resolve", "group", str(shelf.group.id), "seen"),
            ("delete", "torrent", str(shelf.torrent.id), "x: spam [2J"),
        ]
        assert {deed.actor.name for deed in page.items} == {"user3"}

    at_office(story)


def test_a_deleted_torrent_is_gone_from_catalogue_cache_and_tracker(at_office):
    async def story(rooms):
        torrent = await rooms.curation.publish(OWNER, hybrid_torrent("one"), "test")
        assert {torrent.infohash, torrent.alias} <= rooms.policy.allowed
        await rooms.curation.delete_torrent(OWNER, torrent.id)
        assert await rooms.library.catalogue.torrent(torrent.infohash, ALL) is None
        assert not await rooms.cache.has(torrent.infohash)
        assert not {torrent.infohash, torrent.alias} & rooms.policy.allowed
        again = await rooms.curation.publish(USER, hybrid_torrent("one"), "test")
        assert again.uploader.id == USER.id
        assert {torrent.infohash, torrent.alias} <= rooms.policy.allowed

    at_office(story)


def test_whoever_brought_a_torrent_of_a_group_edits_it(at_office):
    async def story(rooms):
        shelf = await Shelf().fill(rooms)
        await rooms.curation.publish(USER, v1_torrent("second"), "test", {"group_id": shelf.group.id})
        edited = await rooms.curation.edit_group(USER, shelf.group.id, {"name": "Better"})
        assert edited.name == "Better"
        assert edited.torrents == 2

    at_office(story)


def test_refused_details_leave_no_file_behind(at_office):
    async def story(rooms):
        data = v1_torrent("one")
        for details in ({"title": ""}, {"category_id": 77}, {"group_id": 99}, {"colour": "red"}):
            assert await end_of(rooms.curation.publish(OWNER, data, "test", details)) == "invalid"
        assert not await rooms.cache.has(parsed(data).infohash)
        assert not rooms.policy.allowed

    at_office(story)
