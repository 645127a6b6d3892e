"""The compiled text of the stores' statements: a program that reads it neither builds nor compiles them.

`make statements` writes `statements/compiled.json`, and a test holds it to what that would write.
By class: attribute, and its statement: the SQL of a query, or verb, table and SQL of a change; in lists and objects
where the attribute is one; the names of columns as `{"names": [...]}`.
"""

from functools import cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import msgspec

from storage.dialect import Statement, make_statements
from storage.table_versions import TableChange

if TYPE_CHECKING:
    from storage.dialect import SqlDialect

PATH = Path(__file__).with_name("statements") / "compiled.json"
_PACKAGES = ("storage.statements", "storage.sqlite.statements")
_OF_A_TABLE = "storage.statements.rows.RowStatements"


@cache
def compiled_statements(name: str, table: str = "") -> Any:  # noqa: ANN401
    """Return the statements of a class, of a table where it asks for one; None where they are not compiled.

    They are read once: stores share them, and change nothing of them.
    """
    texts = _texts().get(_key(name, table))
    return SimpleNamespace(**{each: _decoded(value) for each, value in texts.items()}) if texts else None


def compile_all(dialect: "SqlDialect") -> dict[str, dict[str, Any]]:
    """Compile the statements of every class of `storage.statements`."""
    from storage.statements.rows import TABLES  # noqa: PLC0415 - loads SQLAlchemy

    packages = [(each, import_module(each).__path__) for each in _PACKAGES]
    modules = [each.name for package, path in packages for each in iter_modules(path, f"{package}.")]
    named = [(_OF_A_TABLE, table) for table in TABLES]
    for module in modules:
        for each in vars(import_module(module)).values():
            name = f"{module}.{each.__name__}" if isinstance(each, type) else ""
            if name not in ("", _OF_A_TABLE) and each.__module__ == module:
                named.append((name, ""))
    return {
        _key(name, table): {
            attribute: _encoded(value)
            for attribute, value in vars(make_statements(dialect, name, table)).items()
        }
        for name, table in sorted(named)
    }


def as_json(texts: dict[str, dict[str, Any]]) -> bytes:
    """Return compiled statements as the bytes of the file, a line each."""
    return msgspec.json.format(msgspec.json.encode(texts), indent=1) + b"\n"


@cache
def _texts() -> dict[str, dict[str, Any]]:
    return msgspec.json.decode(PATH.read_bytes()) if PATH.exists() else {}


def _key(name: str, table: str) -> str:
    return f"{name}({table})" if table else name


def _encoded(value: Any) -> Any:  # noqa: ANN401
    match value:
        case Statement():
            change = value.change
            return str(value) if change is None else [change.verb, str(change.table), str(value)]
        case dict():
            return {str(name): _encoded(each) for name, each in value.items()}
        case list() | tuple() if all(isinstance(each, str) for each in value):
            return {"names": [str(each) for each in value]}
        case list() | tuple():
            return [_encoded(each) for each in value]
    raise TypeError(f"{value!r} is neither a statement nor names of columns")


def _decoded(value: Any) -> Any:  # noqa: ANN401
    match value:
        case str():
            return Statement.of(value, None)
        case [str(verb), str(table), str(text)]:
            return Statement.of(text, TableChange(verb, table))  # type: ignore[arg-type]
        case {"names": list(names)}:
            return tuple(names)
        case dict():
            return {name: _decoded(each) for name, each in value.items()}
    return [_decoded(each) for each in value]


if __name__ == "__main__":
    from storage.sqlite.dialect import SqliteDialect

    PATH.write_bytes(as_json(compile_all(SqliteDialect())))
