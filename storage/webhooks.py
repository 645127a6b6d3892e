"""Webhooks, and what is on its way to them, in `peerage.db`."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from catalogue.events import EventKind
from catalogue.webhooks import Delivery, DeliveryState, Webhook
from storage.database import Database, Row
from storage.parameters import bounded_id
from storage.rows import new_row
from storage.tables.webhooks import webhook, webhook_delivery

_WAITING = DeliveryState.WAITING.value
_FINISHED = ("state", "attempts", "due", "answer")


class SqlWebhooks:
    """A `WebhookStore` in a SQL database."""

    def __init__(self, database: Database) -> None:
        dialect = database.dialect
        compiled = dialect.compile
        table = webhook_delivery
        self._database = database
        self._dialect = dialect
        self._all = compiled(select(webhook).order_by(webhook.c.id))
        self._add = compiled(insert(webhook).values(**new_row(webhook)).returning(webhook.c.id))
        self._remove = compiled(delete(webhook).where(webhook.c.id == bindparam("row")))
        of_webhook, waiting = (
            table.c.webhook_id == bindparam("webhook"),
            table.c.state == bindparam("waiting"),
        )
        self._count_waiting = compiled(select(func.count()).select_from(table).where(of_webhook, waiting))
        self._enqueue = compiled(insert(table).values(**new_row(table)))
        self._due = compiled(
            select(table)
            .where(of_webhook, waiting, table.c.due <= bindparam("now"))
            .order_by(table.c.due, table.c.id)
            .limit(bindparam("limit"))
        )
        self._next = compiled(
            select(func.min(table.c.due)).where(waiting, ~dialect.in_list(table.c.webhook_id, "busy"))
        )
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in _FINISHED}
        self._finish = compiled(update(table).where(table.c.id == bindparam("row")).values(values))
        self._page = compiled(
            select(table).order_by(table.c.id.desc()).limit(bindparam("limit")).offset(bindparam("skip"))
        )
        self._count = compiled(select(func.count()).select_from(table))
        self._get = compiled(select(table).where(table.c.id == bindparam("row")))
        ended = table.c.state != bindparam("waiting")
        self._oldest_kept = compiled(
            select(table.c.id).where(ended).order_by(table.c.id.desc()).limit(1).offset(bindparam("keep"))
        )
        self._purge = compiled(delete(table).where(ended, table.c.id <= bindparam("last")))

    async def webhooks(self) -> list[Webhook]:
        """Return all webhooks, oldest first."""
        return [_webhook(row) for row in await self._database.rows(self._all)]

    async def add(self, url: str, events: frozenset[EventKind], created: int) -> Webhook:
        """Add a webhook."""
        row = {"url": url, "events": " ".join(sorted(events)), "created": created}
        async with self._database.transaction() as transaction:
            ((number,),) = await transaction.rows(self._add, row)
        return Webhook(number, url, events, created)

    async def remove(self, webhook: int) -> bool:
        """Delete a webhook with its deliveries; return whether there was one."""
        async with self._database.transaction() as transaction:
            return await transaction.run(self._remove, {"row": bounded_id(webhook)}) > 0

    async def enqueue(
        self, webhooks: Sequence[int], event: EventKind, body: str, now: int, most: int
    ) -> list[int]:
        """Add a delivery for each webhook that has fewer than `most` waiting; return those that have not."""
        full: list[int] = []
        async with self._database.transaction() as transaction:
            for number in webhooks:
                asked = {"webhook": number, "waiting": _WAITING}
                ((count,),) = await transaction.rows(self._count_waiting, asked)
                if count >= most:
                    full.append(number)
                    continue
                row = {"webhook_id": number, "event": event.value, "body": body, "created": now, "due": now}
                await transaction.run(self._enqueue, row | {"state": _WAITING, "attempts": 0, "answer": ""})
        return full

    async def due(self, webhook: int, now: int, limit: int) -> list[Delivery]:
        """Return deliveries whose next attempt is due, the longest due first."""
        asked = {"webhook": webhook, "waiting": _WAITING, "now": now, "limit": limit}
        return [_delivery(row) for row in await self._database.rows(self._due, asked)]

    async def next_due(self, but: Sequence[int]) -> int | None:
        """Return when the next attempt is due, but of some webhooks; None when nothing waits."""
        asked = {"waiting": _WAITING, "busy": self._dialect.ids(but)}
        ((due,),) = await self._database.rows(self._next, asked)
        return None if due is None else int(due)

    async def finish(self, delivery: Delivery) -> None:
        """Save what became of an attempt: state, attempts, due and answer."""
        values = {f"new_{name}": getattr(delivery, name) for name in _FINISHED}
        async with self._database.transaction() as transaction:
            await transaction.run(
                self._finish, values | {"row": delivery.id, "new_state": delivery.state.value}
            )

    async def deliveries(self, offset: int, limit: int) -> tuple[list[Delivery], int]:
        """Return deliveries, newest first, and how many there are."""
        rows = await self._database.rows(self._page, {"skip": offset, "limit": limit})
        ((count,),) = await self._database.rows(self._count)
        return [_delivery(row) for row in rows], int(count)

    async def delivery(self, number: int) -> Delivery | None:
        """Find a delivery."""
        rows = await self._database.rows(self._get, {"row": bounded_id(number)})
        return _delivery(rows[0]) if rows else None

    async def purge(self, keep: int) -> int:
        """Delete ended deliveries but the newest `keep`; return how many."""
        rows = await self._database.rows(self._oldest_kept, {"waiting": _WAITING, "keep": keep})
        if not rows:
            return 0
        async with self._database.transaction() as transaction:
            return await transaction.run(self._purge, {"waiting": _WAITING, "last": rows[0][0]})


def _webhook(row: Row) -> Webhook:
    number, url, events, created = row
    return Webhook(number, url, frozenset(EventKind(each) for each in events.split()), created)


def _delivery(row: Row) -> Delivery:
    number, webhook_id, event, body, created, state, attempts, due, answer = row
    return Delivery(
        number, webhook_id, EventKind(event), body, created, DeliveryState(state), attempts, due, answer
    )
