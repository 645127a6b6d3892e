"""The benchmark of searches, at a size that takes no time: what it asks is answered, and found."""

from pathlib import Path
from random import Random

from benchmarks.catalogue_search import fill, measure, questions, singles
from benchmarks.synthetic_catalogue import CatalogueGenerator
from catalogue.query import SortOrder
from storage.schema import PEERAGE
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.search.index import SqliteSearchIndex


async def test_each_question_is_answered_and_what_exists_is_found(tmp_path: Path) -> None:
    maker = CatalogueGenerator()
    database = await SqliteDatabase.open(tmp_path / "peerage.db", PEERAGE, "NORMAL")
    try:
        index = SqliteSearchIndex(database, 10_000, 10.0)
        assert await fill(database, index, maker, 400) > 0
        assert len(await singles(database, index, maker, 400)) == 200
        answers = [(each, await measure(index, each, SortOrder.SEEDERS, 3)) for each in questions(maker)]
        totals = {question.name: measured.found.total for question, measured in answers}
    finally:
        await database.close()
    assert totals["nothing: all torrents"] == 600
    assert totals["half of everything"] == 300
    assert totals["a word of 10,000"] == 6
    assert totals["an uploader"] >= 0


def test_a_number_always_makes_the_same_torrent() -> None:
    assert CatalogueGenerator().torrent(7) == CatalogueGenerator().torrent(7)
    made = [CatalogueGenerator().torrent(number) for number in Random(1).sample(range(1, 10**6), 3)]
    assert len({each.infohash for each in made}) == 3
