from dataclasses import replace
from functools import partial

import pytest

from bittorrent.refusal import Refusal
from catalogue.query import SearchQuery
from catalogue.search import Search
from catalogue.syntax import parse
from storage.sqlite.search.index import SqliteSearchIndex
from tests.support.backends import BACKENDS
from tests.support.search_catalogue import Catalogue, Entry


async def test_the_index_is_consistent_and_keeps_nothing_of_removed_torrents(tmp_path):
    async with Catalogue.opened(BACKENDS["sqlite"], tmp_path) as catalogue:
        await catalogue.add(*(Entry(number, f"linux {number}", tags=["os"]) for number in range(1, 9)))
        await catalogue.run("UPDATE torrent SET title = 'other' WHERE id < 4")
        await catalogue.refresh(*range(1, 9))
        await catalogue.drop(1, 2)
        await catalogue.run("INSERT INTO search_text (search_text) VALUES ('integrity-check')")
        await catalogue.drop(*range(1, 9))
        left = await catalogue.database.rows(
            "SELECT count(*) FROM search_entry UNION ALL SELECT count(*) FROM search_key"
        )
        assert left == [(0,), (0,)]


async def test_a_search_that_takes_too_long_is_refused(tmp_path):
    async with Catalogue.opened(BACKENDS["sqlite"], tmp_path, seconds=0.2) as catalogue:
        # A thousand million pairs: what no reader gets through in that time.
        endless = "SELECT count(*) FROM a AS x, a AS y, a AS z, a"
        numbers = "WITH a AS (SELECT value FROM json_each('[" + "1," * 300 + "1]')) "
        rows = catalogue.database.rows

        async def endlessly(_sql, _parameters=(), *, seconds=None, short=None):
            return await rows(numbers + endless, seconds=seconds, short=short) if seconds else [(0,)]

        catalogue.database.rows = endlessly
        with pytest.raises(Refusal) as caught:
            await Search(catalogue.index).torrents(SearchQuery(parse("ubuntu")))
        assert caught.value.code == "search-too-slow"


@pytest.mark.parametrize("small", [0, 5_000])
async def test_a_search_is_the_same_on_the_event_loop_and_in_a_thread(tmp_path, small):
    backend = replace(BACKENDS["sqlite"], search=partial(SqliteSearchIndex, small=small))
    async with Catalogue.opened(backend, tmp_path) as catalogue:
        await catalogue.add(*(Entry(number, f"linux {number}", tags=["os"]) for number in range(1, 9)))
        threads = []
        run = catalogue.database._readers.run

        async def noted(*arguments):
            threads.append(arguments)
            return await run(*arguments)

        catalogue.database._readers.run = noted
        search = Search(catalogue.index)
        texts = ("linux", "tag:os", "linux -3")
        found = [len((await search.torrents(SearchQuery(parse(text)))).ids) for text in texts]
        assert found == [8, 8, 7]
        assert bool(threads) is (small == 0)
        threads.clear()
        everything = await search.torrents(SearchQuery())
        assert everything.total == len(everything.ids)
        assert not threads  # a list of everything walks an index
