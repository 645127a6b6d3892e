"""The statements of the position in the stream."""

from sqlalchemy import delete, insert, select

from storage.dialect import SqlDialect
from storage.statements.rows import new_row
from storage.tables.replication import stream_position, stream_sender


class PositionStatements:
    """The statements of `SqlPositions`."""

    def __init__(self, dialect: SqlDialect) -> None:
        position, sender = stream_position.c, stream_sender.c
        self.positions = dialect.compile(
            select(position.shard, position.entry, position.sent).order_by(position.shard)
        )
        self.senders = dialect.compile(
            select(sender.shard, sender.node, sender.run, sender.sequence).order_by(
                sender.shard, sender.node, sender.run
            )
        )
        self.forget_positions = dialect.compile(delete(stream_position))
        self.forget_senders = dialect.compile(delete(stream_sender))
        self.add_position = dialect.compile(insert(stream_position).values(**new_row(stream_position)))
        self.add_sender = dialect.compile(insert(stream_sender).values(**new_row(stream_sender)))
