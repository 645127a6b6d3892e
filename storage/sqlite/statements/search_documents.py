"""The statements of search documents."""

from sqlalchemy import delete, select

from storage.dialect import SqlDialect
from storage.sqlite.search.tables import search_entry, search_key
from storage.statements.search_documents import select_documents


class SearchDocumentStatements:
    """The statements of `SearchIndexUpdater`."""

    def __init__(self, dialect: SqlDialect) -> None:
        query = select_documents(dialect)
        self.names = list(query.selected_columns.keys())
        self.read = dialect.compile(query)
        self.stored = dialect.compile(
            select(search_entry.c.id, search_entry.c.packed).where(dialect.in_list(search_entry.c.id, "ids"))
        )
        self.put_entry = dialect.compile(dialect.upsert(search_entry, "packed"))
        self.put_key = dialect.compile(dialect.upsert(search_key, "title", "year", "hidden"))
        self.delete_rows = [
            dialect.compile(delete(table).where(dialect.in_list(table.c.id, "ids")))
            for table in (search_entry, search_key)
        ]
