"""The SQLite dialect: compiles SQLAlchemy expressions to text, and what other databases spell differently."""

from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Table, bindparam, column, func, text
from sqlalchemy.dialects.sqlite import Insert, insert
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler, SQLiteDialect
from sqlalchemy.sql.elements import ClauseElement

_LONGEST_CONSTANT = 100


def compile_sql(expression: ClauseElement) -> str:
    """Return the SQL of an expression, in which each `bindparam` without a value is `:name`.

    A literal value becomes part of the text, so it has to be a constant of the program. ValueError: it is of a
    kind that only input has; make it a `bindparam`.
    """
    return str(expression.compile(dialect=_dialect()))


def upsert(table: Table, *changed: str) -> Insert:
    """Insert a row, or change the named columns of the one that has its primary key."""
    statement = insert(table)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns),
        set_={name: statement.excluded[name] for name in changed},
    )


def insert_or_ignore(table: Table) -> Insert:
    """Insert a row unless one with its key is there."""
    return insert(table).on_conflict_do_nothing()


def in_list(checked: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """Return the condition that a column is in a list of numbers or texts, passed as one JSON parameter."""
    listed = text(f"SELECT value FROM json_each(:{parameter})")  # noqa: S608
    return checked.in_(listed.columns(column("value")))


def in_hashes(checked: ColumnElement[Any], parameter: str, size: int = 20) -> ColumnElement[bool]:
    """Return the condition that a column is in a list of hashes, passed as one parameter: their bytes joined."""
    listed = text(
        "WITH RECURSIVE piece (start) AS ("  # noqa: S608
        f"SELECT 1 WHERE length(:{parameter}) > 0 "
        f"UNION ALL SELECT start + {size:d} FROM piece WHERE start + {size:d} <= length(:{parameter})"
        f") SELECT substr(:{parameter}, start, {size:d}) FROM piece"
    )
    return checked.in_(listed.columns(column("value")))


def hex_of(hashes: ColumnElement[Any]) -> ColumnElement[str]:
    """Return bytes as upper-case hexadecimal digits."""
    return func.hex(hashes)


def parameter(name: str) -> BindParameter[Any]:
    """Return a required parameter, `:name` in the SQL."""
    return bindparam(name)


class _Compiler(SQLiteCompiler):
    """Writes constants into the text and leaves parameters to be given with each run."""

    def visit_bindparam(self, bindparam: BindParameter[Any], *args: Any, **options: Any) -> str:  # noqa: ANN401
        if not bindparam.required:
            options["literal_binds"] = True
        return str(super().visit_bindparam(bindparam, *args, **options))  # type: ignore[no-untyped-call]

    def render_literal_value(self, value: object, type_: Any) -> str:  # noqa: ANN401
        if not _is_constant(value):
            raise ValueError(f"{value!r} is no constant of the program: make it a parameter")
        return str(super().render_literal_value(value, type_))


def _is_constant(value: object) -> bool:
    if isinstance(value, str):
        return (
            value.isascii() and value.isprintable() and len(value) <= _LONGEST_CONSTANT and "'" not in value
        )
    return value is None or isinstance(value, int | float)


def _dialect() -> SQLiteDialect:
    dialect = SQLiteDialect(paramstyle="named")
    dialect.statement_compiler = _Compiler
    return dialect
