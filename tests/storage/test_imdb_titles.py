import sqlite3
from contextlib import closing

import pytest

from actions.imdb_tsv import RankedTitle
from bittorrent.refusal import Refusal
from catalogue.imdb_titles import ImdbTitle
from storage.sqlite.imdb_titles import SqliteImdbTitles, normalize_title

FILMS = [
    RankedTitle(ImdbTitle(1, "Alien", "Alien", 1979, False), 0),
    RankedTitle(ImdbTitle(2, "Alien", "Alien", 1979, False), 4),
    RankedTitle(ImdbTitle(3, "The Heat", "The Heat", 1995, False), 0),
    RankedTitle(ImdbTitle(4, "The Heat", "The Heat", 1997, False), 0),
    RankedTitle(ImdbTitle(5, "City of God", "Cidade de Deus", 2002, False), 0),
    RankedTitle(ImdbTitle(6, "Am\u00e9lie & Ren\u00e9's", "Am\u00e9lie & Ren\u00e9's", 2001, False), 0),
    RankedTitle(ImdbTitle(7, "Twins", "Twins", 1988, False), 0),
    RankedTitle(ImdbTitle(8, "Twins", "Twins", 1988, False), 0),
    RankedTitle(ImdbTitle(9, "Undated", "Undated", None, False), 0),
    RankedTitle(ImdbTitle(10, "\u5343\u3068\u5343\u5c0b", "\u5343\u3068\u5343\u5c0b", 2001, False), 0),
    RankedTitle(ImdbTitle(11, "Office", "Office", 2005, True), 0),
    RankedTitle(ImdbTitle(12, "Office", "Office", 2005, False), 0),
    RankedTitle(ImdbTitle(13, "Home", "Home", 2009, False), 0),
    RankedTitle(ImdbTitle(14, "Elsewhere", "Home", 2009, False), 0),
    RankedTitle(ImdbTitle(15, "...", "...", 2009, False), 0),
]


async def filled(folder, listed=FILMS):
    titles = await SqliteImdbTitles.open(folder / "titles.db", 0)
    draft = titles.draft()
    draft.add(listed)
    draft.add(listed[:3])
    assert draft.finish() == len(listed)
    draft.abandon()
    await titles.renew()
    return titles


async def found(titles, *wanted):
    title = await titles.find(*wanted)
    return title.number if title is not None else None


@pytest.mark.parametrize(
    ("title", "year", "series", "number"),
    [
        ("Alien", 1979, False, 1),
        ("ALIEN", None, False, 1),
        ("Alien", 1980, False, 1),
        ("Alien", 1981, False, None),
        ("Alien", 1979, True, None),
        ("the.heat", None, False, None),
        ("the.heat", 1995, False, 3),
        ("the_heat", 1996, False, None),
        ("the heat", 1998, False, 4),
        ("cidade de deus", 2002, False, 5),
        ("Amelie and Renes", 2001, False, 6),
        ("AME\u0301LIE  &  RENE\u2019S!", None, False, 6),
        ("Twins", 1988, False, None),
        ("Undated", None, False, 9),
        ("Undated", 1999, False, None),
        ("\u5343\u3068\u5343\u5c0b", 2001, False, 10),
        ("Office", 2012, True, 11),
        ("Office", 2003, True, None),
        ("Office", None, False, 12),
        ("Home", 2009, False, 13),
        ("...", 2009, False, None),
        ("", None, False, None),
        ("\ud800 \0 '; DROP TABLE title --", None, False, None),
        ("Alien", 2**70, False, None),
        ("Alien", -1, False, None),
        ("x" * 100_000, None, False, None),
    ],
)
async def test_a_title_is_found_where_the_match_is_unambiguous(tmp_path, title, year, series, number):
    titles = await filled(tmp_path)
    assert await found(titles, title, year, series) == number
    await titles.close()


async def test_a_title_is_found_by_its_number(tmp_path):
    titles = await filled(tmp_path)
    assert await titles.get(5) == FILMS[4].title
    for number in (0, -1, 999, 2**63, 2**70):
        assert await titles.get(number) is None
    await titles.close()


async def test_find_uses_the_indexes(tmp_path):
    titles = await filled(tmp_path)
    wanted = dict.fromkeys(("spelled", "series", "year", "least", "most"), 1)
    with sqlite3.connect(tmp_path / "titles.db") as connection:
        plan = str(connection.execute(f"EXPLAIN QUERY PLAN {titles._sql.find}", wanted).fetchall())
    connection.close()
    assert "title_spelled " in plan
    assert "title_spelled_original " in plan
    assert "SCAN" not in plan
    await titles.close()


async def test_an_empty_list_finds_nothing_until_there_is_one(tmp_path):
    titles = await SqliteImdbTitles.open(tmp_path / "titles.db", 0)
    assert await titles.find("Alien", None, False) is None
    assert await titles.get(1) is None
    draft = titles.draft()
    draft.add(FILMS)
    assert await titles.get(1) is None
    draft.finish()
    await titles.renew()
    assert await titles.get(1) == FILMS[0].title
    await titles.close()
    assert await titles.get(1) is None
    again = await SqliteImdbTitles.open(tmp_path / "titles.db", 0)
    assert await again.get(1) == FILMS[0].title
    await again.close()


async def test_a_new_list_takes_the_place_of_the_old_at_once(tmp_path):
    titles = await filled(tmp_path)
    draft = titles.draft()
    draft.add([RankedTitle(ImdbTitle(1, "Other", "Other", None, True), 0)])
    assert await titles.get(1) == FILMS[0].title
    draft.finish()
    await titles.renew()
    assert await titles.get(1) == ImdbTitle(1, "Other", "Other", None, True)
    assert await titles.get(5) is None
    await titles.close()
    assert [path.name for path in tmp_path.iterdir()] == ["titles.db"]


async def test_an_abandoned_draft_leaves_no_file(tmp_path):
    titles = await filled(tmp_path)
    draft = titles.draft()
    draft.add(FILMS[:1])
    draft.abandon()
    draft.abandon()
    assert [path.name for path in tmp_path.iterdir()] == ["titles.db"]
    assert await titles.get(5) == FILMS[4].title
    await titles.close()


async def test_a_half_written_file_of_a_crash_is_replaced(tmp_path):
    (tmp_path / ".titles.db.new").write_bytes(b"half")
    titles = await filled(tmp_path)
    assert await found(titles, "Alien", 1979, False) == 1
    await titles.close()


def test_writing_stops_above_the_floor_of_free_disk(tmp_path):
    titles = SqliteImdbTitles(tmp_path / "titles.db", 2**62)
    draft = titles.draft()
    for step in (lambda: draft.add(FILMS), draft.finish):
        with pytest.raises(Refusal) as caught:
            step()
        assert caught.value.code == "disk-full"
    draft.abandon()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_a_refusal(tmp_path):
    draft = SqliteImdbTitles(tmp_path / "titles.db", 0).draft()
    draft._connection.execute("PRAGMA max_page_count = 2")
    with pytest.raises(Refusal) as caught:
        draft.add([RankedTitle(ImdbTitle(n, f"{n:0400}", "", None, False), 0) for n in range(100)])
    assert caught.value.code == "disk-full"
    draft.abandon()


@pytest.mark.parametrize("content", [b"no database" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
async def test_a_damaged_list_counts_as_empty(tmp_path, content):
    (tmp_path / "titles.db").write_bytes(content)
    titles = await SqliteImdbTitles.open(tmp_path / "titles.db", 0)
    assert await found(titles, "Alien", 1979, False) is None
    await titles.close()


async def test_damage_found_by_a_query_finds_nothing(tmp_path):
    await filled(
        tmp_path, [RankedTitle(ImdbTitle(n, f"{n:0400}", "x", None, False), 0) for n in range(1, 500)]
    )
    data = (tmp_path / "titles.db").read_bytes()
    (tmp_path / "titles.db").write_bytes(data[:4096] + b"\xa5" * (len(data) - 4096))
    titles = await SqliteImdbTitles.open(tmp_path / "titles.db", 0)
    assert await found(titles, "1", None, False) is None
    await titles.close()


async def test_a_list_of_another_version_counts_as_empty(tmp_path):
    titles = await filled(tmp_path)
    await titles.close()
    with closing(sqlite3.connect(tmp_path / "titles.db")) as connection:
        connection.execute("PRAGMA user_version = 2")
    titles = await SqliteImdbTitles.open(tmp_path / "titles.db", 0)
    assert await titles.get(1) is None
    await titles.close()


def test_spellings_that_differ_in_case_marks_and_punctuation_are_one():
    for title in (
        "Caf\u00e9 & Bar: L'\u00c9toile",
        "CAFE\u0301 and bar - l\u2019etoile",
        "cafe.and_bar.letoile",
    ):
        assert normalize_title(title) == "cafe and bar letoile"
    assert normalize_title("Stra\u00dfe") == normalize_title("STRASSE")
