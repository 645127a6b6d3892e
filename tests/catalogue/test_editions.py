"""Uploads of one work join one group by themselves, and are taken out of it again."""

import pytest

from bittorrent.refusal import Refusal
from catalogue.editions import work_key
from catalogue.fields import GroupChange
from catalogue.model import ParsedRelease
from tests.support.catalogue import open_catalogue

FILM = ParsedRelease("Nosferatu", "Movies", 1922)


@pytest.fixture
async def library(tmp_path):
    async with open_catalogue(tmp_path) as library:
        yield library


async def groups_of(library, *readings, **details):
    found = []
    for number, reading in enumerate(readings):
        torrent, _ = await library.enter(f"name {number}", 1, reading=reading, **details)
        found.append(torrent.group.id)
    return found


@pytest.mark.parametrize(
    ("other", "joins"),
    [
        (FILM, True),
        (ParsedRelease("nosferatu", "Movies", 1922), True),
        (ParsedRelease("NOSFERATU", "Movies", 1922, imdb=13442), True),
        (ParsedRelease("Nosferatu", "Movies", 1979), False),
        (ParsedRelease("Nosferatu", "Movies"), False),
        (ParsedRelease("Nosferatu", "TV", 1922), False),
        (ParsedRelease("Nosferatu", "Movies", 1922, season=1), False),
        (ParsedRelease("Nosferatus", "Movies", 1922), False),
    ],
)
async def test_an_upload_joins_the_group_of_its_work(library, other, joins):
    one, two = await groups_of(library, FILM, other)
    assert (one == two) is joins


async def test_a_name_alone_makes_no_work(library):
    assert len(set(await groups_of(library, *[ParsedRelease("Backup", "Unsorted")] * 2))) == 2
    assert work_key(GroupChange(name="x", category_id=1)) is None
    assert work_key(GroupChange(name="", category_id=1, year=1999)) is None


async def test_seasons_are_works_of_their_own(library):
    first, again, second = await groups_of(
        library, *[ParsedRelease("Planet of Data", "TV", season=number) for number in (1, 1, 2)]
    )
    assert first == again != second


async def test_who_joins_adds_tags_and_what_nobody_said_yet(library):
    await library.enter("one", 1, reading=FILM, tags=["horror"], authors=["Murnau"])
    joined, _ = await library.enter(
        "two", 2, reading=ParsedRelease("Nosferatu", "Movies", 1922, imdb=13442), tags=["horror", "silent"],
        authors=["Somebody else"], group_description="A film.",
    )  # fmt: skip
    group = joined.group
    assert sorted(group.tags) == ["horror", "silent"]
    assert [author.name for author in group.authors] == ["Murnau"]
    assert (group.description, group.imdb, group.torrents) == ("A film.", 13442, 2)
    assert await library.wrong_tag_counts() == {}
    assert joined.id in library.index.known


async def test_a_locked_group_is_not_joined(library):
    torrent, _ = await library.enter("one", 1, reading=FILM)
    await library.catalogue.groups.lock(torrent.group.id, locked=True)
    other, _ = await library.enter("two", 2, reading=FILM)
    third, _ = await library.enter("three", 2, reading=FILM)
    assert torrent.group.id != other.group.id == third.group.id


async def test_who_names_a_group_gets_that(library):
    torrent, _ = await library.enter("one", 1, reading=FILM)
    other, _ = await library.enter("other", 1)
    named, _ = await library.enter("two", 1, reading=FILM, group_id=other.group.id)
    assert named.group.id == other.group.id != torrent.group.id


async def test_an_edition_becomes_a_work_of_its_own_again(library):
    await library.enter("one", 1, reading=FILM, tags=["horror"], authors=["Murnau"])
    joined, _ = await library.enter("two", 2, reading=FILM)
    group = await library.catalogue.groups.split(joined.id)
    assert group.id != joined.group.id
    assert (group.name, group.year, group.tags, group.torrents) == ("Nosferatu", 1922, ("horror",), 1)
    assert [author.name for author in group.authors] == ["Murnau"]
    left = await library.store.groups.group(joined.group.id, library.everything)
    assert left.torrents == 1
    assert await library.wrong_tag_counts() == {}
    alone = await library.catalogue.groups.split(joined.id)
    assert await library.store.groups.group(group.id, library.everything) is None
    assert alone.torrents == 1
    with pytest.raises(Refusal):
        await library.catalogue.groups.split(99)
