"""The statements that delete what is kept for a time."""

from sqlalchemy import BindParameter, bindparam, delete, update

from catalogue.webhooks import DeliveryState
from storage.dialect import SqlDialect
from storage.tables.accounts import session
from storage.tables.moderation import log_entry, report
from storage.tables.webhooks import webhook_delivery


class RetentionStatements:
    """The statements of `SqlRetention`."""

    def __init__(self, dialect: SqlDialect) -> None:
        compiled = dialect.compile
        before: BindParameter[int] = bindparam("before")
        self.addresses = compiled(
            update(session)
            .where(session.c.created < before, session.c.address.is_not(None))
            .values(address=None)
        )
        self.log = compiled(delete(log_entry).where(log_entry.c.time < before))
        self.reports = compiled(delete(report).where(report.c.resolved < before))
        waiting = webhook_delivery.c.state == DeliveryState.WAITING.value
        self.deliveries = compiled(
            delete(webhook_delivery).where(webhook_delivery.c.created < before, ~waiting)
        )
