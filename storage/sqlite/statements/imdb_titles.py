"""The statements of the file of IMDb titles."""

from typing import Any

from sqlalchemy import BindParameter, bindparam, func, or_, select
from sqlalchemy.schema import CreateIndex, CreateTable

from storage.dialect import SqlDialect
from storage.tables.titles import title as table

_CANDIDATES = 50


class TitleStatements:
    """The statements of `SqliteImdbTitles` and its drafts."""

    def __init__(self, dialect: SqlDialect) -> None:
        found = select(table.c.number, table.c.title, table.c.original, table.c.year, table.c.series)
        self.get = dialect.compile(found.where(table.c.number == bindparam("number")))
        self.find = dialect.compile(_select_matches())
        self.add = dialect.compile(dialect.insert_or_ignore(table))
        self.count = dialect.compile(select(func.count()).select_from(table))
        self.create_table = dialect.compile(CreateTable(table))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        self.create_indexes = [dialect.compile(CreateIndex(index)) for index in indexes]


def _select_matches() -> Any:  # noqa: ANN401
    """Select matching titles, best first, with the columns that rank them."""
    spelled: BindParameter[str] = bindparam("spelled")
    year: BindParameter[int] = bindparam("year")
    columns = (table.c.number, table.c.title, table.c.original, table.c.year, table.c.series)
    year_distance = func.coalesce(func.min(func.abs(table.c.year - year), 1), 0).label("year_distance")
    by_original = (table.c.spelled != spelled).label("by_original")
    return (
        select(*columns, year_distance, table.c.rank, by_original)
        .where(
            or_(table.c.spelled == spelled, table.c.spelled_original == spelled),
            table.c.series == bindparam("series"),
            or_(year.is_(None), table.c.year.between(bindparam("least"), bindparam("most"))),
        )
        .order_by(year_distance, table.c.rank, by_original, table.c.number)
        .limit(_CANDIDATES)
    )
