import dataclasses
import json

import pytest

from bittorrent.infohash import InfoHash
from catalogue.bbcode import render
from catalogue.model import Author, Category, Freeleech, Person, SwarmStats
from doors.gazelle import shapes
from doors.gazelle.formatting import file_list
from doors.kept_rows import KeptRows
from tests.doors.gazelle import records
from tests.doors.gazelle.sample import EXTRAS, T_EXTRAS, check, golden, replaced, seconds
from tracker.model import Counts


def group_of(sample):
    """The record of a group that a sample shows."""
    return records.group(
        id=sample["id"],
        name=sample["name"],
        category=Category(sample["categoryId"], sample["categoryName"]),
        year=sample["year"],
        authors=tuple(Author(each["id"], each["name"]) for each in sample["authors"]),
        tags=tuple(sample["tags"]),
        description=sample["description"],
        picture=sample["picture"],
        organism=sample["organism"],
        strain=sample["strain"],
        accession=sample["accession"],
        newest=seconds(sample["time"]),
    )


def torrent_of(sample, group):
    """The record of a torrent that a sample shows, uploaded by somebody who is not told."""
    return records.torrent(
        id=sample["id"],
        infohash=InfoHash.parse(sample["infoHash"]),
        group=group,
        root=sample["filePath"],
        size=sample["size"],
        file_count=sample["fileCount"],
        anonymous=True,
        added=seconds(sample["time"]),
        description=sample["description"],
        **{name: sample[name] for name in ("platform", "format", "license", "scope", "annotated", "archive")},
    )


def numbers(sample):
    return SwarmStats(sample["seeders"], sample["leechers"], sample.get("snatched", 0))


@pytest.mark.parametrize("name", ["torrent", "torrentgroup"])
def test_a_group_is_the_sample_of_the_page(name):
    sample = golden(name)["group"]
    answer = shapes.group(group_of(sample), bookmarked=sample["isBookmarked"])
    check(answer, replaced(sample, description=render(sample["description"])), EXTRAS["group"])
    assert answer["musicInfo"] == {"artists": sample["authors"]}


@pytest.mark.parametrize("name", ["torrent", "torrentgroup"])
def test_a_torrent_is_the_sample_of_the_page(name):
    response = golden(name)
    sample = response["torrent"] if name == "torrent" else response["torrents"][0]
    answer = shapes.torrent(
        torrent_of(sample, group_of(response["group"])), numbers(sample), sample["fileList"]
    )
    check(answer, replaced(sample, description=render(sample["description"])), EXTRAS["torrent"])
    assert (answer["media"], answer["encoding"]) == (sample["platform"], sample["license"])
    assert {name: answer[name] for name in ("scene", "hasLog", "hasCue", "logScore")} == {
        "scene": False,
        "hasLog": False,
        "hasCue": False,
        "logScore": 0,
    }


def browsed(group, torrents, *, bookmarked=False):
    """Return a row of `browse`."""
    return json.loads(shapes.browse_row(KeptRows(), group, torrents, bookmarked=bookmarked))


def test_a_hit_is_the_sample_of_the_page():
    sample = golden("browse")["results"][0]
    [inner] = sample["torrents"]
    group = records.group(
        id=sample["groupId"],
        name=sample["groupName"],
        authors=(Author(152, sample["author"]),),
        picture=sample["picture"],
        tags=tuple(sample["tags"]),
        year=sample["groupYear"],
        newest=sample["groupTime"],
        **{name: sample[name] for name in ("accession", "lab", "location")},
    )
    torrent = records.torrent(
        id=inner["torrentId"],
        group=group,
        size=inner["size"],
        file_count=inner["fileCount"],
        added=seconds(inner["time"]),
        annotated=False,
        freeleech=Freeleech.NEUTRAL,
        **{name: inner[name] for name in ("platform", "format", "license", "scope", "archive")},
    )
    answer = browsed(group, [(torrent, numbers(inner))], bookmarked=True)
    [shown] = answer["torrents"]
    check(shown, inner, EXTRAS["torrents of a hit"])
    check(answer | {"torrents": [inner]}, sample, EXTRAS["results"])
    assert answer["artist"] == sample["author"]
    assert shown["artists"] == inner["authors"]


def test_a_group_in_a_collage_is_the_sample_of_the_page():
    sample = golden("collage")["torrentgroups"][0]
    [inner] = sample["torrents"]
    group = records.group(
        id=sample["id"],
        name=sample["name"],
        year=sample["year"],
        category=Category(sample["categoryId"], "Documents"),
        accession=sample["accession"],
        picture=sample["picture"],
        tags=tuple(tag.replace("_", ".") for tag in sample["tagList"].split()),
    )
    torrent = records.torrent(
        id=inner["torrentid"],
        group=group,
        platform=inner["platform"],
        file_count=inner["fileCount"],
        size=inner["size"],
        added=seconds(inner["time"]),
    )
    answer = shapes.collage_group(group, [(torrent, numbers(inner))])
    [shown] = answer["torrents"]
    check(shown, inner, EXTRAS["torrents of a collage"])
    check(answer | {"torrents": [inner]}, sample)
    assert shown["id"] == shown["torrentid"]


def test_annotated_is_a_bool_but_in_a_hit_a_number():
    of = records.torrent(annotated=True)
    assert shapes.torrent(of, SwarmStats(0, 0, 0), "")["annotated"] is True
    hit = shapes.browse_torrent(of, SwarmStats(0, 0, 0))["annotated"]
    assert type(hit) is int
    assert hit == 1


@pytest.mark.parametrize(
    ("kind", "free", "neutral"),
    [(Freeleech.NORMAL, False, False), (Freeleech.FREE, True, False), (Freeleech.NEUTRAL, False, True)],
)
def test_freeleech_is_two_flags(kind, free, neutral):
    of = records.torrent(freeleech=kind)
    hit = shapes.browse_torrent(of, SwarmStats(0, 0, 0))
    assert (hit["isFreeleech"], hit["isNeutralLeech"]) == (free, neutral)
    assert shapes.torrent(of, SwarmStats(0, 0, 0), "")["freeTorrent"] is free


@pytest.mark.parametrize(
    ("uploader", "anonymous", "shown"),
    [
        (Person(3, "O'Hara"), False, (3, "O&#39;Hara")),
        (Person(3, "O'Hara"), True, (0, "Anonymous")),
        (None, False, (0, "Anonymous")),
    ],
)
def test_an_uploader_is_named_unless_anonymous(uploader, anonymous, shown):
    answer = shapes.torrent(
        records.torrent(uploader=uploader, anonymous=anonymous), SwarmStats(0, 0, 0), file_list(())
    )
    assert (answer["userId"], answer["username"]) == shown


def test_a_group_without_a_year_has_the_year_0():
    of = records.group(year=None)
    assert shapes.group(of, bookmarked=False)["year"] == 0
    assert browsed(of, [])["groupYear"] == 0


def test_a_group_of_several_torrents_has_their_sums_and_the_largest_size():
    first, second = records.torrent(size=5), records.torrent(id=10, size=3)
    row = browsed(records.group(), [(first, SwarmStats(1, 2, 3)), (second, SwarmStats(10, 20, 30))])
    assert (row["maxSize"], row["totalSeeders"], row["totalLeechers"], row["totalSnatched"]) == (
        5,
        11,
        22,
        33,
    )


def test_every_text_of_a_record_is_escaped():
    hostile = "<&'\">"
    escaped = "&lt;&amp;&#39;&quot;&gt;"
    texts = {
        field.name: hostile
        for field in dataclasses.fields(records.group())
        if field.type is str and field.name != "description"
    }
    of = records.group(**texts, tags=(hostile,), authors=(Author(1, hostile),), category=Category(1, hostile))
    inner = records.torrent(
        group=of, **dict.fromkeys(("root", "platform", "format", "license", "scope", "archive"), hostile)
    )
    live = SwarmStats(0, 0, 0)
    for shape in (
        shapes.group(of, bookmarked=False),
        shapes.torrent(inner, live, ""),
        browsed(of, [(inner, live)]),
        shapes.collage_group(of, [(inner, live)]),
        shapes.artist_group(of, [(inner, live)], bookmarked=False),
    ):
        assert hostile not in str(shape)
        assert "<" not in str(shape)
        assert escaped in str(shape)


def test_live_numbers_are_the_swarms_and_completions_are_never_forgotten():
    of = records.torrent(seeders=99, leechers=99, snatched=7)
    assert shapes.swarm_stats(of, lambda infohash: Counts(3, 5, 4, 4)) == SwarmStats(3, 4, 7)
    assert shapes.swarm_stats(of, lambda infohash: Counts(3, 8, 4, 4)).snatched == 8


def test_a_group_of_an_artist_has_its_torrents_in_the_singular():
    of = records.torrent(held=False)
    answer = shapes.artist_group(of.group, [(of, SwarmStats(1, 2, 3))], bookmarked=True)
    assert set(answer) == {
        *("groupId", "groupName", "groupYear", "groupCategoryID", "tags", "wikiImage", "hasBookmarked"),
        *("artists", "torrent"),
    }
    [inner] = answer["torrent"]
    assert set(inner) >= T_EXTRAS
    assert (inner["groupId"], inner["hasFile"]) == (of.group.id, 0)
