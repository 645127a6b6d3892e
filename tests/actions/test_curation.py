import inspect

import pytest

from accounts.model import NOBODY
from accounts.rights import Right
from actions.curation import Curation
from bittorrent.infohash import InfoHash
from bittorrent.magnet import Magnet
from bittorrent.refusal import Refusal
from catalogue.fields import AuthorChange, CategoryChange, CollageChange, GroupChange, TorrentDetails
from catalogue.model import BookmarkKind, CollageKind, Freeleech, Person, Subject
from catalogue.store import UNRESTRICTED_VIEWER
from tests.actions.catalogue_services import ADMIN, MODERATOR, OWNER, ROLES, USER, open_services
from tests.support.torrents import hybrid_torrent, parsed, v1_torrent

OK = "ok"


async def end_of(operation):
    try:
        await operation
    except Refusal as refusal:
        return refusal.code
    return OK


class Entries:
    """What OWNER created, for others to change."""

    async def fill(self, services):
        curation, library = services.curation, services.library
        self.torrent = await curation.publish(
            OWNER, v1_torrent("one"), "test", TorrentDetails.read({"tags": ["x"], "authors": ["Ann"]})
        )
        self.group = self.torrent.group
        self.other = (await library.enter("other", 4))[0]
        self.comment = await curation.comment(OWNER, self.group.id, "hello")
        self.collage = await curation.add_collage(OWNER, CollageChange.read({"name": "Own"}))
        self.full = await curation.add_to_collage(OWNER, self.collage.id, self.group.id)
        self.theme = await curation.add_collage(
            OWNER, CollageChange.read({"name": "Theme", "kind": CollageKind.THEME})
        )
        self.staff = await curation.add_collage(
            ADMIN, CollageChange.read({"name": "Staff", "kind": CollageKind.STAFF})
        )
        self.report = await curation.report(OWNER, Subject.GROUP, self.group.id, "look")
        self.tag = await library.catalogue.store.tags.tag("x")
        self.category = await curation.add_category(ADMIN, "Maps", 5)
        self.news = await curation.post_news(ADMIN, "News", "of today")
        return self


async def may_edit(curation, principal, entries):
    if not curation.may_edit_group(principal, entries.group, [entries.torrent]):
        raise Refusal("forbidden")


#                     nobody             user         owner        moderator  admin
async def settle(curation, principal, group, author):
    held = await curation._catalogue.comments.add(group, author, "first words", held=True)
    return await curation.settle_comment(principal, held.id, shown=True)


ALL_MAY = ("unauthenticated", OK, OK, OK, OK)
OWN = ("unauthenticated", "forbidden", OK, OK, OK)
STAFF = ("unauthenticated", "forbidden", "forbidden", OK, OK)
OPERATIONS = {
    "viewer": (lambda c, p, s: view(c, p), (OK, OK, OK, OK, OK)),
    "publish": (lambda c, p, s: c.publish(p, v1_torrent("new"), "test"), ALL_MAY),
    "rehearse": (lambda c, p, s: c.rehearse(p, v1_torrent("new")), ALL_MAY),
    "publish freeleech": (
        lambda c, p, s: c.publish(p, v1_torrent("new"), "test", TorrentDetails.read({"freeleech": 1})),
        STAFF,
    ),
    "add_by_infohash": (lambda c, p, s: c.add_by_infohash(p, InfoHash(bytes(20))), ALL_MAY),
    "add_magnet": (lambda c, p, s: c.add_magnet(p, Magnet(InfoHash(bytes(20)), None, "x")), ALL_MAY),
    "editable_torrent": (lambda c, p, s: c.editable_torrent(p, s.torrent.id), OWN),
    "editable_group": (lambda c, p, s: c.editable_group(p, s.group.id), OWN),
    "editable_comment": (lambda c, p, s: c.editable_comment(p, s.comment.id), OWN),
    "may_edit_group": (may_edit, ("forbidden", "forbidden", OK, OK, OK)),
    "edit_torrent": (
        lambda c, p, s: c.edit_torrent(p, s.torrent.id, TorrentDetails.read({"title": "x", "tags": ["y"]})),
        OWN,
    ),
    "edit freeleech": (
        lambda c, p, s: c.edit_torrent(p, s.torrent.id, TorrentDetails.read({"freeleech": 1})),
        STAFF,
    ),
    "delete_torrent": (lambda c, p, s: c.delete_torrent(p, s.torrent.id, "why"), OWN),
    "assign_torrent": (
        lambda c, p, s: c.assign_torrent(p, s.torrent.id, None),
        ("unauthenticated", "forbidden", "forbidden", "forbidden", OK),
    ),
    "mark_torrent": (lambda c, p, s: c.mark_torrent(p, s.torrent.id, hidden=True), STAFF),
    "set_freeleech": (lambda c, p, s: c.set_freeleech(p, s.torrent.id, Freeleech.FREE), STAFF),
    "edit_group": (lambda c, p, s: c.edit_group(p, s.group.id, GroupChange.read({"year": 1999})), OWN),
    "lock_group": (lambda c, p, s: c.lock_group(p, s.group.id, locked=True), STAFF),
    "merge_groups": (lambda c, p, s: c.merge_groups(p, s.group.id, s.other.group.id), STAFF),
    "split_torrent": (lambda c, p, s: c.split_torrent(p, s.torrent.id), STAFF),
    "add_category": (lambda c, p, s: c.add_category(p, "New", 1), STAFF),
    "edit_category": (
        lambda c, p, s: c.edit_category(p, s.category.id, CategoryChange.read({"name": "New"})),
        STAFF,
    ),
    "remove_category": (lambda c, p, s: c.remove_category(p, s.category.id), STAFF),
    "alias_tag": (lambda c, p, s: c.alias_tag(p, "a", "x"), STAFF),
    "unalias_tag": (lambda c, p, s: unalias(c, p), STAFF),
    "remove_tag": (lambda c, p, s: c.remove_tag(p, s.tag.id), STAFF),
    "edit_author": (
        lambda c, p, s: c.edit_author(p, s.group.authors[0].id, AuthorChange.read({"name": "Bo"})),
        STAFF,
    ),
    "comment": (lambda c, p, s: c.comment(p, s.group.id, "hi"), ALL_MAY),
    "edit_comment": (lambda c, p, s: c.edit_comment(p, s.comment.id, "hi"), OWN),
    "delete_comment": (lambda c, p, s: c.delete_comment(p, s.comment.id), OWN),
    "hide_comment": (lambda c, p, s: c.hide_comment(p, s.comment.id, hidden=True), STAFF),
    "add_collage": (lambda c, p, s: c.add_collage(p, CollageChange.read({"name": "C"})), ALL_MAY),
    "add staff collage": (
        lambda c, p, s: c.add_collage(p, CollageChange.read({"name": "C", "kind": 2})),
        STAFF,
    ),
    "add locked collage": (
        lambda c, p, s: c.add_collage(p, CollageChange.read({"name": "C", "locked": True})),
        STAFF,
    ),
    "edit_collage": (lambda c, p, s: c.edit_collage(p, s.collage.id, CollageChange.read({"name": "D"})), OWN),
    "hide collage": (
        lambda c, p, s: c.edit_collage(p, s.collage.id, CollageChange.read({"hidden": True})),
        STAFF,
    ),
    "make staff collage": (
        lambda c, p, s: c.edit_collage(p, s.collage.id, CollageChange.read({"kind": 2})),
        STAFF,
    ),
    "delete_collage": (lambda c, p, s: c.delete_collage(p, s.collage.id), OWN),
    "put in personal": (lambda c, p, s: c.add_to_collage(p, s.collage.id, s.other.group.id), OWN),
    "put in theme": (lambda c, p, s: c.add_to_collage(p, s.theme.id, s.group.id), ALL_MAY),
    "put in staff": (lambda c, p, s: c.add_to_collage(p, s.staff.id, s.group.id), STAFF),
    "remove_from_collage": (lambda c, p, s: c.remove_from_collage(p, s.collage.id, s.group.id), OWN),
    "bookmark": (lambda c, p, s: c.bookmark(p, BookmarkKind.GROUP, s.group.id, on=True), ALL_MAY),
    "unbookmark": (lambda c, p, s: c.bookmark(p, BookmarkKind.AUTHOR, 99, on=False), ALL_MAY),
    "report": (lambda c, p, s: c.report(p, Subject.USER, 4, "rude"), ALL_MAY),
    "reports": (lambda c, p, s: c.reports(p, 0, 9, resolved=False), STAFF),
    "resolve": (lambda c, p, s: c.resolve(p, s.report.id, "done"), STAFF),
    "held_comments": (lambda c, p, s: c.held_comments(p, 0, 9), STAFF),
    "settle_comment": (lambda c, p, s: settle(c, p, s.group.id, s.comment.author.id), STAFF),
    "open_report": (lambda c, p, s: c.open_report(p, s.report.id, "done"), STAFF),
    "log_entries": (lambda c, p, s: c.log_entries(p, 0, 9), STAFF),
    "log_verbs": (lambda c, p, s: c.log_verbs(p), STAFF),
    "post_news": (lambda c, p, s: c.post_news(p, "News", "more"), STAFF),
    "remove_news": (lambda c, p, s: c.remove_news(p, s.news.id), STAFF),
}


async def view(curation, principal):
    return curation.viewer(principal)


async def unalias(curation, principal):
    await curation.alias_tag(ADMIN, "z", "x")
    await curation.unalias_tag(principal, "z")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("role", ROLES)
async def test_who_may(tmp_path, operation, role):
    act, ends = OPERATIONS[operation]

    async with open_services(tmp_path) as services:
        entries = await Entries().fill(services)
        assert (
            await end_of(act(services.curation, ROLES[role], entries))
            == dict(zip(ROLES, ends, strict=True))[role]
        )


def test_every_method_has_a_row():
    methods = {
        name for name, _ in inspect.getmembers(Curation, inspect.isfunction) if not name.startswith("_")
    }
    tested = {operation for operation in OPERATIONS if operation in methods}
    assert methods - tested == {"add_to_collage"}, "which has a row for each kind"


async def test_without_read_nothing_is_seen(tmp_path):
    async with open_services(tmp_path, anonymous=frozenset()) as services:
        assert await end_of(view(services.curation, NOBODY)) == "unauthenticated"
        assert await end_of(view(services.curation, USER)) == OK


async def test_anonymous_uploads_where_everyone_may_upload(tmp_path):
    async with open_services(tmp_path, anonymous=frozenset({Right.READ, Right.UPLOAD})) as services:
        torrent = await services.curation.publish(
            NOBODY, v1_torrent("one"), "test", TorrentDetails.read({"title": "Mine"})
        )
        assert (torrent.uploader, torrent.title) == (None, "Mine")
        assert (
            await end_of(
                services.curation.edit_torrent(NOBODY, torrent.id, TorrentDetails.read({"title": "x"}))
            )
            == "unauthenticated"
        )
        assert (
            await end_of(
                services.curation.edit_torrent(USER, torrent.id, TorrentDetails.read({"title": "x"}))
            )
            == "forbidden"
        )


@pytest.mark.parametrize("who", ["user", "nobody"])
async def test_what_is_hidden_from_somebody_is_not_found(tmp_path, who):
    somebody = ROLES[who]

    async with open_services(tmp_path) as services:
        curation, catalogue = services.curation, services.library.catalogue
        entries = await Entries().fill(services)
        await curation.hide_comment(MODERATOR, entries.comment.id, hidden=True)
        await curation.edit_collage(MODERATOR, entries.collage.id, CollageChange.read({"hidden": True}))
        assert await end_of(curation.edit_comment(somebody, entries.comment.id, "x")) == "not-found"
        assert (
            await end_of(
                curation.edit_collage(somebody, entries.collage.id, CollageChange.read({"name": "x"}))
            )
            == "not-found"
        )
        await curation.mark_torrent(MODERATOR, entries.torrent.id, hidden=True)
        for operation in (
            curation.edit_torrent(somebody, entries.torrent.id, TorrentDetails.read({"title": "x"})),
            curation.delete_torrent(somebody, entries.torrent.id),
            curation.edit_group(somebody, entries.group.id, GroupChange.read({"name": "x"})),
        ):
            assert await end_of(operation) == "not-found"
        assert (
            await end_of(
                curation.edit_torrent(OWNER, entries.torrent.id, TorrentDetails.read({"title": "mine"}))
            )
            == OK
        )
        if somebody.user is None:
            return
        for operation in (
            curation.comment(somebody, entries.group.id, "x"),
            curation.add_to_collage(somebody, entries.theme.id, entries.group.id),
            curation.bookmark(somebody, BookmarkKind.TORRENT, entries.torrent.id, on=True),
            curation.bookmark(somebody, BookmarkKind.GROUP, entries.group.id, on=True),
            curation.bookmark(somebody, BookmarkKind.COLLAGE, entries.collage.id, on=True),
            curation.report(somebody, Subject.TORRENT, entries.torrent.id, "x"),
            curation.report(somebody, Subject.COMMENT, entries.comment.id, "x"),
        ):
            assert await end_of(operation) == "not-found"
        assert (
            await end_of(
                curation.publish(
                    USER, v1_torrent("x"), "test", TorrentDetails.read({"group_id": entries.group.id})
                )
            )
            == "invalid"
        )
        assert (
            await catalogue.store.torrents.torrent(parsed(v1_torrent("x")).infohash, UNRESTRICTED_VIEWER)
            is None
        )


async def test_what_is_locked_is_changed_by_moderators_alone(tmp_path):
    async with open_services(tmp_path) as services:
        curation = services.curation
        entries = await Entries().fill(services)
        await curation.mark_torrent(MODERATOR, entries.torrent.id, locked=True)
        for operation in (
            curation.edit_torrent(OWNER, entries.torrent.id, TorrentDetails.read({"title": "x"})),
            curation.delete_torrent(OWNER, entries.torrent.id),
        ):
            assert await end_of(operation) == "torrent-locked"
        assert (
            await end_of(
                curation.edit_torrent(MODERATOR, entries.torrent.id, TorrentDetails.read({"title": "x"}))
            )
            == OK
        )
        await curation.mark_torrent(MODERATOR, entries.torrent.id, locked=False)
        await curation.lock_group(MODERATOR, entries.group.id, locked=True)
        await services.library.catalogue.torrents.edit(
            entries.other.id, TorrentDetails.read({"anonymous": False})
        )
        for operation in (
            curation.edit_torrent(OWNER, entries.torrent.id, TorrentDetails.read({"tags": ["y"]})),
            curation.edit_torrent(
                OWNER, entries.torrent.id, TorrentDetails.read({"group_id": entries.other.group.id})
            ),
            curation.edit_group(OWNER, entries.group.id, GroupChange.read({"name": "x"})),
            curation.comment(OWNER, entries.group.id, "x"),
            curation.publish(
                USER, v1_torrent("x"), "test", TorrentDetails.read({"group_id": entries.group.id})
            ),
        ):
            assert await end_of(operation) == "group-locked"
        assert (
            await end_of(
                curation.edit_torrent(OWNER, entries.torrent.id, TorrentDetails.read({"title": "only mine"}))
            )
            == OK
        )
        assert (
            await end_of(curation.edit_group(MODERATOR, entries.group.id, GroupChange.read({"name": "x"})))
            == OK
        )
        await curation.edit_collage(MODERATOR, entries.collage.id, CollageChange.read({"locked": True}))
        assert (
            await end_of(curation.edit_collage(OWNER, entries.collage.id, CollageChange.read({"name": "x"})))
            == "forbidden"
        )
        assert (
            await end_of(curation.add_to_collage(OWNER, entries.collage.id, entries.other.group.id))
            == "forbidden"
        )


async def test_changes_to_the_work_of_another_are_in_the_log(tmp_path):
    async with open_services(tmp_path) as services:
        curation = services.curation
        entries = await Entries().fill(services)
        before = (await curation.log_entries(ADMIN, 0, 1)).total
        await curation.edit_comment(OWNER, entries.comment.id, "mine")
        assert (await curation.log_entries(ADMIN, 0, 1)).total == before
        await curation.edit_torrent(
            MODERATOR, entries.torrent.id, TorrentDetails.read({"title": "x", "format": "PDF"})
        )
        await curation.mark_torrent(MODERATOR, entries.torrent.id, hidden=True, locked=False)
        await curation.delete_comment(MODERATOR, entries.comment.id)
        await curation.resolve(MODERATOR, entries.report.id, "seen")
        await curation.delete_torrent(MODERATOR, entries.torrent.id, "spam\x1b[2J")
        page = await curation.log_entries(ADMIN, 0, 6)
        assert page.total == before + 6
        assert [
            (operation.verb, operation.subject, operation.target, operation.detail)
            for operation in reversed(page.items)
        ] == [
            ("edit", "torrent", str(entries.torrent.id), "format, title"),
            ("hide", "torrent", str(entries.torrent.id), ""),
            ("unlock", "torrent", str(entries.torrent.id), ""),
            ("delete", "comment", str(entries.comment.id), "mine"),
            ("resolve", "group", str(entries.group.id), "seen"),
            ("delete", "torrent", str(entries.torrent.id), "x: spam [2J"),
        ]
        assert {operation.actor.name for operation in page.items} == {"user3"}


async def test_what_an_owner_edits_and_deletes_is_in_the_log(tmp_path):
    async with open_services(tmp_path) as services:
        curation = services.curation
        entries = await Entries().fill(services)
        before = (await curation.log_entries(ADMIN, 0, 1)).total
        await curation.edit_torrent(OWNER, entries.torrent.id, TorrentDetails.read({"title": "mine"}))
        await curation.edit_group(OWNER, entries.group.id, GroupChange.read({"year": 1999}))
        await curation.delete_comment(OWNER, entries.comment.id)
        await curation.delete_torrent(OWNER, entries.torrent.id)
        page = await curation.log_entries(ADMIN, 0, 9)
        verbs = [(each.verb, each.subject, each.detail) for each in page.items[: page.total - before]]
        assert verbs[::-1] == [
            ("edit", "torrent", "title"),
            ("edit", "group", "year"),
            ("delete", "comment", "hello"),
            ("delete", "torrent", "mine"),
        ]


async def test_every_change_of_an_owner_is_in_the_log(tmp_path):
    async with open_services(tmp_path) as services:
        await services.uploads.accept(v1_torrent("one"), "test")
        claimed = await services.curation.publish(OWNER, v1_torrent("one"), "test")
        assert claimed.uploader.id == OWNER.id
        moved = await services.curation.assign_torrent(ADMIN, claimed.id, Person(USER.id, USER.name), "asked")
        assert moved.uploader.id == USER.id
        assert await services.curation.assign_torrent(ADMIN, claimed.id, moved.uploader) == moved
        await services.curation.assign_torrent(ADMIN, claimed.id, None)
        page = await services.curation.log_entries(ADMIN, 0, 9)
        assert [(each.verb, each.detail) for each in page.items] == [
            ("own", f"{moved.uploader.name} to nobody"),
            ("own", f"{claimed.uploader.name} to {USER.name}: asked"),
            ("own", f"nobody to {OWNER.name}: by the first upload with an account"),
        ]


async def test_a_deleted_torrent_is_gone_from_catalogue_cache_and_tracker(tmp_path):
    async with open_services(tmp_path) as services:
        torrent = await services.curation.publish(OWNER, hybrid_torrent("one"), "test")
        assert {torrent.infohash, torrent.alias} <= services.policy.allowed
        await services.curation.delete_torrent(OWNER, torrent.id)
        assert (
            await services.library.catalogue.store.torrents.torrent(torrent.infohash, UNRESTRICTED_VIEWER)
            is None
        )
        assert not await services.cache.has(torrent.infohash)
        assert not {torrent.infohash, torrent.alias} & services.policy.allowed
        again = await services.curation.publish(USER, hybrid_torrent("one"), "test")
        assert again.uploader.id == USER.id
        assert {torrent.infohash, torrent.alias} <= services.policy.allowed


async def test_an_uploader_of_a_torrent_of_a_group_edits_it(tmp_path):
    async with open_services(tmp_path) as services:
        entries = await Entries().fill(services)
        await services.curation.publish(
            USER, v1_torrent("second"), "test", TorrentDetails.read({"group_id": entries.group.id})
        )
        edited = await services.curation.edit_group(
            USER, entries.group.id, GroupChange.read({"name": "Better"})
        )
        assert edited.name == "Better"
        assert edited.torrents == 2


@pytest.mark.parametrize("who", [OWNER, USER])
async def test_an_upload_of_what_is_owned_is_refused_and_heals_its_file(tmp_path, who):
    async with open_services(tmp_path) as services:
        data = v1_torrent("one")
        torrent = await services.curation.publish(OWNER, data, "test", TorrentDetails.read({"title": "ours"}))
        for damaged in (b"", None):
            services.blobs.files.pop(torrent.infohash)
            if damaged is not None:
                services.blobs.files[torrent.infohash] = damaged
            given = TorrentDetails.read({"title": "theirs"})
            assert await end_of(services.curation.publish(who, data, "test", given)) == "owned"
            held = await services.cache.get(torrent.infohash)
            assert held.plain() == data
        known = await services.library.catalogue.store.torrents.torrent(torrent.id, UNRESTRICTED_VIEWER)
        assert known.title == "ours"


async def test_refused_details_leave_no_file_behind(tmp_path):
    async with open_services(tmp_path) as services:
        data = v1_torrent("one")

        async def publish(given):
            await services.curation.publish(OWNER, data, "test", TorrentDetails.read(given))

        for details in ({"title": ""}, {"category_id": 77}, {"group_id": 99}, {"colour": "red"}):
            assert await end_of(publish(details)) == "invalid"
        assert not await services.cache.has(parsed(data).infohash)
        assert not services.policy.allowed
