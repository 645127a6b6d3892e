"""IMDb titles in `titles.db`, a read-only SQLite file that each import replaces.

It is a SQLite file whatever database holds the records: an index of a public list, made on this machine.
Titles can be imported again, so a file that cannot be read is logged and counts as empty.
"""

import asyncio
import os
import re
import sqlite3
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import structlog

from bittorrent.refusal import Refusal
from catalogue.imdb_titles import ImdbTitle
from storage.fsync import fsync_directory
from storage.sqlite.dialect import SqliteDialect

if TYPE_CHECKING:
    from storage.sqlite.statements.imdb_titles import TitleStatements

_VERSION = 1
_LONGEST = 500
_LARGEST = 2**63 - 1
# What SQLite may keep in memory of a file that is written, in KiB.
_CACHE_KIB = 16 * 2**10

_APOSTROPHES = re.compile("['`\u2018\u2019\u02bc\u0300-\u036f]")
_BETWEEN_WORDS = re.compile(r"[\W_]+")

log = structlog.get_logger()


class ImportedTitle(Protocol):
    """A title and its rank: of two that match, the one of the smaller rank is likelier."""

    @property
    def title(self) -> ImdbTitle:
        """The title."""

    @property
    def rank(self) -> int:
        """Its rank."""


def normalize_title(title: str) -> str:
    """Return a title without case, accents and punctuation, the key that `find` compares."""
    text = title[:_LONGEST].replace("&", " and ")
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
    return _BETWEEN_WORDS.sub(" ", _APOSTROPHES.sub("", text).casefold()).strip()


class SqliteImdbTitles:
    """The titles at a path. `floor` is the bytes of disk that an import leaves free."""

    def __init__(self, path: Path, floor: int) -> None:
        self._path = path
        self._floor = floor
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._sql = _statements()

    @classmethod
    async def open(cls, path: Path, floor: int) -> Self:
        """Open the file at a path; a missing one counts as empty."""
        titles = cls(path, floor)
        await titles.renew()
        return titles

    async def find(self, title: str, year: int | None, series: bool) -> ImdbTitle | None:
        """Find a film or series: the match closest in year, then of the smallest rank, then by main title.

        A film's year may be off by one, and a series may be older. None where two match equally well.
        """
        if self._connection is None:
            return None  # which most services have not imported: no thread is worth it
        spelled = normalize_title(title)
        if not spelled or (year is not None and not 0 < year < 10_000):
            return None
        bounds = {"least": 0 if series else (year or 0) - 1, "most": (year or 0) + 1}
        wanted = {"spelled": spelled, "series": int(series), "year": year, **bounds}
        rows = await asyncio.to_thread(self._rows, str(self._sql.find), wanted)
        best = [row for row in rows if row[5:] == rows[0][5:]]
        return _title(best[0]) if len(best) == 1 else None

    async def get(self, number: int) -> ImdbTitle | None:
        """Find a title by its number at IMDb."""
        if not 0 < number <= _LARGEST:
            return None
        rows = await asyncio.to_thread(self._rows, str(self._sql.get), {"number": number})
        return _title(rows[0]) if rows else None

    def draft(self) -> "ImdbTitlesDraft":
        """Begin a file that replaces this one once it is finished."""
        return ImdbTitlesDraft(self._path, self._floor)

    async def renew(self) -> None:
        """Open the file that is at the path now."""
        await asyncio.to_thread(self._renew)

    async def close(self) -> None:
        """Close the file; nothing is found from now on."""
        await asyncio.to_thread(self._swap, None)

    def _renew(self) -> None:
        try:
            self._swap(_open_finished(self._path))
        except sqlite3.DatabaseError as error:
            log.warning("titles.unusable", path=str(self._path), error=str(error), remedy="import them again")
            self._swap(None)

    def _swap(self, connection: sqlite3.Connection | None) -> None:
        with self._lock:
            before, self._connection = self._connection, connection
            if before is not None:
                before.close()

    def _rows(self, sql: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        with self._lock:
            if self._connection is None:
                return []
            try:
                return self._connection.execute(sql, parameters).fetchall()
            except sqlite3.DatabaseError as error:
                log.warning("titles.no_answer", path=str(self._path), error=str(error))
                return []


class ImdbTitlesDraft:
    """A new file being written beside the one in use; for one thread at a time."""

    def __init__(self, path: Path, floor: int) -> None:
        self._path = path
        self._new_path = path.with_name(f".{path.name}.new")
        self._floor = floor
        self._finished = False
        self._sql = _statements()
        self._new_path.unlink(missing_ok=True)
        self._connection = sqlite3.connect(self._new_path, isolation_level=None, check_same_thread=False)
        # A half-written file is deleted after a failure, so no rollback and no fsync before the end.
        for pragma in ("journal_mode = OFF", "synchronous = OFF", f"cache_size = -{_CACHE_KIB}"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("BEGIN")
        self._connection.execute(str(self._sql.create_table))

    def add(self, listed: Sequence[ImportedTitle]) -> None:
        """Add titles; of a number that comes twice, the first counts. Refusal: `disk-full`."""
        self._check_free_space(0)
        self._run_many([_row(each.title, each.rank) for each in listed])

    def finish(self) -> int:
        """Replace the file in use, durably; return the number of titles. Refusal: `disk-full`."""
        # The indexes are no larger than the rows, and sorting them takes as much again.
        self._check_free_space(2 * self._new_path.stat().st_size)
        try:
            for statement in self._sql.create_indexes:
                self._connection.execute(str(statement))
            ((count,),) = self._connection.execute(str(self._sql.count))
            self._connection.execute(f"PRAGMA user_version = {_VERSION}")
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise _full(error) from error
        self._connection.close()
        with self._new_path.open("rb") as file:
            os.fsync(file.fileno())
        self._new_path.rename(self._path)
        fsync_directory(self._path.parent)
        self._finished = True
        return int(count)

    def abandon(self) -> None:
        """Delete the new file, unless it is finished; may be called twice."""
        self._connection.close()
        if not self._finished:
            self._new_path.unlink(missing_ok=True)

    def _run_many(self, rows: Sequence[Mapping[str, Any]]) -> None:
        try:
            self._connection.executemany(str(self._sql.add), rows)
        except sqlite3.OperationalError as error:
            raise _full(error) from error

    def _check_free_space(self, wanted: int) -> None:
        disk = os.statvfs(self._path.parent)
        if disk.f_bavail * disk.f_frsize - wanted < self._floor:
            raise Refusal("disk-full")


def _statements() -> "TitleStatements":
    made: TitleStatements = SqliteDialect().statements(
        "storage.sqlite.statements.imdb_titles.TitleStatements"
    )
    return made


def _open_finished(path: Path) -> sqlite3.Connection | None:
    """Open a finished file; None where there is none. sqlite3.DatabaseError: it is damaged, or of another version."""
    if not path.exists():
        return None
    # The file is replaced, never changed.
    address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    connection = sqlite3.connect(address, uri=True, check_same_thread=False)
    try:
        if connection.execute("PRAGMA user_version").fetchone() != (_VERSION,):
            raise sqlite3.DatabaseError("it is of another version")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def _row(title: ImdbTitle, rank: int) -> dict[str, Any]:
    spelled, original = normalize_title(title.title), normalize_title(title.original)
    return {
        "number": title.number,
        "title": title.title,
        "original": title.original,
        "year": title.year,
        "series": int(title.series),
        "rank": rank,
        "spelled": spelled,
        "spelled_original": original if original != spelled else None,
    }


def _title(row: tuple[Any, ...]) -> ImdbTitle:
    number, title, original, year, series = row[:5]
    return ImdbTitle(number, title, original, year, bool(series))


def _full(error: sqlite3.OperationalError) -> Exception:
    return Refusal("disk-full") if error.sqlite_errorcode == sqlite3.SQLITE_FULL else error
