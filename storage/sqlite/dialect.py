"""The SQLite dialect: makes statements, and spells lists, upserts and hexadecimal.

SQLAlchemy is loaded where an expression is made: the stores' statements are compiled before, and mostly none is.
"""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from storage.dialect import Statement, make_statements
from storage.parameters import bounded_id
from storage.sqlite.compiled import compiled_statements

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Table
    from sqlalchemy.dialects.sqlite import Insert

    from storage.dialect import Expression

_HASH_SIZE = 20


class SqliteDialect:
    """SQL as SQLite takes it. Lists are JSON, hashes their bytes joined."""

    def statements(self, name: str, table: str = "") -> Any:  # noqa: ANN401
        """Return the statements of a class of `storage.statements`, as they were compiled before where they were."""
        return compiled_statements(name, table) or make_statements(self, name, table)

    def compile(self, expression: "Expression") -> Statement:
        """Return an expression as SQL, with `:name` for each `bindparam` without a value."""
        from storage.sqlite.compiler import compile_expression  # noqa: PLC0415 - loads SQLAlchemy

        return Statement(expression, compile_expression)

    def upsert(self, table: "Table", *changed: str) -> "Insert":
        """Insert a row, or change the named columns of the one that has its primary key."""
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415 - as above

        statement = insert(table)
        return statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_={name: statement.excluded[name] for name in changed},
        )

    def insert_or_ignore(self, table: "Table") -> "Insert":
        """Insert a row unless one with its key is there."""
        from sqlalchemy.dialects.sqlite import insert  # noqa: PLC0415 - as above

        return insert(table).on_conflict_do_nothing()

    def in_list(self, checked: "ColumnElement[Any]", parameter: str) -> "ColumnElement[bool]":
        """Return the condition that a column is in a list made by `ids` or `texts`."""
        from sqlalchemy import column, text  # noqa: PLC0415 - as above

        listed = text(f"SELECT value FROM json_each(:{parameter})")
        return checked.in_(listed.columns(column("value")))

    def in_hashes(self, checked: "ColumnElement[Any]", parameter: str) -> "ColumnElement[bool]":
        """Return the condition that a column is in a list made by `hashes`."""
        from sqlalchemy import column, text  # noqa: PLC0415 - as above

        listed = text(
            "WITH RECURSIVE piece (start) AS ("
            f"SELECT 1 WHERE length(:{parameter}) > 0 UNION ALL "
            f"SELECT start + {_HASH_SIZE} FROM piece WHERE start + {_HASH_SIZE} <= length(:{parameter})"
            f") SELECT substr(:{parameter}, start, {_HASH_SIZE}) FROM piece"
        )
        return checked.in_(listed.columns(column("value")))

    def hex(self, hashes: "ColumnElement[Any]") -> "ColumnElement[str]":
        """Return bytes as upper-case hexadecimal digits."""
        from sqlalchemy import func  # noqa: PLC0415 - as above

        return func.hex(hashes)

    def json_list(self, *columns: "ColumnElement[Any]") -> "ColumnElement[str]":
        """Return the values of a column over all rows, of several as lists of them, as JSON; [] for none."""
        from sqlalchemy import func  # noqa: PLC0415 - as above

        return func.json_group_array(columns[0] if len(columns) == 1 else func.json_array(*columns))

    def ids(self, numbers: Iterable[int]) -> str:
        """Return ids as the parameter of `in_list`; an id that no row can have finds nothing."""
        return json.dumps([bounded_id(number) for number in numbers])

    def texts(self, names: Iterable[str]) -> str:
        """Return texts as the parameter of `in_list`."""
        return json.dumps(list(names))

    def hashes(self, hashes: Iterable[bytes]) -> bytes:
        """Return hashes of 20 bytes as the parameter of `in_hashes`."""
        return b"".join(hashes)
