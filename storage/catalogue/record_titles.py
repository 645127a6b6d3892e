"""What records are called now, by their subjects and ids."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from catalogue.model import Subject
from storage.database import Database
from storage.parameters import bounded_id

if TYPE_CHECKING:
    from storage.statements.record_titles import RecordTitleStatements


class RecordTitles:
    """Finds what records are called in a SQL database, a comment by its group."""

    def __init__(self, database: Database) -> None:
        self._database = database
        sql: RecordTitleStatements = database.dialect.statements(
            "storage.statements.record_titles.RecordTitleStatements"
        )
        self._statements = {
            Subject.TORRENT: sql.torrent,
            Subject.GROUP: sql.group,
            Subject.COMMENT: sql.comment,
            Subject.COLLAGE: sql.collage,
            Subject.USER: sql.user,
            Subject.TAG: sql.tag,
            Subject.CATEGORY: sql.category,
            Subject.AUTHOR: sql.author,
            Subject.NEWS: sql.news,
        }

    async def find(self, named: Iterable[tuple[Subject, str]]) -> dict[tuple[Subject, str], str]:
        """Return titles by subject and target; of what is gone, or has no name, there is none."""
        wanted: dict[Subject, set[int]] = {}
        for subject, target in named:
            if subject in self._statements and target.isdecimal():
                wanted.setdefault(subject, set()).add(bounded_id(int(target)))
        found: dict[tuple[Subject, str], str] = {}
        for subject, numbers in wanted.items():
            ids = {"ids": self._database.dialect.ids(sorted(numbers))}
            for number, title in await self._database.rows(self._statements[subject], ids):
                found[subject, str(number)] = title
        return found
