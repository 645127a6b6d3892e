"""Webhooks, and what is on its way to them, in `peerage.db`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from catalogue.events import EventKind
from catalogue.webhooks import Delivery, DeliveryState, Webhook
from storage.database import Database, Row
from storage.parameters import bounded_id

if TYPE_CHECKING:
    from storage.statements.webhooks import WebhookStatements


_WAITING = DeliveryState.WAITING.value
_FINISHED = ("state", "attempts", "due", "answer")


class SqlWebhooks:
    """A `WebhookStore` in a SQL database."""

    def __init__(self, database: Database) -> None:
        self._sql: WebhookStatements = database.dialect.statements(
            "storage.statements.webhooks.WebhookStatements"
        )
        self._database = database
        self._dialect = database.dialect

    async def webhooks(self) -> list[Webhook]:
        """Return all webhooks, oldest first."""
        return [_webhook(row) for row in await self._database.rows(self._sql.all)]

    async def add(self, url: str, events: frozenset[EventKind], created: int) -> Webhook:
        """Add a webhook."""
        row = {"url": url, "events": " ".join(sorted(events)), "created": created}
        async with self._database.transaction() as transaction:
            ((number,),) = await transaction.rows(self._sql.add, row)
        return Webhook(number, url, events, created)

    async def remove(self, webhook: int) -> bool:
        """Delete a webhook with its deliveries; return whether there was one."""
        async with self._database.transaction() as transaction:
            return await transaction.run(self._sql.remove, {"row": bounded_id(webhook)}) > 0

    async def enqueue(
        self, webhooks: Sequence[int], event: EventKind, body: str, now: int, most: int
    ) -> list[int]:
        """Add a delivery for each webhook that has fewer than `most` waiting; return those that have not."""
        full: list[int] = []
        async with self._database.transaction() as transaction:
            for number in webhooks:
                asked = {"webhook": number, "waiting": _WAITING}
                ((count,),) = await transaction.rows(self._sql.count_waiting, asked)
                if count >= most:
                    full.append(number)
                    continue
                row = {"webhook_id": number, "event": event.value, "body": body, "created": now, "due": now}
                await transaction.run(
                    self._sql.enqueue, row | {"state": _WAITING, "attempts": 0, "answer": ""}
                )
        return full

    async def due(self, webhook: int, now: int, limit: int) -> list[Delivery]:
        """Return deliveries whose next attempt is due, the longest due first."""
        asked = {"webhook": webhook, "waiting": _WAITING, "now": now, "limit": limit}
        return [_delivery(row) for row in await self._database.rows(self._sql.due, asked)]

    async def next_due(self, but: Sequence[int]) -> int | None:
        """Return when the next attempt is due, but of some webhooks; None when nothing waits."""
        asked = {"waiting": _WAITING, "busy": self._dialect.ids(but)}
        ((due,),) = await self._database.rows(self._sql.next, asked)
        return None if due is None else int(due)

    async def finish(self, delivery: Delivery) -> None:
        """Save what became of an attempt: state, attempts, due and answer."""
        values = {f"new_{name}": getattr(delivery, name) for name in _FINISHED}
        async with self._database.transaction() as transaction:
            await transaction.run(
                self._sql.finish, values | {"row": delivery.id, "new_state": delivery.state.value}
            )

    async def deliveries(self, offset: int, limit: int) -> tuple[list[Delivery], int]:
        """Return deliveries, newest first, and how many there are."""
        rows = await self._database.rows(self._sql.page, {"skip": offset, "limit": limit})
        ((count,),) = await self._database.rows(self._sql.count)
        return [_delivery(row) for row in rows], int(count)

    async def delivery(self, number: int) -> Delivery | None:
        """Find a delivery."""
        rows = await self._database.rows(self._sql.get, {"row": bounded_id(number)})
        return _delivery(rows[0]) if rows else None

    async def purge(self, keep: int) -> int:
        """Delete ended deliveries but the newest `keep`; return how many."""
        rows = await self._database.rows(self._sql.oldest_kept, {"waiting": _WAITING, "keep": keep})
        if not rows:
            return 0
        async with self._database.transaction() as transaction:
            return await transaction.run(self._sql.purge, {"waiting": _WAITING, "last": rows[0][0]})


def _webhook(row: Row) -> Webhook:
    number, url, events, created = row
    return Webhook(number, url, frozenset(EventKind(each) for each in events.split()), created)


def _delivery(row: Row) -> Delivery:
    number, webhook_id, event, body, created, state, attempts, due, answer = row
    return Delivery(
        number, webhook_id, EventKind(event), body, created, DeliveryState(state), attempts, due, answer
    )
