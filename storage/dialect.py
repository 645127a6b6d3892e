"""The protocol of a SQL dialect: compiles SQLAlchemy expressions, and spells what engines spell differently."""

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, Self

from storage.table_versions import TableChange, Verb

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Insert, Table
    from sqlalchemy.sql.elements import ClauseElement

    Expression = ClauseElement | Callable[[], ClauseElement]

_READING = ("SELECT", "PRAGMA")
_LONGEST_CONSTANT = 100


class Statement:
    """A statement of a store, compiled when it is first run: `str` of it is the SQL."""

    __slots__ = ("_change", "_compile", "_text")

    def __init__(self, expression: "Expression", compiled: "Callable[[ClauseElement], str]") -> None:
        self._compile: tuple[Expression, Callable[[ClauseElement], str]] | None = (expression, compiled)
        self._text = ""
        self._change: TableChange | None = None

    @classmethod
    def of(cls, text: str, change: TableChange | None) -> Self:
        """Return a statement whose SQL is known."""
        statement = cls.__new__(cls)
        statement._compile, statement._text, statement._change = None, text, change
        return statement

    def __str__(self) -> str:
        """Return the SQL."""
        compiling = self._compile  # another thread may be done meanwhile
        if compiling is not None:
            from sqlalchemy.sql.elements import ClauseElement  # noqa: PLC0415 - where nothing was compiled before

            made, compiled = compiling
            expression = made if isinstance(made, ClauseElement) else made()
            self._text, self._change = compiled(expression), _change_of(expression)
            self._compile = None  # and with it the expression
        return self._text

    @property
    def change(self) -> TableChange | None:
        """What it does to a table, None for a query."""
        str(self)
        return self._change


def changes_made(sql: str | Statement) -> tuple[TableChange | None, ...]:
    """Return what running this changes: nothing, what is known of a statement, or for other SQL None, anything."""
    if isinstance(sql, Statement):
        return () if sql.change is None else (sql.change,)
    return () if sql.lstrip().upper().startswith(_READING) else (None,)


def make_statements(dialect: "SqlDialect", name: str, table: str = "") -> Any:  # noqa: ANN401
    """Make the statements of a class, `storage.statements.MODULE.CLASS`; of a `table`, MODULE.NAME, where it asks."""
    module, _, kind = name.rpartition(".")
    declared = getattr(import_module(module), kind)
    if not table:
        return declared(dialect)
    subject, _, named = table.partition(".")
    return declared(dialect, getattr(import_module(f"storage.tables.{subject}"), named))


def require_constant(value: object) -> None:
    """Refuse a value that would become part of a statement's text. ValueError: it is of a kind that only input has."""
    if isinstance(value, str):
        fits = (
            value.isascii() and value.isprintable() and len(value) <= _LONGEST_CONSTANT and "'" not in value
        )
    else:
        fits = value is None or isinstance(value, int | float)
    if not fits:
        raise ValueError(f"{value!r} is no constant of the program: make it a parameter")


def _change_of(expression: "ClauseElement") -> TableChange | None:
    from sqlalchemy import Delete, Insert, Table, Update  # noqa: PLC0415 - as above

    verb: Verb
    match expression:
        case Insert():
            verb = "insert"
        case Update():
            verb = "update"
        case Delete():
            verb = "delete"
        case _:
            return None
    assert isinstance(expression.table, Table)
    return TableChange(verb, expression.table.name)


class SqlDialect(Protocol):
    """A SQL dialect.

    Ids are made by the database: an INSERT that leaves a table's `id` out gets one that no row has had.
    Booleans are the integers 0 and 1, times unix seconds, hashes raw bytes. Texts are compared and sorted by
    code point, and `ilike` folds ASCII letters alone. A list is one parameter, made by `ids`, `texts` or
    `hashes`, of any length.
    """

    def statements(self, name: str, table: str = "") -> Any:  # noqa: ANN401
        """Return the statements of a class of `storage.statements`, by its full name; of a table where it asks for one.

        What is returned has the attributes of that class, and need not be one.
        """
        ...

    def compile(self, expression: "Expression") -> Statement:
        """Return an expression as SQL, with `:name` for each `bindparam` without a value.

        An expression may come as a call that makes it, when the statement is first run. A literal value becomes
        part of the text, so it has to be a constant of the program. ValueError, when the statement is first run:
        it is of a kind that only input has; make it a `bindparam`.
        """
        ...

    def upsert(self, table: "Table", *changed: str) -> "Insert":
        """Insert a row, or change the named columns of the one that has its primary key."""
        ...

    def insert_or_ignore(self, table: "Table") -> "Insert":
        """Insert a row unless one with its key is there."""
        ...

    def in_list(self, checked: "ColumnElement[Any]", parameter: str) -> "ColumnElement[bool]":
        """Return the condition that a column is in a list made by `ids` or `texts`."""
        ...

    def in_hashes(self, checked: "ColumnElement[Any]", parameter: str) -> "ColumnElement[bool]":
        """Return the condition that a column is in a list made by `hashes`."""
        ...

    def hex(self, hashes: "ColumnElement[Any]") -> "ColumnElement[str]":
        """Return bytes as upper-case hexadecimal digits."""
        ...

    def json_list(self, *columns: "ColumnElement[Any]") -> "ColumnElement[str]":
        """Return the values of a column over all rows, of several as lists of them, as JSON; NULL or [] for none."""
        ...

    def ids(self, numbers: Iterable[int]) -> object:
        """Return ids as the parameter of `in_list`; an id that no row can have finds nothing."""
        ...

    def texts(self, names: Iterable[str]) -> object:
        """Return texts as the parameter of `in_list`."""
        ...

    def hashes(self, hashes: Iterable[bytes]) -> object:
        """Return hashes of 20 bytes as the parameter of `in_hashes`."""
        ...
