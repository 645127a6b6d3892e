"""Benchmark of catalogue searches: typical queries in every sort order on a synthetic catalogue, beside alternatives.

Run as `python -m benchmarks.catalogue_search [TORRENTS] [--quick]`.
"""

import argparse
import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median, quantiles

from benchmarks.comparison import table
from benchmarks.machine import describe
from benchmarks.processes import end_like_ctrl_c
from benchmarks.synthetic_catalogue import (
    CATEGORIES,
    COMMON,
    HUNDREDTH,
    TAGS,
    UPLOADERS,
    CatalogueGenerator,
    SyntheticTorrent,
)
from catalogue.contents_encoding import encode_contents
from catalogue.model import CatalogueFile, Contents
from catalogue.query import SearchHits, SearchQuery, SortOrder
from catalogue.search import Search
from catalogue.syntax import parse
from storage.database import Database
from storage.schema import PEERAGE
from storage.sqlite.database import SqliteDatabase
from storage.sqlite.search.index import SqliteSearchIndex

CANDIDATES = 10_000
BATCH = 5_000
SINGLES = 200
COLUMNS = (
    "search",
    "order",
    "matches",
    "p50 ms",
    "p99 ms",
    "CPU p99 ms",
    "LIKE p50 ms",
    "ratio",
    "bm25 p50 ms",
    "ratio",
)

_TORRENT = """
    INSERT INTO torrent (id, infohash, work_id, title, name, root, size, file_count, uploader_id, anonymous, added,
        updated, description, platform, format, license, scope, annotated, archive, private, held, hidden, locked,
        freeleech, seeders, leechers, snatched)
    VALUES (?, ?, ?, ?, ?, '', ?, ?, ?, 0, ?, 1, ?, '', '', '', '', 0, '', 0, 1, 0, 0, 0, ?, ?, ?)
"""
_WORK = """
    INSERT INTO work (id, name, category_id, year, description, picture, organism, strain, accession, lab, location,
        locked, created)
    VALUES (?, ?, ?, ?, '', '', '', '', '', '', '', 0, 1)
"""
_AUTHOR = "INSERT OR IGNORE INTO author (id, name, folded, picture, description) VALUES (?, ?, ?, '', '')"
_PEER = "CREATE VIRTUAL TABLE peer USING fts5 (title, author, description, files)"


@dataclass(frozen=True, slots=True)
class Question:
    """A kind of search: its name, how one of the kind is written, and what is compared with it, if anything is."""

    name: str
    written: Callable[[Random], str]
    orders: tuple[SortOrder, ...] = (SortOrder.TIME, SortOrder.RELEVANCE, SortOrder.SEEDERS, SortOrder.SIZE)
    offset: int = 0
    grouped: bool = False
    compared: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """What each of some searches took, in milliseconds on the clock and of the processor, and one answer."""

    took: Sequence[float]
    used: Sequence[float]
    found: SearchHits


async def fill(
    database: Database, index: SqliteSearchIndex, maker: CatalogueGenerator, torrents: int
) -> float:
    """Write that many torrents with all that belongs to them; return the seconds, making them up left out."""
    seconds = 0.0
    async with database.transaction() as transaction:
        names = [(number, f"user{number}", f"user{number}") for number in range(1, UPLOADERS + 1)]
        account = (
            "INSERT INTO account (id, name, folded, role, enabled, joined) VALUES (?, ?, ?, 'user', 1, 1)"
        )
        await transaction.run_many(account, names)
        tags = [(number, f"tag{number}") for number in range(1, TAGS + 1)]
        await transaction.run_many("INSERT INTO tag (id, name, uses) VALUES (?, ?, 1)", tags)
    for start in range(1, torrents + 1, BATCH):
        made = [maker.torrent(number) for number in range(start, min(start + BATCH, torrents + 1))]
        before = time.perf_counter()
        await _write(database, index, made)
        seconds += time.perf_counter() - before
    return seconds


async def _write(database: Database, index: SqliteSearchIndex, made: Sequence[SyntheticTorrent]) -> None:
    async with database.transaction() as transaction:
        await transaction.run_many(
            _WORK, [(each.number, each.title, each.category, each.year) for each in made]
        )
        await transaction.run_many(_TORRENT, [_row(each) for each in made])
        contents = [
            (each.number, encode_contents(Contents(tuple(CatalogueFile(name, 1) for name in each.files))))
            for each in made
        ]
        await transaction.run_many("INSERT INTO contents (torrent_id, payload) VALUES (?, ?)", contents)
        await transaction.run_many(_AUTHOR, [(each.number, each.author, str(each.number)) for each in made])
        authorship = "INSERT INTO authorship (work_id, position, author_id) VALUES (?, 0, ?)"
        await transaction.run_many(authorship, [(each.number, each.number) for each in made])
        tagging = "INSERT INTO tagging (work_id, tag_id) VALUES (?, ?)"
        await transaction.run_many(tagging, [(each.number, tag) for each in made for tag in each.tags])
        await index.refresh(transaction, [each.number for each in made])


def _row(each: SyntheticTorrent) -> tuple[object, ...]:
    name = f"{each.title.replace(' ', '.')}.torrent"
    known = (
        each.number,
        each.infohash,
        each.number,
        each.title,
        name,
        each.size,
        len(each.files),
        each.uploader,
    )
    return (*known, each.number, each.description, each.seeders, each.leechers, each.snatched)


def fill_peer(path: Path, maker: CatalogueGenerator, torrents: int) -> float:
    """Write the same texts to a table of FTS5 as it comes; return the seconds."""
    seconds = 0.0
    with closing(sqlite3.connect(path, isolation_level=None)) as peer:
        peer.execute("PRAGMA journal_mode = WAL")
        peer.execute(_PEER)
        for start in range(1, torrents + 1, BATCH):
            made = [maker.torrent(number) for number in range(start, min(start + BATCH, torrents + 1))]
            rows = [
                (each.number, each.title, each.author, each.description, "\n".join(each.files))
                for each in made
            ]
            before = time.perf_counter()
            peer.execute("BEGIN")
            peer.executemany(
                "INSERT INTO peer (rowid, title, author, description, files) VALUES (?, ?, ?, ?, ?)", rows
            )
            peer.execute("COMMIT")
            seconds += time.perf_counter() - before
    return seconds


def questions(maker: CatalogueGenerator) -> list[Question]:
    """Return what is asked."""

    def word(low: int, high: int) -> Callable[[Random], str]:
        return lambda random: maker.words[random.randrange(low, high)]

    rare, usual, frequent = word(20_000, 60_000), word(1_500, 20_000), word(50, 300)
    by_all = (
        SortOrder.TIME,
        SortOrder.RELEVANCE,
        SortOrder.SEEDERS,
        SortOrder.LEECHERS,
        SortOrder.SNATCHED,
        SortOrder.SIZE,
        SortOrder.YEAR,
    )
    by_all += (SortOrder.NAME,)
    by_time, sized = (SortOrder.TIME,), (SortOrder.TIME, SortOrder.SIZE)
    return [
        Question("nothing: all torrents", lambda _: "", (*by_all[:1], *by_all[2:])),
        Question("nothing, page 200", lambda _: "", (SortOrder.TIME, SortOrder.SEEDERS), offset=10_000),
        Question("nothing, in groups", lambda _: "", (SortOrder.TIME, SortOrder.SEEDERS), grouped=True),
        Question("a rare word", rare, compared=True),
        Question("a usual word", usual, by_all, compared=True),
        Question("a word of 10,000", lambda _: HUNDREDTH, by_all, compared=True),
        Question(
            "the same in groups", lambda _: HUNDREDTH, (SortOrder.TIME, SortOrder.SEEDERS), grouped=True
        ),
        Question("two words", lambda random: f"{usual(random)} {frequent(random)}"),
        Question("a phrase", lambda random: f'"{maker.torrent(random.randrange(1, 20_000)).title}"'),
        Question("a file's name", lambda random: f"file:{usual(random)}"),
        Question("a beginning of three", lambda random: usual(random)[:3] + "*", compared=True),
        Question("a beginning of five", lambda random: usual(random)[:5] + "*"),
        Question(
            "a word and a category", lambda random: f"{HUNDREDTH} category:{random.randint(1, CATEGORIES)}"
        ),
        Question("a word and years", lambda random: f"{HUNDREDTH} year:{1950 + random.randrange(60)}..2019"),
        Question("a word and sizes", lambda random: f"{HUNDREDTH} size:{random.randint(1, 999)}MB..9GB"),
        Question("a word, a tag not", lambda random: f"{HUNDREDTH} -tag:tag{random.randint(1, TAGS)}"),
        Question("an uploader", lambda random: f"user:user{random.randint(1, UPLOADERS)}"),
        Question(
            "an infohash", lambda random: maker.torrent(random.randrange(1, 20_000)).infohash.hex(), by_time
        ),
        Question("half of everything", lambda _: COMMON, by_all, compared=True),
        Question("the same, page 199", lambda _: COMMON, by_time, offset=9_900),
        Question("half and a category", lambda random: f"{COMMON} category:{random.randint(1, CATEGORIES)}"),
        Question("half and sizes", lambda random: f"{COMMON} size:>{random.randint(1, 999)}MB", sized),
        Question("all but half", lambda _: f"-{COMMON}", (SortOrder.TIME, SortOrder.SEEDERS)),
        Question("either of two", lambda random: f"{frequent(random)} or {frequent(random)}"),
    ]


async def measure(index: SqliteSearchIndex, question: Question, order: SortOrder, rounds: int) -> Measured:
    """Ask a question of a kind again and again."""
    random, search = Random(question.name), Search(index)
    asked = search.groups if question.grouped else search.torrents
    took, used, answers = list[float](), list[float](), list[SearchHits]()
    for _ in range(rounds):
        before, busy = time.perf_counter(), time.process_time()
        found = await asked(SearchQuery(parse(question.written(random)), order, offset=question.offset))
        took.append((time.perf_counter() - before) * 1000)
        used.append((time.process_time() - busy) * 1000)
        answers.append(found)
    return Measured(took, used, sorted(answers, key=lambda found: found.total)[rounds // 2])


def like(path: Path, question: Question, rounds: int) -> float:
    """Look through all titles and names with LIKE; return the median milliseconds."""
    sql = """SELECT id FROM torrent WHERE (title LIKE ? OR name LIKE ?) AND hidden = 0
             ORDER BY seeders DESC, id DESC LIMIT 50"""
    random = Random(question.name)
    with closing(sqlite3.connect(path)) as connection:
        wanted = [f"%{question.written(random).rstrip('*')}%" for _ in range(rounds)]
        return median(_milliseconds(connection, sql, (each, each)) for each in wanted)


def plain(path: Path, question: Question, rounds: int) -> float:
    """Ask FTS5 as it comes for the best matches by bm25; return the median milliseconds."""
    sql = "SELECT rowid FROM peer WHERE peer MATCH ? ORDER BY bm25(peer) LIMIT 50"
    random = Random(question.name)
    with closing(sqlite3.connect(path)) as connection:
        return median(_milliseconds(connection, sql, (question.written(random),)) for _ in range(rounds))


def _milliseconds(connection: sqlite3.Connection, sql: str, parameters: tuple[str, ...]) -> float:
    before = time.perf_counter()
    connection.execute(sql, parameters).fetchall()
    return (time.perf_counter() - before) * 1000


async def singles(
    database: Database, index: SqliteSearchIndex, maker: CatalogueGenerator, after: int
) -> list[float]:
    """Write torrents one by one, each with a commit of its own; return the milliseconds of each."""
    took = []
    for number in range(after + 1, after + 1 + SINGLES):
        made = maker.torrent(number)
        before = time.perf_counter()
        await _write(database, index, [made])
        took.append((time.perf_counter() - before) * 1000)
    return took


def sizes(path: Path) -> str:
    """Return how large the database is, and its parts that searches need."""
    sql = "SELECT sum(pgsize) FROM dbstat WHERE name GLOB ?"
    with closing(sqlite3.connect(path)) as connection:
        parts = {
            name: connection.execute(sql, (name,)).fetchone()[0] or 0
            for name in ("search_text*", "search_entry")
        }
        keys = sum(
            connection.execute(sql, (name,)).fetchone()[0] or 0 for name in ("search_key*", "torrent_s*")
        )
        contents = connection.execute(sql, ("contents",)).fetchone()[0] or 0
    return (
        f"database {path.stat().st_size / 1e6:,.0f} MB, of that the index {parts['search_text*'] / 1e6:,.0f} MB, "
        f"what it holds, packed, {parts['search_entry'] / 1e6:,.0f} MB, orders {keys / 1e6:,.0f} MB, "
        f"file lists {contents / 1e6:,.0f} MB"
    )


async def run(folder: Path, torrents: int, rounds: int) -> None:
    """Fill what is not filled yet, ask, print."""
    maker, path, peer = CatalogueGenerator(), folder / "peerage.db", folder / "peer.db"
    kept = peer.exists()
    database = await SqliteDatabase.open(path, PEERAGE, "FULL")
    try:
        index = SqliteSearchIndex(database, CANDIDATES, 10.0)
        if not kept:
            print(await _filled(database, index, maker, torrents, peer) + "\n", flush=True)
        body = []
        for question in questions(maker):
            others = await asyncio.to_thread(_others, path, peer, question) if question.compared else None
            body += [await _answered(index, question, order, rounds, others) for order in question.orders]
    finally:
        await database.close()
    print(table(COLUMNS, body), flush=True)
    print(f"\n{sizes(path)}; FTS5 as it comes {peer.stat().st_size / 1e6:,.0f} MB")


async def _filled(
    database: Database, index: SqliteSearchIndex, maker: CatalogueGenerator, torrents: int, peer: Path
) -> str:
    seconds = await fill(database, index, maker, torrents)
    one = await singles(database, index, maker, torrents)
    async with database.transaction() as transaction:
        gone = range(torrents + 1, torrents + 1 + SINGLES)
        await transaction.run_many("DELETE FROM torrent WHERE id = ?", [(number,) for number in gone])
        await index.drop(transaction, gone)
    peer_seconds = await asyncio.to_thread(fill_peer, peer, maker, torrents)
    return (
        f"{torrents:,} torrents, {torrents / seconds:,.0f} a second with all that belongs to them in batches of "
        f"{BATCH:,} (FTS5 as it comes, its texts alone: {torrents / peer_seconds:,.0f}); one by one, each with "
        f"its own commit: p50 {median(one):.1f} ms, p99 {_late(one):.1f} ms"
    )


def _others(path: Path, peer: Path, question: Question) -> tuple[float, float]:
    return like(path, question, 3), plain(peer, question, 10)


async def _answered(
    index: SqliteSearchIndex,
    question: Question,
    order: SortOrder,
    rounds: int,
    others: tuple[float, float] | None,
) -> list[str]:
    measured = await measure(index, question, order, rounds)
    found, middle = measured.found, median(measured.took)
    cells = [
        f"{found.total:,}" + ("" if found.exact else "+"),
        f"{middle:.2f}",
        f"{_late(measured.took):.2f}",
        f"{_late(measured.used):.2f}",
    ]
    beside = (
        [cell for each in others for cell in (f"{each:.1f}", f"{each / middle:.1f}")] if others else [""] * 4
    )
    return [question.name, order.value, *cells, *beside]


def _late(took: Sequence[float]) -> float:
    return quantiles(took, n=100, method="inclusive")[98]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("torrents", nargs="?", type=int, help="how many there are (default 1,000,000)")
    parser.add_argument("--quick", action="store_true", help="fifty thousand torrents, and fewer rounds")
    parser.add_argument(
        "--rounds", type=int, help="times that each kind is asked in each order (default 200)"
    )
    parser.add_argument("--keep", type=Path, help="a folder for the catalogue, which another run uses again")
    given = parser.parse_args(arguments)
    end_like_ctrl_c()
    torrents = given.torrents or (50_000 if given.quick else 1_000_000)
    print(f"# catalogue_search\n\n{describe()}\n")
    rounds = given.rounds or (40 if given.quick else 200)
    with tempfile.TemporaryDirectory(prefix="bench-search-") as folder:
        asyncio.run(run(given.keep or Path(folder), torrents, rounds))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
