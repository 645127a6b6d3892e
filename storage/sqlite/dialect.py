"""The SQLite dialect: compiles SQLAlchemy expressions to text, and spells lists, upserts and hexadecimal."""

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Table, column, func, text
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler, SQLiteDialect

from storage.dialect import Expression, Statement, require_constant
from storage.parameters import bounded_id

_HASH_SIZE = 20


class SqliteDialect:
    """SQL as SQLite takes it. Lists are JSON, hashes their bytes joined."""

    def compile(self, expression: Expression) -> Statement:
        """Return an expression as SQL, with `:name` for each `bindparam` without a value."""
        return Statement(expression, lambda made: str(made.compile(dialect=_compiling_dialect())))

    def upsert(self, table: Table, *changed: str) -> Insert:
        """Insert a row, or change the named columns of the one that has its primary key."""
        statement = insert(table)
        return statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_={name: statement.excluded[name] for name in changed},
        )

    def insert_or_ignore(self, table: Table) -> Insert:
        """Insert a row unless one with its key is there."""
        return insert(table).on_conflict_do_nothing()

    def in_list(self, checked: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
        """Return the condition that a column is in a list made by `ids` or `texts`."""
        listed = text(f"SELECT value FROM json_each(:{parameter})")
        return checked.in_(listed.columns(column("value")))

    def in_hashes(self, checked: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
        """Return the condition that a column is in a list made by `hashes`."""
        listed = text(
            "WITH RECURSIVE piece (start) AS ("
            f"SELECT 1 WHERE length(:{parameter}) > 0 UNION ALL "
            f"SELECT start + {_HASH_SIZE} FROM piece WHERE start + {_HASH_SIZE} <= length(:{parameter})"
            f") SELECT substr(:{parameter}, start, {_HASH_SIZE}) FROM piece"
        )
        return checked.in_(listed.columns(column("value")))

    def hex(self, hashes: ColumnElement[Any]) -> ColumnElement[str]:
        """Return bytes as upper-case hexadecimal digits."""
        return func.hex(hashes)

    def json_list(self, *columns: ColumnElement[Any]) -> ColumnElement[str]:
        """Return the values of a column over all rows, of several as lists of them, as JSON; [] for none."""
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


class _Compiler(SQLiteCompiler):
    """Writes constants into the text and leaves parameters to be given with each run."""

    def visit_bindparam(self, bindparam: BindParameter[Any], *args: Any, **options: Any) -> str:  # noqa: ANN401
        if not bindparam.required:
            options["literal_binds"] = True
        return str(super().visit_bindparam(bindparam, *args, **options))  # type: ignore[no-untyped-call]

    def render_literal_value(self, value: object, type_: Any) -> str:  # noqa: ANN401
        require_constant(value)
        return str(super().render_literal_value(value, type_))


def _compiling_dialect() -> SQLiteDialect:
    dialect = SQLiteDialect(paramstyle="named")
    dialect.statement_compiler = _Compiler
    return dialect
