"""Contract of every catalogue store; the rules above it are tested in tests/catalogue."""

import asyncio
from hashlib import sha1

import pytest

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.fields import AuthorChange, CategoryChange, CollageChange, GroupChange, TorrentChange
from catalogue.model import BookmarkKind, CatalogueFile, Contents, LogFilter, Subject, SwarmStats, Viewer
from catalogue.store import UNRESTRICTED_VIEWER, CommentWrite, GroupWrite, TorrentWrite
from storage.catalogue.store import catalogue_store
from tests.support.catalogue import RecordingIndex

PUBLIC, EVERYTHING = Viewer(), UNRESTRICTED_VIEWER
NOW = 1_800_000_000
CONTENTS = Contents((CatalogueFile("root/\u00e9", 2**62),), (("http://t.example/a",),), ("http://w.example",))


def hash_of(name):
    return InfoHash(sha1(name.encode()).digest())


def written(name, *, group=None, tags=(), authors=(), **changes):
    """Return a decision to write a torrent, and a group of its own unless there is one."""
    title = changes.pop("title", name)
    change = GroupChange(name=name, category_id=9, tags=tuple(tags), authors=tuple(authors))
    values = {
        "infohash": hash_of(name),
        "name": name,
        "root": name,
        "size": 10,
        "file_count": 1,
        "private": False,
        "held": True,
        "uploader": 1,
        "added": NOW,
        "updated": NOW,
        "contents": CONTENTS,
    }
    own = GroupWrite(change, created=NOW) if group is None else GroupWrite()
    writing = TorrentWrite(TorrentChange(title=title), group, own, **{**values, **changes})
    return lambda _known, _group: writing


class Stores:
    """The stores over a database, and the search index that they update."""

    def __init__(self, database):
        self.index = RecordingIndex()
        self.all = catalogue_store(database, self.index, lambda: NOW, batch=2)

    async def add(self, name, **options):
        """Add a torrent; return its id and its group's."""
        group = options.get("group")
        number, _ = await self.all.torrents.upsert([hash_of(name)], group, written(name, **options))
        return number, (await self.all.torrents.torrent(number, EVERYTHING)).group.id


@pytest.fixture
def stores(database):
    return Stores(database)


async def refused(call):
    with pytest.raises(Refusal) as caught:
        await call
    return caught.value.code


async def test_a_torrent_comes_back_by_id_infohash_and_alias(stores):
    alias = InfoHash(b"\xaa" * 20)
    number, group = await stores.add("one", alias=alias, tags=["b", "a"], authors=["Zo\u00eb", "Ann"])
    torrents = stores.all.torrents
    found = await torrents.torrent(number, PUBLIC)
    assert (found.infohash, found.alias, found.title, found.size, found.held) == (
        hash_of("one"),
        alias,
        "one",
        10,
        True,
    )
    assert (found.uploader.id, found.uploader.name, found.added) == (1, "User1", NOW)
    assert (found.group.tags, [each.name for each in found.group.authors]) == (
        ("a", "b"),
        ["Zo\u00eb", "Ann"],
    )
    for key in (hash_of("one"), alias):
        assert await torrents.torrent(key, PUBLIC) == found
    for key in (0, -1, 2**63, 2**80, hash_of("other")):
        assert await torrents.torrent(key, PUBLIC) is None
    assert await torrents.contents(number) == CONTENTS
    assert await torrents.contents(999) == Contents()
    assert await stores.all.groups.groups([999, group], PUBLIC) == [found.group]
    assert stores.index.known == {number}


async def test_a_second_upsert_changes_the_torrent_and_many_at_once_make_one(stores):
    torrents = stores.all.torrents
    added = await asyncio.gather(
        *(torrents.upsert([hash_of("one")], None, written("one", size=n)) for n in range(8))
    )
    assert len({number for number, _ in added}) == 1
    assert sum(new for _, new in added) == 1
    assert (await stores.all.statistics.totals()).torrents == 1


async def test_a_decision_that_refuses_or_is_only_checked_writes_nothing(stores):
    def refuse(_known, _group):
        raise Refusal("owned")

    torrents = stores.all.torrents
    assert await refused(torrents.upsert([hash_of("one")], None, refuse)) == "owned"
    await torrents.check([hash_of("one")], None, written("one"))
    assert await torrents.torrent(hash_of("one"), EVERYTHING) is None
    assert await refused(torrents.change(999, None, written("one"))) == "not-found"


async def test_two_records_of_one_torrent_are_merged(stores):
    first, group = await stores.add("one")
    second, other = await stores.add("two", held=False)
    names = [hash_of("one"), hash_of("two")]
    merged, new = await stores.all.torrents.upsert(names, None, written("one", alias=hash_of("two")))
    assert (merged, new) == (first, False)
    assert await stores.all.torrents.torrent(second, EVERYTHING) is None
    assert await stores.all.groups.group(other, EVERYTHING) is None
    assert (await stores.all.torrents.torrent(hash_of("two"), PUBLIC)).group.id == group
    assert stores.index.known == {first}


async def test_hidden_torrents_are_seen_by_their_uploader_and_moderators(stores):
    number, group = await stores.add("one", hidden=True, tags=["a"])
    for viewer, sees in ((PUBLIC, False), (Viewer(2), False), (Viewer(1), True), (EVERYTHING, True)):
        assert (await stores.all.torrents.torrent(number, viewer) is not None) == sees
        assert (await stores.all.groups.group(group, viewer) is not None) == sees
        assert len((await stores.all.groups.torrents_of([group], viewer))[group]) == sees
    assert (await stores.all.tags.tag("a")).uses == 0
    assert (await stores.all.statistics.totals()).torrents == 0


async def test_the_newest_torrents_of_groups_are_bounded_and_those_that_the_viewer_sees(stores):
    first, group = await stores.add("one")
    second, other = await stores.add("two")
    third, _ = await stores.add("three", group=group)
    fourth, _ = await stores.add("four", group=group, hidden=True)
    await stores.add("elsewhere")
    newest = stores.all.groups.newest_of

    async def ids(groups, viewer, limit):
        return [each.id for each in await newest(groups, viewer, limit)]

    assert await ids([group, other], PUBLIC, 9) == [third, second, first]
    assert await ids([other, group], EVERYTHING, 2) == [fourth, third]
    assert await ids([group, 99, -1, 2**70], Viewer(1), 1) == [fourth]
    assert await ids([], EVERYTHING, 9) == []


async def test_shown_ids_are_those_of_a_range_that_are_not_hidden(stores):
    ids = [
        (await stores.add(name, hidden=name == "two", updated=NOW + 9))[0] for name in ("one", "two", "three")
    ]
    listed = stores.all.statistics.shown_ids
    assert await listed(1, 100) == [(ids[0], NOW + 9), (ids[2], NOW + 9)]
    assert await listed(ids[0] + 1, 2) == [(ids[2], NOW + 9)]
    assert await listed(ids[2] + 1, 100) == await listed(ids[0], 0) == []


async def test_whether_any_group_names_a_title(stores):
    assert not await stores.all.statistics.has_titles()
    _, group = await stores.add("one")
    assert not await stores.all.statistics.has_titles()
    await stores.all.groups.change_group(group, GroupWrite(GroupChange(imdb=7)))
    assert await stores.all.statistics.has_titles()


async def test_removing_the_last_torrent_removes_the_group_and_what_refers_to_both(stores):
    number, group = await stores.add("one", tags=["a"], authors=["Ann"])
    comment = await stores.all.comments.add_comment(group, 2, NOW, CommentWrite(body="x"))
    collage = await stores.all.collages.add_collage(CollageChange(name="c"), 2, NOW)
    await stores.all.collages.add_group(collage, group, 2, 5)
    await stores.all.collages.bookmark(2, BookmarkKind.TORRENT, number, NOW, 5)
    report = await stores.all.moderation.add_report(Subject.TORRENT, number, 2, "bad", now=NOW, most=5)
    (removed,) = await stores.all.torrents.remove([hash_of("one")])
    assert removed.id == number
    assert await stores.all.torrents.remove([number]) == []
    assert await stores.all.groups.group(group, EVERYTHING) is None
    assert await stores.all.comments.comment(comment, EVERYTHING) is None
    assert (await stores.all.collages.collage(collage, EVERYTHING)).group_ids == ()
    assert (await stores.all.collages.bookmarks(2, BookmarkKind.TORRENT, 0, 9)).items == ()
    assert (await stores.all.moderation.report(report)).resolved == NOW
    assert await stores.all.authors.author("ann") is None
    assert (await stores.all.tags.tag("a")).uses == 0
    assert stores.index.known == set()


async def test_merged_groups_are_one(stores):
    _, one = await stores.add("one")
    _, two = await stores.add("two")
    for group in (one, two):
        await stores.all.comments.add_comment(group, 1, NOW, CommentWrite(body="x"))
        await stores.all.collages.bookmark(1, BookmarkKind.GROUP, group, NOW, 5)
    await stores.all.groups.merge(one, two)
    assert await refused(stores.all.groups.merge(one, two)) == "not-found"
    assert len((await stores.all.groups.torrents_of([two], PUBLIC))[two]) == 2
    assert (await stores.all.comments.comments(two, 0, 9, PUBLIC)).total == 2
    assert (await stores.all.collages.bookmarks(1, BookmarkKind.GROUP, 0, 9)).items == (two,)
    assert await stores.all.groups.group_ids_after(0, 9) == [two]


async def test_what_is_held_is_listed_by_hash_and_can_be_unmarked(stores):
    for name in ("one", "two", "three"):
        await stores.add(name)
    hashes = sorted(hash_of(name) for name in ("one", "two", "three"))
    torrents = stores.all.torrents
    assert await torrents.held(None, 2) == hashes[:2]
    assert await torrents.held(hashes[1], 2) == hashes[2:]
    await torrents.mark_not_held(hashes[:1])
    assert await torrents.held(None, 9) == hashes[1:]
    assert await torrents.missing_contents([hash_of("x"), *hashes]) == [hash_of("x"), hashes[0]]
    assert await torrents.missing_contents([]) == []


async def test_tags_are_aliased_and_removed_in_every_group_and_their_uses_stay_right(stores):
    groups = [(await stores.add(f"t{n}", tags=["sf", "new"]))[1] for n in range(5)]
    tags = stores.all.tags
    target = await tags.alias("sf", "sci.fi")
    assert (await tags.tag("sf")).id == (await tags.tag(target)).id == target
    page = await tags.tags("", 0, 9)
    assert [(each.name, each.uses, each.aliases) for each in page.items] == [
        ("new", 5, ()),
        ("sci.fi", 5, ("sf",)),
    ]
    assert [each.name for each in (await tags.tags("s", 0, 9)).items] == ["sci.fi"]
    assert await refused(tags.alias("new", "new")) == "invalid"
    assert await refused(tags.alias("sf", "new")) == "taken"
    await tags.unalias("sf")
    assert await refused(tags.unalias("sf")) == "not-found"
    await tags.remove(target)
    assert {group.tags for group in await stores.all.groups.groups(groups, PUBLIC)} == {("new",)}
    assert await refused(tags.remove(target)) == "not-found"


async def test_categories_have_unique_names_and_give_their_groups_to_their_parent(stores):
    categories = stores.all.categories
    assert [each.id for each in await categories.all()] == list(range(1, 10))
    maps = await categories.add(None, "Maps", 5)
    assert maps > 9
    assert await categories.add(500, "Charts", 5) == 500
    for number, name in ((None, "MAPS"), (500, "Other"), (1, "Other")):
        assert await refused(categories.add(number, name, 5)) == "taken"
    groups = [(await stores.add(f"t{n}"))[1] for n in range(5)]
    for group in groups:
        await stores.all.groups.change_group(group, GroupWrite(GroupChange(category_id=maps)))
    await categories.change(maps, CategoryChange(name="Atlases"))
    assert await refused(categories.change(maps, CategoryChange(name="charts"))) == "taken"
    await categories.remove(maps, 5)
    assert {group.category.id for group in await stores.all.groups.groups(groups, PUBLIC)} == {5}
    assert await refused(categories.remove(maps, 5)) == "not-found"
    unknown = GroupWrite(GroupChange(category_id=999))
    assert await refused(stores.all.groups.change_group(groups[0], unknown)) == "invalid"


async def test_authors_are_one_whatever_their_case_and_list_their_groups(stores):
    _, one = await stores.add("one", authors=["Ann", "Bob"])
    _, two = await stores.add("two", authors=["bob", "ANN"])
    authors = stores.all.authors
    page = await authors.authors("", 0, 9)
    assert [each.name for each in page.items] == ["Ann", "Bob"]
    ann = await authors.author("ANN")
    assert await authors.groups_of(ann.id, PUBLIC) == (two, one)
    assert await authors.groups_of(ann.id, PUBLIC, first_only=True) == (one,)
    await authors.change(ann.id, AuthorChange(name="Anne", description="d"))
    assert (await authors.author(ann.id)).name == "Anne"
    assert await refused(authors.change(ann.id, AuthorChange(name="BOB"))) == "taken"
    assert await refused(authors.change(999, AuthorChange(name="x"))) == "not-found"


async def test_comments_and_news_come_in_pages(stores):
    _, group = await stores.add("one")
    comments = stores.all.comments
    ids = [await comments.add_comment(group, 1, NOW + n, CommentWrite(body=f"{n}")) for n in range(3)]
    assert [each.id for each in (await comments.comments(group, 1, 9, PUBLIC)).items] == ids[1:]
    newest = await comments.comments(group, 0, 2, PUBLIC, newest_first=True)
    assert ([each.id for each in newest.items], newest.total) == (ids[:0:-1], 3)
    await comments.change_comment(ids[0], CommentWrite(body="edited", edited=NOW, editor=2, hidden=True))
    changed = await comments.comment(ids[0], EVERYTHING)
    assert (changed.body, changed.editor.id, changed.hidden) == ("edited", 2, True)
    assert await comments.comment(ids[0], PUBLIC) is None
    assert await comments.comment(ids[0], Viewer(1)) is not None
    await comments.remove_comment(ids[1])
    assert await refused(comments.remove_comment(ids[1])) == "not-found"
    assert await refused(comments.add_comment(999, 1, NOW, CommentWrite(body="x"))) == "not-found"
    first, second = [await comments.add_news(f"t{n}", "b", 1, NOW) for n in range(2)]
    assert [each.id for each in (await comments.news(0, 9)).items] == [second, first]
    await comments.remove_news(first)
    assert await comments.news_item(first) is None


async def test_collages_keep_their_order_and_bounds(stores):
    groups = [(await stores.add(f"t{n}"))[1] for n in range(3)]
    collages = stores.all.collages
    number = await collages.add_collage(CollageChange(name="100% Best_Of!"), 1, NOW)
    for group in (groups[2], groups[0], groups[2]):
        await collages.add_group(number, group, 1, 2)
    assert await refused(collages.add_group(number, groups[1], 1, 2)) == "full"
    assert (await collages.collage(number, PUBLIC)).group_ids == (groups[2], groups[0])
    await collages.remove_group(number, groups[2])
    assert await refused(collages.remove_group(number, groups[2])) == "not-found"
    for text, found in (("best_of", 1), ("0%", 1), ("of!", 1), ("%t", 0), ("x_o", 0), ("", 1)):
        assert (await collages.collages(0, 9, PUBLIC, text)).total == found, text
    await collages.change_collage(number, CollageChange(hidden=True))
    assert await collages.collage(number, PUBLIC) is None
    await collages.remove_collage(number)
    assert await refused(collages.remove_collage(number)) == "not-found"


async def test_bookmarks_are_unique_bounded_and_newest_first(stores):
    ids = [(await stores.add(f"t{n}"))[0] for n in range(3)]
    collages, kind = stores.all.collages, BookmarkKind.TORRENT
    for time, target in enumerate((ids[1], ids[0], ids[1])):
        await collages.bookmark(1, kind, target, NOW + time, 2)
    assert await refused(collages.bookmark(1, kind, ids[2], NOW, 2)) == "full"
    assert await refused(collages.bookmark(2, kind, 999, NOW, 2)) == "not-found"
    assert (await collages.bookmarks(1, kind, 0, 9)).items == (ids[0], ids[1])
    assert await collages.bookmarked(1, kind, [*ids, 2**70]) == {ids[0], ids[1]}
    await collages.unbookmark(1, kind, ids[0])
    await collages.unbookmark(1, kind, ids[0])
    assert (await collages.bookmarks(1, kind, 0, 9)).total == 1


async def test_reports_are_one_of_a_reporter_and_closed_once(stores):
    number, _ = await stores.add("one")
    moderation = stores.all.moderation
    first = await moderation.add_report(Subject.TORRENT, number, 2, "bad", now=NOW, most=1)
    assert await moderation.add_report(Subject.TORRENT, number, 2, "worse", now=NOW, most=1) == first
    assert await refused(moderation.add_report(Subject.USER, 1, 2, "x", now=NOW, most=1)) == "full"
    assert await refused(moderation.add_report(Subject.TORRENT, 999, 3, "x", now=NOW, most=1)) == "not-found"
    assert (await moderation.report(first)).reason == "worse"
    assert (await stores.all.torrents.torrent(number, PUBLIC)).reported
    await moderation.resolve(first, 3, "done", NOW + 1)
    assert await refused(moderation.resolve(first, 3, "again", NOW + 2)) == "fixed"
    assert (
        (await moderation.reports(0, 9, resolved=False)).total,
        (await moderation.report(first)).resolution,
    ) == (0, "done")
    for actor in (None, 1):
        await moderation.add_log_entry(actor, "hide", Subject.TORRENT, "1", detail="x", time=NOW)
    log = await moderation.log_entries(0, 9)
    assert [each.actor.id if each.actor else None for each in log.items] == [1, None]


async def test_log_entries_name_their_records_and_are_filtered(stores):
    number, group = await stores.add("one")
    moderation = stores.all.moderation
    gone = await stores.all.comments.add_comment(group, 1, NOW, CommentWrite(body="x"))
    await stores.all.comments.remove_comment(gone)
    kept = await stores.all.comments.add_comment(group, 2, NOW, CommentWrite(body="y"))
    for verb, subject, target, actor in (
        ("hide", Subject.TORRENT, str(number), 1),
        ("edit", Subject.GROUP, str(group), 2),
        ("add", Subject.USER, "1", None),
        ("hide", Subject.COMMENT, str(kept), 1),
        ("delete", Subject.COMMENT, str(gone), 1),
        ("block", Subject.INFOHASH, "AB" * 20, 1),
        ("hide", Subject.TORRENT, "9" * 30, 1),
    ):
        await moderation.add_log_entry(actor, verb, subject, target, detail="", time=NOW)

    async def found(**wanted):
        page = await moderation.log_entries(0, 9, LogFilter(**wanted))
        assert page.total == len(page.items)
        return [(each.verb, each.title) for each in reversed(page.items)]

    assert await found() == [
        ("hide", "one"),
        ("edit", "one"),
        ("add", "User1"),
        ("hide", "one"),
        ("delete", None),
        ("block", None),
        ("hide", None),
    ]
    assert await found(verb="hide", subject=Subject.TORRENT) == [("hide", "one"), ("hide", None)]
    assert len(await found(actor="USER1")) == 5
    assert await found(actor="nobody at all") == []
    assert await moderation.log_verbs() == ["add", "block", "delete", "edit", "hide"]
    await moderation.add_report(Subject.GROUP, group, 2, "bad", now=NOW, most=1)
    assert [each.title for each in (await moderation.reports(0, 9, resolved=False)).items] == ["one"]


async def test_statistics_are_of_what_everyone_sees(stores):
    ids = [(await stores.add(f"t{n}", size=2**62, uploader=1 + n % 2, added=NOW - n))[0] for n in range(4)]
    await stores.add("hidden", hidden=True)
    statistics = stores.all.statistics
    figures = {hash_of(f"t{n}"): SwarmStats(n, 0, 3 - n) for n in range(4)} | {
        hash_of("x"): SwarmStats(9, 9, 9)
    }
    assert await statistics.update_swarm_stats(figures) == 4
    assert await statistics.update_swarm_stats(figures) == 0
    totals = await statistics.totals()
    assert (totals.torrents, totals.groups, totals.size) == (4, 4, 2**64)
    assert await statistics.top("seeded", NOW, 2) == (ids[3], ids[2])
    assert await statistics.top("snatched", NOW, 9) == (ids[0], ids[1], ids[2])
    assert await statistics.top("no such chart", NOW, 9) == ()
    assert await statistics.upload_counts(1) == (2, 2)
    assert await statistics.top_uploaders(1) == ((1, 2),)


async def test_a_top_list_changes_with_what_it_ranks_and_with_time(stores):
    day, statistics = 86_400, stores.all.statistics
    ids = [(await stores.add(f"t{n}", added=NOW - n))[0] for n in range(3)]
    await statistics.update_swarm_stats({hash_of(f"t{n}"): SwarmStats(n + 1, 0, 0) for n in range(3)})
    for _ in range(2):
        assert await statistics.top("day", NOW, 9) == (ids[2], ids[1], ids[0])
    assert await statistics.top("day", NOW, 2) == (ids[2], ids[1])
    assert await statistics.top("day", NOW + day - 3, 9) == (ids[2], ids[1], ids[0])
    assert await statistics.top("day", NOW + day - 2, 9) == (ids[1], ids[0])
    assert await statistics.top("day", NOW + day - 2, 1) == (ids[1],)
    assert await statistics.top("day", NOW + day, 9) == ()
    assert await statistics.top("day", NOW, 9) == (ids[2], ids[1], ids[0])
    await statistics.update_swarm_stats({hash_of("t0"): SwarmStats(9, 0, 0)})
    assert await statistics.top("day", NOW, 9) == (ids[0], ids[2], ids[1])
    assert await statistics.top("seeded", NOW + 9 * day, 9) == (ids[0], ids[2], ids[1])
    await stores.all.torrents.remove((hash_of("t2"),))
    assert await statistics.top("day", NOW, 9) == await statistics.top("seeded", NOW, 9) == (ids[0], ids[1])


async def test_torrents_are_known_by_infohash_and_alias(stores):
    alias = InfoHash(b"\xaa" * 20)
    await stores.add("one", alias=alias)
    await stores.add("two")
    torrents = stores.all.torrents
    assert await torrents.known([]) == set()
    assert await torrents.known([alias, InfoHash(b"\x07" * 20)]) == {hash_of("one"), alias}
    assert await torrents.known([hash_of("one"), hash_of("two")]) == {hash_of("one"), alias, hash_of("two")}
