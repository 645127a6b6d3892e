"""The PostgreSQL dialect: compiles SQLAlchemy expressions to text, and spells lists, upserts and hexadecimal."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Float,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    bindparam,
    cast,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect
from sqlalchemy.dialects.postgresql.dml import Insert
from sqlalchemy.sql.functions import Function
from sqlalchemy.types import TypeEngine

from storage.dialect import Statement, make_statements, require_constant
from storage.parameters import bounded_id

if TYPE_CHECKING:
    from storage.dialect import Expression

_TYPES: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (Integer, "bigint"),
    (String, "text"),
    (LargeBinary, "bytea"),
    (Float, "double precision"),
)


class PostgresqlDialect:
    """SQL as PostgreSQL takes it. Lists are arrays."""

    def statements(self, name: str, table: str = "") -> Any:  # noqa: ANN401
        """Make the statements of a class of `storage.statements`."""
        return make_statements(self, name, table)

    def compile(self, expression: "Expression") -> Statement:
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
        return checked == func.any(bindparam(parameter, type_=ARRAY(checked.type)))

    def in_hashes(self, checked: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
        """Return the condition that a column is in a list made by `hashes`."""
        return self.in_list(checked, parameter)

    def hex(self, hashes: ColumnElement[Any]) -> ColumnElement[str]:
        """Return bytes as upper-case hexadecimal digits."""
        return func.upper(func.encode(hashes, "hex"))

    def json_list(self, *columns: ColumnElement[Any]) -> ColumnElement[str]:
        """Return the values of a column over all rows, of several as lists of them, as JSON; NULL for none."""
        each = columns[0] if len(columns) == 1 else func.json_build_array(*columns)
        return cast(func.json_agg(each), Text)

    def ids(self, numbers: Iterable[int]) -> list[int]:
        """Return ids as the parameter of `in_list`; an id that no row can have finds nothing."""
        return [bounded_id(number) for number in numbers]

    def texts(self, names: Iterable[str]) -> list[str]:
        """Return texts as the parameter of `in_list`."""
        return list(names)

    def hashes(self, hashes: Iterable[bytes]) -> list[bytes]:
        """Return hashes of 20 bytes as the parameter of `in_hashes`."""
        return list(hashes)


class _Compiler(PGCompiler):
    """Writes constants into the text, and gives each parameter the type that it is compared with or put into.

    Without one PostgreSQL would guess it, from a number beside it for instance, which it takes for one of 32 bits.
    """

    def visit_bindparam(self, bindparam: BindParameter[Any], *args: Any, **options: Any) -> str:  # noqa: ANN401
        if not bindparam.required:
            options["literal_binds"] = True
            return str(super().visit_bindparam(bindparam, *args, **options))  # type: ignore[no-untyped-call]
        written = str(super().visit_bindparam(bindparam, *args, **options))  # type: ignore[no-untyped-call]
        # What has no type, such as a limit, has one by where it stands.
        return written if bindparam.type._isnull else f"CAST({written} AS {_type_of(bindparam.type)})"

    def visit_max_func(self, func: Function[Any], **options: Any) -> str:  # noqa: ANN401
        written = self.function_argspec(func, **options)
        if not isinstance(func.type, LargeBinary):
            return f"max{written}"
        return f"(array_agg({written} ORDER BY {written} DESC))[1]"  # bytes have no maximum before version 18

    def visit_sum_func(self, func: Function[Any], **options: Any) -> str:  # noqa: ANN401
        # Sums of integers and of products with a fraction are of type numeric, which asyncpg gives as decimals.
        written = f"sum{self.function_argspec(func, **options)}"
        return f"CAST({written} AS {'bigint' if isinstance(func.type, Integer) else 'double precision'})"

    def render_literal_value(self, value: object, type_: Any) -> str:  # noqa: ANN401
        require_constant(value)
        return str(super().render_literal_value(value, type_))  # type: ignore[no-untyped-call]


def _type_of(type_: TypeEngine[Any]) -> str:
    if isinstance(type_, ARRAY):
        return f"{_type_of(type_.item_type)}[]"
    for kind, name in _TYPES:
        if isinstance(type_, kind):
            return name
    raise TypeError(f"{type_!r} is no type of a parameter")


def _compiling_dialect() -> PGDialect:
    dialect = PGDialect(paramstyle="named")  # type: ignore[no-untyped-call]
    dialect.statement_compiler = _Compiler
    dialect._backslash_escapes = False  # as the server says where it is asked
    return dialect
