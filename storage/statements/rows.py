"""The statements of rows by id, for any table with an `id` column."""

from typing import Any

from sqlalchemy import BindParameter, Table, bindparam, delete, insert, select, update

from storage.dialect import SqlDialect

TABLES = (
    "accounts.account",
    "catalogue.author",
    "catalogue.category",
    "catalogue.tag",
    "catalogue.torrent",
    "catalogue.work",
    "collages.collage",
    "discussion.comment",
    "discussion.news",
    "moderation.log_entry",
    "moderation.report",
)
"""The tables whose rows are read and changed so, by module and name."""


def new_row(table: Table) -> dict[str, BindParameter[Any]]:
    """Return a parameter for each column of a row to insert but `id`, which the database makes."""
    return {column.name: bindparam(column.name) for column in table.columns if column.name != "id"}


def _new_values(table: Table) -> dict[str, BindParameter[Any]]:
    return {column.name: bindparam(f"new_{column.name}") for column in table.columns if column.name != "id"}


class RowStatements:
    """The statements of `TableRows`."""

    def __init__(self, dialect: SqlDialect, table: Table) -> None:
        same = table.c.id == bindparam("row")
        self.names = [column.name for column in table.columns]
        # Most tables are only read: what is not run is never made.
        self.get = dialect.compile(lambda: select(table).where(same))
        self.insert = dialect.compile(lambda: insert(table).values(**new_row(table)).returning(table.c.id))
        self.update = dialect.compile(lambda: update(table).where(same).values(_new_values(table)))
        self.delete = dialect.compile(lambda: delete(table).where(same))
