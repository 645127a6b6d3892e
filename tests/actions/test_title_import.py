import asyncio
import gzip
import random
import tracemalloc
from contextlib import aclosing

import pytest

from actions.imdb_tsv import HEADER
from actions.title_import import TitleImport
from bittorrent.refusal import Refusal
from catalogue.imdb_titles import ImdbTitle
from storage.sqlite.imdb_titles import SqliteImdbTitles
from tests.support.tasks import begun_for, until

KINDS = ("movie", "tvSeries", "tvEpisode", "short", "videoGame", "tvMovie")


def generated(lines, seed=1):
    """Lines like those of the real file, by a fixed seed."""
    source = random.Random(seed)
    yield HEADER
    for number in range(1, lines + 1):
        kind = KINDS[number % len(KINDS)]
        title = f"Title {number} {source.getrandbits(40):x}"
        yield f"tt{number:07}\t{kind}\t{title}\t{title}\t0\t{1950 + number % 70}\t\\N\t90\tDrama".encode()


def packed(path, lines):
    with gzip.open(path, "wb", compresslevel=1) as out:
        for line in generated(lines):
            out.write(line + b"\n")
    return path


async def imported(titles, path):
    return [progress async for progress in TitleImport(titles).import_file(path)]


async def test_a_large_file_is_imported_in_little_memory(tmp_path):
    path = packed(tmp_path / "title.basics.tsv.gz", 50_000)

    titles = await SqliteImdbTitles.open(tmp_path / "titles.db", 0)
    tracemalloc.start()
    steps = await imported(titles, path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * 2**20
    assert steps[-1].found == sum(KINDS[n % 6] not in {"tvEpisode", "videoGame"} for n in range(1, 50_001))
    assert steps[-1].done == await TitleImport(titles).total(path)
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    line = next(line for line in generated(50_000) if line.startswith(b"tt0049998\t"))
    title = line.decode().split("\t")[2]
    assert await titles.find(title.upper(), None, False) == ImdbTitle(
        49998, title, title, 1950 + 49998 % 70, False
    )
    await titles.close()


@pytest.mark.parametrize("spoil", [lambda data: data[:-20], lambda data: b"x" + data, lambda data: b""])
async def test_a_file_that_cannot_be_read_to_its_end_changes_nothing(tmp_path, spoil):
    good, bad = packed(tmp_path / "good.gz", 100), tmp_path / "bad.gz"
    bad.write_bytes(spoil(packed(bad, 20_000).read_bytes()))

    titles = await SqliteImdbTitles.open(tmp_path / "titles.db", 0)
    await imported(titles, good)
    before = (tmp_path / "titles.db").read_bytes()
    with pytest.raises(Refusal) as caught:
        await imported(titles, bad)
    assert caught.value.code == "unreadable"
    assert (tmp_path / "titles.db").read_bytes() == before
    assert (await titles.get(6)).title.startswith("Title 6 ")
    await titles.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.gz", "good.gz", "titles.db"]


async def test_a_file_without_films_does_not_replace_one_with(tmp_path):
    (tmp_path / "none.tsv").write_bytes(HEADER + b"\n")

    titles = await SqliteImdbTitles.open(tmp_path / "titles.db", 0)
    with pytest.raises(Refusal, match="no film"):
        await imported(titles, tmp_path / "none.tsv")
    await titles.close()
    assert [path.name for path in tmp_path.iterdir()] == ["none.tsv"]


async def test_one_import_at_a_time_and_one_that_is_given_up_leaves_no_trace(tmp_path):
    path = packed(tmp_path / "many.gz", 20_000)

    titles = await SqliteImdbTitles.open(tmp_path / "titles.db", 0)
    work = TitleImport(titles)
    async with aclosing(work.import_file(path)) as steps:
        await anext(steps)
        with pytest.raises(Refusal) as caught:
            await anext(work.import_file(path))
        assert caught.value.code == "busy"
    assert [file.name for file in tmp_path.iterdir()] == ["many.gz"]
    assert len([step async for step in work.import_file(path)]) > 3
    await titles.close()


async def test_cancelling_at_any_moment_leaves_a_whole_list_or_none(tmp_path):
    path = packed(tmp_path / "many.gz", 12_000)

    titles = await SqliteImdbTitles.open(tmp_path / "titles.db", 0)
    work = TitleImport(titles)

    async def everything():
        return [step async for step in work.import_file(path)]

    for turns in range(0, 60, 3):
        task = await begun_for(everything(), turns)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await until(lambda: not work._running)
    assert (await everything())[-1].found == 8_000
    assert (await titles.get(6)).title.startswith("Title 6 ")
    await titles.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["many.gz", "titles.db"]
