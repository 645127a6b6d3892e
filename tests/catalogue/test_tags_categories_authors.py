import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bittorrent.refusal import Refusal
from catalogue.fields import AuthorChange, CategoryChange, CollageChange, GroupChange, TorrentDetails
from catalogue.model import PUBLIC_VIEWER, Category
from tests.support.catalogue import CatalogueSetup, hash_of


async def code_of(awaitable):
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value.code


def names(page):
    return [each.name for each in page.items]


async def test_tags_are_listed_by_use_and_found_in_any_form(library):
    await library.enter("one", tags=["sci fi", "space"])
    await library.enter("two", tags=["Sci_Fi"])
    page = await library.catalogue.store.tags.tags("", 0, 10)
    assert [(tag.name, tag.uses) for tag in page.items] == [("sci.fi", 2), ("space", 1)]
    assert names(await library.catalogue.store.tags.tags("Sci F", 0, 10)) == ["sci.fi"]
    assert names(await library.catalogue.store.tags.tags("", 1, 10)) == ["space"]
    assert (await library.catalogue.store.tags.tags("x' OR 1=1 --", 0, 10)).total == 0
    for key in ("sci fi", "SCI.FI", page.items[0].id):
        assert (await library.catalogue.store.tags.tag(key)).name == "sci.fi"
    assert await library.catalogue.store.tags.tag("<none>") is None
    assert await library.catalogue.store.tags.tag("none") is None


async def test_an_alias_replaces_the_tag_in_groups_and_resolves_new_ones(library):
    catalogue = library.catalogue
    one, _ = await library.enter("one", tags=["sf", "old"])
    two, _ = await library.enter("two", tags=["sf", "sci.fi"])
    library.index.refreshed.clear()
    meant = await catalogue.taxonomy.alias_tag("SF", "sci fi")
    assert (meant.name, meant.uses, meant.aliases) == ("sci.fi", 2, ("sf",))
    assert sorted(library.index.refreshed) == [one.id, two.id]
    assert (await catalogue.store.groups.group(one.group.id, PUBLIC_VIEWER)).tags == ("old", "sci.fi")
    assert (await catalogue.store.groups.group(two.group.id, PUBLIC_VIEWER)).tags == ("sci.fi",)
    three, _ = await library.enter("three", tags=["sf", "sci.fi"])
    assert three.group.tags == ("sci.fi",)
    assert (await catalogue.store.tags.tag("sf")).name == "sci.fi"
    assert await library.wrong_tag_counts() == {}


async def test_aliases_never_form_chains_or_rings(library):
    catalogue = library.catalogue
    await catalogue.taxonomy.alias_tag("a", "b")
    assert (await catalogue.taxonomy.alias_tag("a", "b")).aliases == ("a",)
    assert await code_of(catalogue.taxonomy.alias_tag("b", "a")) == "invalid"
    assert await code_of(catalogue.taxonomy.alias_tag("b", "b")) == "invalid"
    assert await code_of(catalogue.taxonomy.alias_tag("a", "c")) == "taken"
    assert (await catalogue.taxonomy.alias_tag("b", "c")).aliases == ("a", "b")
    assert (await catalogue.taxonomy.alias_tag("d", "a")).name == "c"
    await catalogue.store.tags.unalias("a")
    assert (await catalogue.store.tags.tag("a")).name == "a"
    assert await code_of(catalogue.store.tags.unalias("a")) == "not-found"
    assert await code_of(catalogue.store.tags.unalias("<>")) == "not-found"
    assert await code_of(catalogue.taxonomy.alias_tag("", "x")) == "invalid"


async def test_a_removed_tag_is_removed_from_every_group(library):
    one, _ = await library.enter("one", tags=["bad", "good"])
    await library.catalogue.taxonomy.alias_tag("worse", "bad")
    await library.catalogue.store.tags.remove((await library.catalogue.store.tags.tag("bad")).id)
    assert (await library.catalogue.store.groups.group(one.group.id, PUBLIC_VIEWER)).tags == ("good",)
    assert await library.catalogue.store.tags.tag("worse") is None
    assert await library.wrong_tag_counts() == {}


async def test_changes_to_more_groups_than_one_part_reach_all(library):
    catalogue = library.catalogue
    own = await catalogue.taxonomy.add_category("Maps", 5)
    entered = [
        (await library.enter(f"t{n}", tags=["sf"], authors=["Ann"], category_id=own.id))[0] for n in range(5)
    ]
    groups = [each.group.id for each in entered]
    await catalogue.taxonomy.alias_tag("sf", "sci.fi")
    await catalogue.taxonomy.remove_category(own.id)
    library.index.refreshed.clear()
    await catalogue.taxonomy.edit_author(entered[0].group.authors[0].id, AuthorChange.read({"name": "Anne"}))
    assert sorted(library.index.refreshed) == [each.id for each in entered]
    for group in await catalogue.store.groups.groups(groups, PUBLIC_VIEWER):
        assert (group.tags, group.category.name, group.authors[0].name) == (("sci.fi",), "Books", "Anne")
    assert await library.wrong_tag_counts() == {}


async def test_an_alias_that_was_cut_short_is_shown_and_finished(library):
    one, _ = await library.enter("one", tags=["sf"])
    await library.enter("two", tags=["sci.fi"])
    async with library.database.transaction() as transaction:
        await transaction.run(
            "UPDATE tag SET alias_of = (SELECT id FROM tag WHERE name = 'sci.fi') WHERE name = 'sf'"
        )
    assert (await library.catalogue.store.groups.group(one.group.id, PUBLIC_VIEWER)).tags == ("sci.fi",)
    assert (await library.catalogue.taxonomy.alias_tag("sf", "sci.fi")).uses == 2
    assert await library.wrong_tag_counts() == {}


async def test_the_built_in_categories_exist_and_stay(library):
    catalogue = library.catalogue
    nine = await catalogue.store.categories.all()
    assert [category.name for category in nine] == [
        "Movies",
        "Anime",
        "TV",
        "Music",
        "Books",
        "PC",
        "Mobile",
        "XXX",
        "Unsorted",
    ]
    assert (
        await code_of(catalogue.taxonomy.edit_category(1, CategoryChange.read({"name": "Films"}))) == "fixed"
    )
    assert await code_of(catalogue.taxonomy.remove_category(9)) == "fixed"


async def test_custom_categories_are_added_under_built_in_ones(library):
    catalogue = library.catalogue
    assert await catalogue.taxonomy.add_category("Sequences", 5) == Category(10, "Sequences", 5)
    assert await catalogue.taxonomy.add_category("Images", 5, 70) == Category(70, "Images", 5)
    assert await catalogue.taxonomy.add_category("Maps", 5) == Category(71, "Maps", 5)
    assert await code_of(catalogue.taxonomy.add_category("IMAGES", 5)) == "taken"
    assert await code_of(catalogue.taxonomy.add_category("Other", 5, 70)) == "taken"
    assert await code_of(catalogue.taxonomy.add_category("Other", 10)) == "invalid"
    assert await code_of(catalogue.taxonomy.add_category("Other", 5, 9)) == "invalid"
    assert await code_of(catalogue.taxonomy.add_category("Other", 5, 2**63)) == "invalid"
    assert await catalogue.taxonomy.edit_category(
        10, CategoryChange.read({"name": "Genomes", "parent_id": 9})
    ) == Category(10, "Genomes", 9)
    assert (
        await code_of(catalogue.taxonomy.edit_category(10, CategoryChange.read({"name": "maps"}))) == "taken"
    )
    with pytest.raises(Refusal, match="not as it must be"):
        CategoryChange.read({"number": 12})
    torrent, _ = await library.enter("one", category_id=10)
    assert torrent.group.category == Category(10, "Genomes", 9)
    await catalogue.taxonomy.remove_category(10)
    assert (
        await catalogue.store.torrents.torrent(torrent.id, PUBLIC_VIEWER)
    ).group.category.name == "Unsorted"


async def test_authors_are_one_whatever_their_case_and_keep_their_order(library):
    catalogue = library.catalogue
    one, _ = await library.enter("one", authors=["Zoë Ärzt", "Bo"])
    two, _ = await library.enter("two", authors=["BO", "zoë ärzt"])
    zoe, bo = one.group.authors
    assert two.group.authors == (bo, zoe)
    assert await catalogue.store.authors.author("ZOË ÄRZT") == zoe
    assert await catalogue.store.authors.author(zoe.id) == zoe
    assert await catalogue.store.authors.author("nobody") is None
    assert names(await catalogue.store.authors.authors("", 0, 10)) == ["Bo", "Zoë Ärzt"]
    assert names(await catalogue.store.authors.authors("ZO", 0, 10)) == ["Zoë Ärzt"]
    assert await catalogue.store.authors.groups_of(bo.id, PUBLIC_VIEWER) == (two.group.id, one.group.id)
    assert await catalogue.store.authors.groups_of(bo.id, PUBLIC_VIEWER, first_only=True) == (two.group.id,)


async def test_an_author_is_edited_but_not_into_another(library):
    catalogue = library.catalogue
    one, _ = await library.enter("one", authors=["Ann", "Bo"])
    ann, _ = one.group.authors
    edited = await catalogue.taxonomy.edit_author(
        ann.id, AuthorChange.read({"name": "ANN", "description": "writes"})
    )
    assert (edited.name, edited.description) == ("ANN", "writes")
    assert await code_of(catalogue.taxonomy.edit_author(ann.id, AuthorChange.read({"name": "bo"}))) == "taken"
    await catalogue.groups.edit(one.group.id, GroupChange.read({"authors": []}))
    assert await catalogue.store.authors.author("bo") is None, (
        "nothing was said of them, and nothing is by them"
    )
    assert (await catalogue.store.authors.author("ann")).description == "writes"


async def test_merged_groups_are_one(library):
    catalogue = library.catalogue
    one, _ = await library.enter("one", tags=["x"], authors=["Ann"])
    two, _ = await library.enter("two", tags=["x", "y"])
    old, into = one.group.id, two.group.id
    await catalogue.comments.add(old, 1, "hello")
    for user in (1, 2):
        await catalogue.collages.bookmark(user, "group", old, on=True)
    await catalogue.collages.bookmark(1, "group", into, on=True)
    collage = await catalogue.collages.add(CollageChange.read({"name": "C"}), 1)
    await catalogue.collages.add_group(collage.id, old, 1)
    await catalogue.collages.add_group(collage.id, into, 1)
    library.index.refreshed.clear()
    merged = await catalogue.groups.merge(old, into)
    assert (merged.id, merged.torrents, merged.tags) == (into, 2, ("x", "y"))
    assert set(library.index.refreshed) == {one.id, two.id}
    assert await catalogue.store.groups.group(old, PUBLIC_VIEWER) is None
    assert (await catalogue.store.comments.comments(into, 0, 9, PUBLIC_VIEWER)).total == 1
    assert [(await catalogue.store.collages.bookmarks(user, "group", 0, 9)).items for user in (1, 2)] == [
        (into,),
        (into,),
    ]
    assert (await catalogue.store.collages.collage(collage.id, PUBLIC_VIEWER)).group_ids == (into,)
    assert await code_of(catalogue.groups.merge(into, into)) == "invalid"
    assert await library.count("author") == 0
    assert await library.wrong_tag_counts() == {}


TAGS = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=3)
NUMBER = st.integers(0, 3)
CHANGES = st.one_of(
    st.tuples(st.just("enter"), NUMBER, TAGS),
    st.tuples(st.just("edit"), NUMBER, TAGS),
    st.tuples(st.just("join"), NUMBER, NUMBER),
    st.tuples(st.just("merge"), NUMBER, NUMBER),
    st.tuples(st.just("hide"), NUMBER, st.booleans()),
    st.tuples(st.just("remove"), NUMBER, st.none()),
    st.tuples(st.just("alias"), st.sampled_from("abcd"), st.sampled_from("abcd")),
    st.tuples(st.just("unalias"), st.sampled_from("abcd"), st.none()),
    st.tuples(st.just("drop"), st.sampled_from("abcd"), st.none()),
)


async def do(library: CatalogueSetup, verb, first, second):
    catalogue = library.catalogue
    known = {n: await catalogue.store.torrents.torrent(hash_of(str(n)), library.everything) for n in range(4)}
    one = known.get(first)
    if verb == "enter":
        await library.enter(str(first), tags=second)
    elif verb == "alias":
        await catalogue.taxonomy.alias_tag(first, second)
    elif verb == "unalias":
        await catalogue.store.tags.unalias(first)
    elif verb == "drop":
        tag = await catalogue.store.tags.tag(first)
        await catalogue.store.tags.remove(tag.id if tag else 0)
    elif one is None:
        return
    elif verb == "edit":
        await catalogue.groups.edit(one.group.id, GroupChange.read({"tags": second}))
    elif verb == "hide":
        await catalogue.torrents.mark(one.id, hidden=second)
    elif verb == "remove":
        await catalogue.torrents.remove(one.id)
    elif known[second] is not None and verb == "join":
        await catalogue.torrents.edit(one.id, TorrentDetails.read({"group_id": known[second].group.id}))
    elif known[second] is not None:
        await catalogue.groups.merge(one.group.id, known[second].group.id)


@settings(max_examples=40, deadline=None)
@given(changes=st.lists(CHANGES, max_size=12))
def test_the_use_counts_of_tags_never_drift(in_fresh_library, changes):
    async def scenario(library):
        for change in changes:
            try:
                await do(library, *change)
            except Refusal as refusal:
                assert refusal.code in {"invalid", "taken", "not-found"}, change  # noqa: PT017
            assert await library.wrong_tag_counts() == {}, change
        groups = await library.count("work")
        assert groups <= await library.count("torrent")

    in_fresh_library(scenario)
