import asyncio

import pytest

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.fields import AuthorChange, CategoryChange, CollageChange, GroupChange, TorrentDetails
from catalogue.model import (
    PUBLIC_VIEWER,
    CatalogueFile,
    CatalogueTotals,
    Contents,
    ParsedRelease,
    SwarmStats,
    Viewer,
)
from tests.support.catalogue import NOW, hash_of, metainfo_summary

MODERATOR = Viewer(3, moderates=True)


async def code_of(awaitable):
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value.code


async def test_a_torrent_is_added_with_a_group_of_its_own(library):
    film = ParsedRelease("The Film", "Movies", 1999, None, 111161)
    torrent, new = await library.enter("the.film.1999.mkv", reading=film)
    assert new
    assert torrent == await library.catalogue.store.torrents.torrent(torrent.id, PUBLIC_VIEWER)
    assert torrent == await library.catalogue.store.torrents.torrent(
        hash_of("the.film.1999.mkv"), PUBLIC_VIEWER
    )
    assert (torrent.title, torrent.name, torrent.size, torrent.file_count) == (
        "the.film.1999.mkv",
        "the.film.1999.mkv",
        30,
        2,
    )
    assert (torrent.added, torrent.updated, torrent.uploader, torrent.held) == (NOW, NOW, None, True)
    group = torrent.group
    assert (group.name, group.year, group.imdb, group.category.name) == (
        "The Film",
        1999,
        111161,
        "Movies",
    )
    assert (group.torrents, group.newest, group.tags, group.authors) == (1, NOW, (), ())
    contents = await library.catalogue.store.torrents.contents(torrent.id)
    assert contents == metainfo_summary("the.film.1999.mkv").contents
    assert library.index.known == {torrent.id}


async def test_the_uploaders_details_override_the_parsed_release(library):
    torrent, _ = await library.enter(
        "one",
        1,
        reading=ParsedRelease("Read", "Movies", 1999),
        title="Said",
        tags=["Sci Fi", "b"],
        authors=["Zoe", "Ann"],
        category_id=5,
        year=None,
        group_description="of the group",
        description="of the torrent",
        annotated=True,
        format="PDF",
    )
    assert (torrent.title, torrent.group.name, torrent.group.category.id) == ("Said", "Said", 5)
    assert torrent.group.tags == ("b", "sci.fi")
    assert [author.name for author in torrent.group.authors] == ["Zoe", "Ann"]
    assert torrent.group.year is None
    assert (torrent.description, torrent.group.description) == ("of the torrent", "of the group")
    assert (torrent.annotated, torrent.format) == (True, "PDF")
    assert torrent.uploader is not None
    assert torrent.uploader.name == "user1"


async def test_the_same_upload_again_changes_nothing(library):
    first, _ = await library.enter("one", 1, title="First")
    again, new = await library.enter("one", None, title="Second")
    assert (again, new) == (first, False)
    assert await code_of(library.enter("one", 1, title="Second")) == "owned"
    assert await library.catalogue.store.torrents.torrent(first.id, PUBLIC_VIEWER) == first


async def test_an_owned_torrent_is_not_taken_over(library):
    first, _ = await library.enter("one", 1, title="First")
    assert await code_of(library.enter("one", 2, title="Mine")) == "owned"
    assert (
        await code_of(
            library.catalogue.torrents.check_upload(
                metainfo_summary("one"), TorrentDetails.read({"title": "Mine"}), 2
            )
        )
        == "owned"
    )
    assert await library.catalogue.store.torrents.torrent(first.id, PUBLIC_VIEWER) == first


async def test_a_torrent_without_an_owner_is_claimed_and_enriched(library):
    first, _ = await library.enter("one")
    library.clock.now += 5
    claimed, new = await library.enter("one", 2, title="Mine", tags=["x"], year=2001)
    assert not new
    assert (claimed.id, claimed.uploader.id, claimed.title) == (first.id, 2, "Mine")
    assert (claimed.group.tags, claimed.group.year, claimed.group.id) == (("x",), 2001, first.group.id)
    assert await library.wrong_tag_counts() == {}


@pytest.mark.parametrize(
    ("details", "group"),
    [
        ({"title": "Curated"}, {}),
        ({"description": "curated"}, {}),
        ({"format": "PDF"}, {}),
        ({}, {"name": "Curated"}),
        ({}, {"tags": ["curated"]}),
        ({}, {"description": "curated"}),
        ({}, {"year": 1950}),
    ],
)
async def test_what_somebody_has_written_of_is_not_claimed(library, details, group):
    first, _ = await library.enter("one")
    if details:
        await library.catalogue.torrents.edit(first.id, TorrentDetails.read(details))
    if group:
        await library.catalogue.groups.edit(first.group.id, GroupChange.read(group))
    curated = await library.catalogue.store.torrents.torrent(first.id, PUBLIC_VIEWER)
    assert await code_of(library.enter("one", 2, title="Mine", tags=["x"])) == "owned"
    assert await library.catalogue.store.torrents.torrent(first.id, PUBLIC_VIEWER) == curated
    assert curated.uploader is None


async def test_an_owner_is_given_and_taken(library):
    first, _ = await library.enter("one")
    assert (await library.catalogue.torrents.assign(first.id, 2)).uploader.id == 2
    assert (await library.catalogue.torrents.assign(first.id, None)).uploader is None
    assert await code_of(library.catalogue.torrents.assign(99, 2)) == "not-found"


async def test_a_locked_torrent_is_not_claimed(library):
    first, _ = await library.enter("one")
    await library.catalogue.groups.lock(first.group.id, locked=True)
    assert await code_of(library.enter("one", 2, year=2001)) == "group-locked"
    await library.catalogue.torrents.mark(first.id, locked=True)
    assert await code_of(library.enter("one", 2)) == "torrent-locked"
    assert (await library.enter("one"))[0].uploader is None


async def test_many_uploads_of_one_hash_make_one_record(library):
    entered = await asyncio.gather(*(library.enter("one", title=f"t{n}", tags=["x"]) for n in range(8)))
    assert sum(new for _, new in entered) == 1
    assert len({torrent for torrent, _ in entered}) == 1
    assert await library.catalogue.store.statistics.totals() == CatalogueTotals(1, 1, 0, 30)
    assert await library.wrong_tag_counts() == {}


async def test_two_claims_at_once_end_with_one_owner(library):
    await library.enter("one")
    ends = await asyncio.gather(library.enter("one", 1), library.enter("one", 2), return_exceptions=True)
    refusals = [end for end in ends if isinstance(end, Refusal)]
    assert [refusal.code for refusal in refusals] == ["owned"]


async def test_a_torrent_known_by_its_infohash_gets_the_fields_of_its_file(library):
    bare, new = await library.enter(
        "one", held=False, reading=ParsedRelease(hash_of("one").lower, "Unsorted")
    )
    assert new
    assert (bare.title, bare.group.name, bare.size, bare.held) == (hash_of("one").lower,) * 2 + (0, False)
    assert await library.catalogue.store.torrents.missing_contents([hash_of("one"), hash_of("two")]) == [
        hash_of("one"),
        hash_of("two"),
    ]
    full, new = await library.enter("one", reading=ParsedRelease("One", "Books", 1984))
    assert not new
    assert (full.id, full.title, full.size, full.held) == (bare.id, "one", 30, True)
    assert (full.group.name, full.group.year, full.group.category.name) == ("One", 1984, "Books")
    assert await library.catalogue.store.torrents.missing_contents([hash_of("one"), hash_of("two")]) == [
        hash_of("two")
    ]
    assert (await library.catalogue.store.torrents.contents(bare.id)).files[1] == CatalogueFile(
        "sub/b.txt", 20
    )


async def test_a_title_that_somebody_gave_stays_when_the_file_comes(library):
    bare, _ = await library.enter("one", held=False, reading=ParsedRelease(hash_of("one").lower, "Unsorted"))
    await library.catalogue.torrents.edit(
        bare.id, TorrentDetails.read({"title": "Given", "group_name": "Known"})
    )
    full, _ = await library.enter("one")
    assert (full.title, full.group.name, full.name) == ("Given", "Known", "one")


async def test_two_infohashes_of_one_torrent_become_one_record(library):
    first, _ = await library.enter("v1", held=False)
    second, _ = await library.enter("v2", held=False, tags=["x"])
    await library.catalogue.comments.add(second.group.id, 1, "about it")
    torrent, new = await library.enter("v1", alias=hash_of("v2"))
    assert not new
    assert torrent.id == first.id
    assert torrent.alias == hash_of("v2")
    assert await library.catalogue.store.torrents.torrent(hash_of("v2"), PUBLIC_VIEWER) == torrent
    assert await library.catalogue.store.torrents.torrent(second.id, PUBLIC_VIEWER) is None
    assert [
        c.body
        for c in (await library.catalogue.store.comments.comments(first.group.id, 0, 9, PUBLIC_VIEWER)).items
    ] == ["about it"]
    assert await library.count("work") == 1
    assert library.index.known == {torrent.id}
    assert await library.wrong_tag_counts() == {}


async def test_a_hybrid_is_found_by_each_of_its_infohashes(library):
    full = InfoHash.of(hash_of("v2") + bytes(12))
    torrent, _ = await library.enter("v1", alias=full.truncated)
    for key in (hash_of("v1"), full, full.truncated):
        assert await library.catalogue.store.torrents.torrent(key, PUBLIC_VIEWER) == torrent


async def test_a_torrent_joins_a_group_that_is_named(library):
    first, _ = await library.enter("one", 1, tags=["x"])
    second, _ = await library.enter("two", 2, group_id=first.group.id)
    assert second.group.id == first.group.id
    assert second.group.torrents == 2
    of = await library.catalogue.store.groups.torrents_of([first.group.id, 99], PUBLIC_VIEWER)
    assert {group: [each.id for each in torrents] for group, torrents in of.items()} == {
        first.group.id: [first.id, second.id],
        99: [],
    }
    with pytest.raises(Refusal) as caught:
        await library.enter("three", group_id=99)
    assert caught.value.fields == {"group_id": ["The group_id field names no group."]}
    with pytest.raises(Refusal) as caught:
        await library.enter("three", group_id=first.group.id, year=1999)
    assert "year" in caught.value.fields
    await library.catalogue.groups.lock(first.group.id, locked=True)
    assert await code_of(library.enter("three", group_id=first.group.id)) == "group-locked"
    assert await library.wrong_tag_counts() == {}


async def test_nothing_is_stored_of_a_refused_upload(library):
    for details in ({"category_id": 77}, {"title": "a\0b"}, {"colour": "red"}, {"group_id": 2**70}):
        assert await code_of(library.enter("one", tags=["x"], **details)) == "invalid"
    assert [await library.count(table) for table in ("torrent", "work", "tag")] == [0, 0, 0]


async def test_an_edit_changes_torrent_and_group_as_one(library):
    torrent, _ = await library.enter("one", 1, tags=["x"])
    library.clock.now += 60
    edited = await library.catalogue.torrents.edit(
        torrent.id, TorrentDetails.read({"title": "New", "tags": ["y"], "category_id": 3})
    )
    assert (edited.title, edited.group.tags, edited.group.category.name) == ("New", ("y",), "TV")
    assert (edited.updated, edited.added) == (NOW + 60, NOW)
    assert (
        await code_of(
            library.catalogue.torrents.edit(
                torrent.id, TorrentDetails.read({"title": "Newer", "category_id": 77})
            )
        )
        == "invalid"
    )
    assert (await library.catalogue.store.torrents.torrent(torrent.id, PUBLIC_VIEWER)).title == "New"
    assert (
        await code_of(library.catalogue.torrents.edit(99, TorrentDetails.read({"title": "New"})))
        == "not-found"
    )
    assert await library.wrong_tag_counts() == {}


async def test_a_torrent_that_moves_takes_its_empty_group_away(library):
    first, _ = await library.enter("one", tags=["x"])
    second, _ = await library.enter("two", tags=["x", "y"], authors=["Ann"])
    moved = await library.catalogue.torrents.edit(
        second.id, TorrentDetails.read({"group_id": first.group.id})
    )
    assert moved.group.id == first.group.id
    assert await library.catalogue.store.groups.group(second.group.id, MODERATOR) is None
    assert await library.count("author") == 0
    assert await library.wrong_tag_counts() == {}


async def test_a_group_is_deleted_with_its_last_torrent(library):
    catalogue = library.catalogue
    first, _ = await library.enter("one", tags=["x"], authors=["Ann"])
    second, _ = await library.enter("two", group_id=first.group.id)
    group = first.group.id
    await catalogue.comments.add(group, 1, "hello")
    collage = await catalogue.collages.add(CollageChange.read({"name": "C"}), 1)
    await catalogue.collages.add_group(collage.id, group, 1)
    await catalogue.collages.bookmark(1, "group", group, on=True)
    await catalogue.collages.bookmark(1, "torrent", first.id, on=True)
    await catalogue.moderation.report("torrent", first.id, 2, "bad")
    assert (await catalogue.torrents.remove(first.id)).id == first.id
    assert (await catalogue.store.moderation.reports(0, 9, resolved=False)).total == 0
    assert (await catalogue.store.groups.group(group, PUBLIC_VIEWER)).torrents == 1
    await catalogue.torrents.remove(second.id)
    for table in (
        "work",
        "torrent",
        "contents",
        "comment",
        "collected",
        "bookmark",
        "authorship",
        "author",
    ):
        assert await library.count(table) == 0, table
    assert library.index.known == set()
    assert await library.wrong_tag_counts() == {}
    assert await code_of(catalogue.torrents.remove(first.id)) == "not-found"


async def test_hidden_torrents_are_for_moderators_and_their_owner(library):
    catalogue = library.catalogue
    torrent, _ = await library.enter("one", 1, tags=["x"], authors=["Ann"])
    assert (await catalogue.torrents.mark(torrent.id, hidden=True)).hidden
    for viewer, sees in ((PUBLIC_VIEWER, 0), (Viewer(2), 0), (Viewer(1), 1), (MODERATOR, 1)):
        assert (await catalogue.store.torrents.torrent(torrent.id, viewer) is not None) == sees
        assert (await catalogue.store.torrents.torrent(torrent.infohash, viewer) is not None) == sees
        assert len(await catalogue.store.torrents.torrents([torrent.id], viewer)) == sees
        assert len(await catalogue.store.groups.groups([torrent.group.id], viewer)) == sees
        assert (
            len((await catalogue.store.groups.torrents_of([torrent.group.id], viewer))[torrent.group.id])
            == sees
        )
        assert len(await catalogue.store.authors.groups_of(torrent.group.authors[0].id, viewer)) == sees
    assert (await catalogue.store.groups.group(torrent.group.id, MODERATOR)).torrents == 0
    assert await catalogue.store.statistics.totals() == CatalogueTotals(0, 0, 0, 0)
    assert (await catalogue.store.tags.tags("", 0, 9)).total == 0
    assert (await catalogue.store.authors.authors("", 0, 9)).total == 0
    assert await catalogue.store.statistics.upload_counts(1) == (0, 0)
    assert await library.wrong_tag_counts() == {}
    assert not (await catalogue.torrents.mark(torrent.id, hidden=False)).hidden
    assert (await catalogue.store.tags.tags("", 0, 9)).total == 1
    assert await library.wrong_tag_counts() == {}


async def test_blocked_torrents_are_deleted_by_any_infohash(library):
    torrent, _ = await library.enter("v1", alias=hash_of("v2"))
    assert await library.catalogue.store.torrents.remove([hash_of("other")]) == []
    assert [
        each.id for each in await library.catalogue.store.torrents.remove([hash_of("v2"), hash_of("v1")])
    ] == [torrent.id]
    assert await library.catalogue.store.torrents.torrent(torrent.id, MODERATOR) is None


@pytest.mark.parametrize("number", [0, -1, 2**63, 10**30, -(10**30)])
async def test_ids_beyond_the_database_find_nothing(library, number):
    catalogue = library.catalogue
    await library.enter("one")
    assert await catalogue.store.torrents.torrent(number, MODERATOR) is None
    assert await catalogue.store.torrents.torrents([number], MODERATOR) == []
    assert await catalogue.store.groups.group(number, MODERATOR) is None
    assert await catalogue.store.torrents.contents(number) == Contents()
    assert await catalogue.store.comments.comment(number, MODERATOR) is None
    assert await catalogue.store.collages.collage(number, MODERATOR) is None
    assert await catalogue.store.authors.author(number) is None
    assert await catalogue.store.tags.tag(number) is None
    assert await catalogue.store.statistics.upload_counts(number) == (0, 0)
    assert await catalogue.store.collages.bookmarked(1, "group", [number]) == frozenset()
    assert (await catalogue.store.comments.comments(number, number, 10, MODERATOR)).items == ()
    assert (await catalogue.store.tags.tags("", number, number)).items == ()
    for call in (
        catalogue.torrents.edit(number, TorrentDetails.read({"title": "x"})),
        catalogue.torrents.remove(number),
        catalogue.torrents.mark(number, hidden=True),
        catalogue.groups.edit(number, GroupChange.read({"name": "x"})),
        catalogue.groups.lock(number, locked=True),
        catalogue.groups.merge(number, 1),
        catalogue.groups.merge(1, number),
        catalogue.taxonomy.edit_category(number, CategoryChange.read({"name": "x"})),
        catalogue.taxonomy.remove_category(number),
        catalogue.store.tags.remove(number),
        catalogue.taxonomy.edit_author(number, AuthorChange.read({"name": "x"})),
        catalogue.comments.add(number, 1, "x"),
        catalogue.comments.edit(number, "x", 1),
        catalogue.comments.hide(number, hidden=True),
        catalogue.store.comments.remove_comment(number),
        catalogue.collages.edit(number, CollageChange.read({"name": "x"})),
        catalogue.store.collages.remove_collage(number),
        catalogue.collages.add_group(number, 1, 1),
        catalogue.collages.remove_group(number, number),
        catalogue.collages.bookmark(1, "group", number, on=True),
        catalogue.moderation.report("group", number, 1, "x"),
        catalogue.moderation.resolve(number, 1, "x"),
        catalogue.store.comments.remove_news(number),
    ):
        assert await code_of(call) == "not-found"


async def test_swarm_numbers_are_written_where_they_changed(library):
    torrent, _ = await library.enter("one")
    figures = {hash_of("one"): SwarmStats(3, 2, 1), hash_of("unknown"): SwarmStats(9, 9, 9)}
    assert await library.catalogue.store.statistics.update_swarm_stats(figures) == 1
    assert await library.catalogue.store.statistics.update_swarm_stats(figures) == 0
    read = await library.catalogue.store.torrents.torrent(torrent.id, PUBLIC_VIEWER)
    assert (read.seeders, read.leechers, read.snatched) == (3, 2, 1)
    many = {hash_of(str(n)): SwarmStats(1, 1, 1) for n in range(1200)} | {hash_of("one"): SwarmStats(0, 0, 1)}
    assert await library.catalogue.store.statistics.update_swarm_stats(many) == 1


async def test_a_swarm_that_forgot_its_completed_downloads_does_not_set_them_back(library):
    torrent, _ = await library.enter("one")
    statistics = library.catalogue.store.statistics
    await statistics.update_swarm_stats({hash_of("one"): SwarmStats(3, 2, 7)})
    assert await statistics.update_swarm_stats({hash_of("one"): SwarmStats(3, 2, 0)}) == 0
    assert await statistics.update_swarm_stats({hash_of("one"): SwarmStats(1, 0, 2)}) == 1
    read = await library.catalogue.store.torrents.torrent(torrent.id, PUBLIC_VIEWER)
    assert (read.seeders, read.leechers, read.snatched) == (1, 0, 7)
    assert [read.completed(live) for live in (0, 7, 9)] == [7, 7, 9]


async def test_charts_rank_public_torrents(library):
    catalogue = library.catalogue
    ids = {}
    for name, size, age, figures in (
        ("fresh", 10, 0, SwarmStats(1, 5, 0)),
        ("stuck", 10, 0, SwarmStats(0, 50, 0)),
        ("week", 10, 3, SwarmStats(9, 0, 2)),
        ("old", 1000, 30, SwarmStats(4, 4, 3)),
        ("hidden", 10, 0, SwarmStats(99, 99, 99)),
        ("idle", 10, 0, SwarmStats(0, 0, 0)),
    ):
        entered, _ = await catalogue.torrents.add(
            metainfo_summary(name, size=size, added=NOW - age * 86_400), ParsedRelease(name, "Unsorted")
        )
        ids[name] = entered.id
        await catalogue.store.statistics.update_swarm_stats({entered.infohash: figures})
    await catalogue.torrents.mark(ids["hidden"], hidden=True)

    async def chart(name, limit=10):
        names = {number: name for name, number in ids.items()}
        return [
            names[number] for number in await catalogue.store.statistics.top(name, library.clock.now, limit)
        ]

    assert await chart("day") == ["fresh"]
    assert await chart("week") == ["stuck", "week", "fresh"]
    assert await chart("overall") == ["stuck", "week", "old", "fresh"]
    assert await chart("snatched") == ["old", "week"]
    assert await chart("data") == ["old", "stuck", "fresh", "week"]
    assert await chart("seeded", 2) == ["week", "old"]
    assert await chart("unknown") == []


async def test_sums_of_sizes_that_torrents_claim_do_not_overflow(library):
    for name in ("one", "two"):
        await library.catalogue.torrents.add(
            metainfo_summary(name, size=2**63 - 1), ParsedRelease(name, "Unsorted")
        )
        await library.catalogue.store.statistics.update_swarm_stats(
            {hash_of(name): SwarmStats(1, 2**40, 2**40)}
        )
    assert (await library.catalogue.store.statistics.totals()).size == 2**64
    assert len(await library.catalogue.store.statistics.top("data", NOW, 10)) == 2


async def test_uploads_under_a_name_are_counted(library):
    first, _ = await library.enter("one", 1)
    await library.enter("two", 1, group_id=first.group.id)
    await library.enter("three", 1, anonymous=True)
    await library.enter("four", 2)
    await library.enter("five")
    assert await library.catalogue.store.statistics.upload_counts(1) == (2, 1)
    assert await library.catalogue.store.statistics.top_uploaders(10) == ((1, 2), (2, 1))


async def test_held_torrents_are_walked_and_marked_as_gone(library):
    for name in ("one", "two", "three"):
        await library.enter(name)
    await library.enter("bare", held=False)
    hashes = sorted(hash_of(name) for name in ("one", "two", "three"))
    assert await library.catalogue.store.torrents.held(None, 2) == hashes[:2]
    assert await library.catalogue.store.torrents.held(hashes[1], 2) == hashes[2:]
    await library.catalogue.store.torrents.mark_not_held(hashes[:1])
    assert await library.catalogue.store.torrents.held(None, 9) == hashes[1:]
    gone = await library.catalogue.store.torrents.torrent(hashes[0], PUBLIC_VIEWER)
    assert not gone.held
    assert gone.size == 30
    assert await library.catalogue.store.torrents.missing_contents(hashes) == hashes[:1]


async def test_totals_count_public_records(library):
    one, _ = await library.enter("one", authors=["Ann", "Bo"])
    await library.enter("two", group_id=one.group.id)
    three, _ = await library.enter("three", authors=["Bo", "Cy"])
    await library.enter("four")
    for torrent in (one, three):
        await library.catalogue.torrents.mark(torrent.id, hidden=True)
    assert await library.catalogue.store.statistics.totals() == CatalogueTotals(2, 2, 2, 60)
