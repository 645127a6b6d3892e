"""The statements of webhooks."""

from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from storage.dialect import SqlDialect
from storage.statements.rows import new_row
from storage.tables.webhooks import webhook, webhook_delivery

_FINISHED = ("state", "attempts", "due", "answer")


class WebhookStatements:
    """The statements of `SqlWebhooks`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        table = webhook_delivery
        self.all = compiled(select(webhook).order_by(webhook.c.id))
        self.add = compiled(insert(webhook).values(**new_row(webhook)).returning(webhook.c.id))
        self.remove = compiled(delete(webhook).where(webhook.c.id == bindparam("row")))
        of_webhook, waiting = (
            table.c.webhook_id == bindparam("webhook"),
            table.c.state == bindparam("waiting"),
        )
        self.count_waiting = compiled(select(func.count()).select_from(table).where(of_webhook, waiting))
        self.enqueue = compiled(insert(table).values(**new_row(table)))
        self.due = compiled(
            select(table)
            .where(of_webhook, waiting, table.c.due <= bindparam("now"))
            .order_by(table.c.due, table.c.id)
            .limit(bindparam("limit"))
        )
        self.next = compiled(
            select(func.min(table.c.due)).where(waiting, ~dialect.in_list(table.c.webhook_id, "busy"))
        )
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _FINISHED}
        self.finish = compiled(update(table).where(table.c.id == bindparam("row")).values(values))
        self.page = compiled(
            select(table).order_by(table.c.id.desc()).limit(bindparam("limit")).offset(bindparam("skip"))
        )
        self.count = compiled(select(func.count()).select_from(table))
        self.get = compiled(select(table).where(table.c.id == bindparam("row")))
        ended = table.c.state != bindparam("waiting")
        self.oldest_kept = compiled(
            select(table.c.id).where(ended).order_by(table.c.id.desc()).limit(1).offset(bindparam("keep"))
        )
        self.purge = compiled(delete(table).where(ended, table.c.id <= bindparam("last")))
