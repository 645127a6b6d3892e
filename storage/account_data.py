"""What `peerage.db` keeps of one account, table by table, without secrets."""

import json
from collections.abc import AsyncIterator, Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from accounts.data_export import AccountRecord
from storage.database import Database, Row

if TYPE_CHECKING:
    from storage.statements.account_data import AccountDataStatements

_BATCH = 500
_FLAGS = frozenset({"enabled", "suspended", "anonymous", "hidden", "held", "locked", "paused", "cached"})


class SqlAccountData:
    """An `AccountDataStore` in a SQL database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: AccountDataStatements = database.dialect.statements(
            "storage.statements.account_data.AccountDataStatements"
        )

    async def records(self, user: int) -> AsyncIterator[list[AccountRecord]]:
        """Yield everything in bounded batches, kind by kind, oldest first."""
        for kind, statement in self._sql.pages.items():
            names = self._sql.columns[kind]
            skip = 0
            while rows := await self._database.rows(statement, {"user": user, "limit": _BATCH, "skip": skip}):
                yield [_record(kind, names, row) for row in rows]
                skip += len(rows)


def _record(kind: str, names: Sequence[str], row: Row) -> AccountRecord:
    return {
        "kind": kind,
        **{_name(name): _value(name, value) for name, value in zip(names, row, strict=True)},
    }


def _name(name: str) -> str:
    """Return the name of a column as a record has it: `kind` is the record's own."""
    return {"kind": "of", "work_id": "group", "infohash": "info_hash"}.get(name, name)


def _value(name: str, value: Any) -> object:  # noqa: ANN401 - of a column
    if value is None:
        return None
    if name in _FLAGS:
        return bool(value)
    if name == "address":
        return str(ip_address(value))
    if name == "methods":
        return json.loads(value)
    if name == "tags":
        return value.split("\n") if value else []
    return value.hex() if isinstance(value, bytes) else value
