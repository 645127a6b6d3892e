"""Values of the webhooks, and the protocol of their store. Times are unix seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from catalogue.events import EventKind


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL that is told of events of some kinds."""

    id: int
    url: str
    events: frozenset[EventKind]
    created: int


class DeliveryState(StrEnum):
    """Where a delivery is: waiting for its next attempt, taken by the receiver, or given up."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event on its way to a webhook; `body` is what is sent, `answer` the status or why there was none."""

    id: int
    webhook: int
    event: EventKind
    body: str
    created: int
    state: DeliveryState
    attempts: int
    due: int
    answer: str


class WebhookStore(Protocol):
    """Stores webhooks and what is on its way to them; each change is durable when it returns."""

    async def webhooks(self) -> list[Webhook]:
        """Return all webhooks, oldest first."""
        ...

    async def add(self, url: str, events: frozenset[EventKind], created: int) -> Webhook:
        """Add a webhook."""
        ...

    async def remove(self, webhook: int) -> bool:
        """Delete a webhook with its deliveries; return whether there was one."""
        ...

    async def enqueue(
        self, webhooks: Sequence[int], event: EventKind, body: str, now: int, most: int
    ) -> list[int]:
        """Add a delivery for each webhook that has fewer than `most` waiting; return those that have not."""
        ...

    async def due(self, webhook: int, now: int, limit: int) -> list[Delivery]:
        """Return deliveries whose next attempt is due, the longest due first."""
        ...

    async def next_due(self, but: Sequence[int]) -> int | None:
        """Return when the next attempt is due, but of some webhooks; None when nothing waits."""
        ...

    async def finish(self, delivery: Delivery) -> None:
        """Save what became of an attempt: state, attempts, due and answer."""
        ...

    async def deliveries(self, offset: int, limit: int) -> tuple[list[Delivery], int]:
        """Return deliveries, newest first, and how many there are."""
        ...

    async def delivery(self, number: int) -> Delivery | None:
        """Find a delivery."""
        ...

    async def purge(self, keep: int) -> int:
        """Delete ended deliveries but the newest `keep`; return how many."""
        ...
