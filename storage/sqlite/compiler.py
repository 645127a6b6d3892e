"""Compiles SQLAlchemy expressions to the text that SQLite takes."""

from typing import Any

from sqlalchemy import BindParameter
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler, SQLiteDialect
from sqlalchemy.sql.elements import ClauseElement

from storage.dialect import require_constant


def compile_expression(expression: ClauseElement) -> str:
    """Return an expression as SQL, with `:name` for each parameter. ValueError: a value in it is no constant."""
    dialect = SQLiteDialect(paramstyle="named")
    dialect.statement_compiler = _Compiler
    return str(expression.compile(dialect=dialect))


class _Compiler(SQLiteCompiler):
    """Writes constants into the text and leaves parameters to be given with each run."""

    def visit_bindparam(self, bindparam: BindParameter[Any], *args: Any, **options: Any) -> str:  # noqa: ANN401
        if not bindparam.required:
            options["literal_binds"] = True
        return str(super().visit_bindparam(bindparam, *args, **options))  # type: ignore[no-untyped-call]

    def render_literal_value(self, value: object, type_: Any) -> str:  # noqa: ANN401
        require_constant(value)
        return str(super().render_literal_value(value, type_))
