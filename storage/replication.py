"""How far this node has read the stream of changes, in `swarms.db`."""

from typing import TYPE_CHECKING

from storage.database import Database
from tracker.replication.position import KeptPosition, ShardPosition

if TYPE_CHECKING:
    from storage.statements.replication import PositionStatements


class SqlPositions:
    """The position beside the swarms: it is written after them, so it is never further than they are."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._sql: PositionStatements = database.dialect.statements(
            "storage.statements.replication.PositionStatements"
        )

    async def load(self) -> KeptPosition | None:
        """Return what was saved last, None where nothing was."""
        rows = await self._database.rows(self._sql.positions)
        if not rows or [shard for shard, _, _ in rows] != list(range(len(rows))):
            return None
        shards = [ShardPosition(entry, fresh=False) for _, entry, _ in rows]
        for shard, node, run, sequence in await self._database.rows(self._sql.senders):
            if shard < len(shards):
                shards[shard].sequences[node, run] = sequence
        return KeptPosition(shards, rows[0][2])

    async def forget(self) -> None:
        """Keep none: what the swarms hold may not have been sent, nor all that was sent be in them."""
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.forget_positions)
            await transaction.run(self._sql.forget_senders)

    async def save(self, position: KeptPosition) -> None:
        """Keep a position in place of the last one."""
        positions = [
            {"shard": shard, "entry": each.entry, "sent": position.sent}
            for shard, each in enumerate(position.shards)
        ]
        senders = [
            {"shard": shard, "node": node, "run": run, "sequence": sequence}
            for shard, each in enumerate(position.shards)
            for (node, run), sequence in each.sequences.items()
        ]
        async with self._database.transaction() as transaction:
            await transaction.run(self._sql.forget_positions)
            await transaction.run(self._sql.forget_senders)
            await transaction.run_many(self._sql.add_position, positions)
            if senders:
                await transaction.run_many(self._sql.add_sender, senders)
