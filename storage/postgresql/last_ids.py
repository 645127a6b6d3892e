"""The last id that each table of PostgreSQL gave, so that none is given again after a move."""

from collections.abc import Mapping

from storage.database import Database, Transaction

_TABLES = """
    SELECT table_name, pg_get_serial_sequence(quote_ident(table_name), 'id') FROM information_schema.columns
    WHERE table_schema = current_schema() AND column_name = 'id' AND column_default LIKE 'nextval(%'
"""
_GET = "SELECT coalesce(pg_sequence_last_value(CAST(:name AS text)::regclass), 0)"
_SET = "SELECT setval(CAST(:name AS text)::regclass, greatest(CAST(:last AS bigint), 1), CAST(:last AS bigint) > 0)"


async def last_ids(database: Database) -> dict[str, int]:
    """Return the last id by table, of those that gave one."""
    found = {}
    for table, sequence in await database.rows(_TABLES):
        ((found[table],),) = await database.rows(_GET, {"name": sequence})
    return {table: last for table, last in found.items() if last}


async def set_last_ids(transaction: Transaction, numbers: Mapping[str, int]) -> None:
    """Let every table go on after its last id."""
    for table, sequence in await transaction.rows(_TABLES):
        await transaction.rows(_SET, {"name": sequence, "last": numbers.get(table, 0)})
