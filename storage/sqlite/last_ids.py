"""The last id that each table of SQLite gave, so that none is given again after a move."""

from collections.abc import Mapping

from storage.database import Database, Transaction

_GET = "SELECT name, seq FROM sqlite_sequence"
_SET = "UPDATE sqlite_sequence SET seq = max(seq, :last) WHERE name = :name"
_ADD = (
    "INSERT INTO sqlite_sequence (name, seq) SELECT :name, :last "
    "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)"
)


async def last_ids(database: Database) -> dict[str, int]:
    """Return the last id by table, of those that gave one."""
    return dict(await database.rows(_GET))


async def set_last_ids(transaction: Transaction, numbers: Mapping[str, int]) -> None:
    """Let every table go on after its last id."""
    rows = [{"name": name, "last": last} for name, last in numbers.items()]
    await transaction.run_many(_SET, rows)
    await transaction.run_many(_ADD, rows)
