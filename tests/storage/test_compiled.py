"""The compiled text of the stores' statements is what they compile to."""

from storage.dialect import Statement
from storage.sqlite.compiled import PATH, as_json, compile_all
from storage.sqlite.dialect import SqliteDialect

LISTS = "storage.statements.lists.ListStatements"


def test_the_texts_are_those_of_the_statements():
    compiled = as_json(compile_all(SqliteDialect()))
    assert PATH.read_bytes() == compiled, "a statement is another: run make statements"


def test_a_compiled_statement_knows_its_change():
    made = SqliteDialect().statements(LISTS)
    assert isinstance(made.unset, Statement)
    assert str(made.unset).startswith("DELETE FROM entry")
    assert (made.unset.change.verb, made.unset.change.table) == ("delete", "entry")
    assert made.page.change is None


def test_statements_without_texts_are_compiled(monkeypatch):
    expected = str(SqliteDialect().statements(LISTS).page)
    monkeypatch.setattr("storage.sqlite.dialect.compiled_statements", lambda *_: None)
    made = SqliteDialect().statements(LISTS)
    assert type(made).__name__ == "ListStatements"
    assert str(made.page) == expected
