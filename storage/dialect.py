"""The protocol of a SQL dialect: compiles SQLAlchemy expressions, and spells what engines spell differently."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Insert, Table
from sqlalchemy.sql.elements import ClauseElement

Expression = ClauseElement | Callable[[], ClauseElement]


class Statement:
    """A statement of a store, compiled when it is first run: `str` of it is the SQL."""

    __slots__ = ("_compile", "_text")

    def __init__(self, compiled: Callable[[], str]) -> None:
        self._compile: Callable[[], str] | None = compiled
        self._text = ""

    def __str__(self) -> str:
        """Return the SQL."""
        compiled = self._compile
        if compiled is not None:
            self._text = compiled()
            self._compile = None  # and with it the expression
        return self._text


class SqlDialect(Protocol):
    """A SQL dialect.

    Ids are made by the database: an INSERT that leaves a table's `id` out gets one that no row has had.
    Booleans are the integers 0 and 1, times unix seconds, hashes raw bytes. Texts are compared and sorted by
    code point, and `ilike` folds ASCII letters alone. A list is one parameter, made by `ids`, `texts` or
    `hashes`, of any length.
    """

    def compile(self, expression: Expression) -> Statement:
        """Return an expression as SQL, with `:name` for each `bindparam` without a value.

        An expression may come as a call that makes it, when the statement is first run. A literal value becomes
        part of the text, so it has to be a constant of the program. ValueError, when the statement is first run:
        it is of a kind that only input has; make it a `bindparam`.
        """
        ...

    def upsert(self, table: Table, *changed: str) -> Insert:
        """Insert a row, or change the named columns of the one that has its primary key."""
        ...

    def insert_or_ignore(self, table: Table) -> Insert:
        """Insert a row unless one with its key is there."""
        ...

    def in_list(self, checked: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
        """Return the condition that a column is in a list made by `ids` or `texts`."""
        ...

    def in_hashes(self, checked: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
        """Return the condition that a column is in a list made by `hashes`."""
        ...

    def hex(self, hashes: ColumnElement[Any]) -> ColumnElement[str]:
        """Return bytes as upper-case hexadecimal digits."""
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
