"""REST operations on the webhooks and their log."""

from dataclasses import dataclass
from typing import Any

from accounts.rights import Right
from actions.webhooks import read_kinds
from catalogue.events import EventKind
from catalogue.webhooks import Delivery, DeliveryState, Webhook
from doors.rest import request_fields
from doors.rest.operation import Listing, Operation, RestContext
from doors.rest.shapes import Time, time


@dataclass(frozen=True, slots=True)
class WebhookShape:
    """A URL that is told of events of some kinds, and the secret by which it checks their signatures."""

    id: int
    url: str
    events: list[EventKind]
    created_at: Time
    secret: str


@dataclass(frozen=True, slots=True)
class DeliveryShape:
    """An event on its way to a webhook: when the next attempt is due, and the status or fault of the last one."""

    id: int
    webhook_id: int
    event: EventKind
    body: str
    created_at: Time
    state: DeliveryState
    attempts: int
    due_at: Time
    answer: str


def _shape(webhook: Webhook, secret: str) -> WebhookShape:
    return WebhookShape(webhook.id, webhook.url, sorted(webhook.events), time(webhook.created), secret)


def _delivery(delivery: Delivery) -> DeliveryShape:
    return DeliveryShape(
        delivery.id,
        delivery.webhook,
        delivery.event,
        delivery.body,
        time(delivery.created),
        delivery.state,
        delivery.attempts,
        time(delivery.due),
        delivery.answer,
    )


async def _list(context: RestContext) -> Listing:
    webhooks = context.services.moderation.webhooks
    found = await webhooks.webhooks(context.principal)
    part = found[context.offset : context.offset + context.per_page]
    return context.listing([_shape(each, webhooks.secret(each)) for each in part], len(found))


async def _add(context: RestContext) -> WebhookShape:
    given: Any = context.body.get("events") or ()
    webhooks = context.services.moderation.webhooks
    return _shape(*await webhooks.add(context.principal, context.body.text("url"), read_kinds(given)))


async def _remove(context: RestContext) -> None:
    await context.services.moderation.webhooks.remove(context.principal, context.id("webhook"))


async def _deliveries(context: RestContext) -> Listing:
    found, total = await context.services.moderation.webhooks.deliveries(
        context.principal, context.offset, context.per_page
    )
    return context.listing([_delivery(each) for each in found], total)


async def _resend(context: RestContext) -> DeliveryShape:
    return _delivery(
        await context.services.moderation.webhooks.send_again(context.principal, context.id("delivery"))
    )


OPERATIONS = (
    Operation(
        "GET",
        "/webhooks",
        "listWebhooks",
        "List the webhooks, oldest first",
        "webhooks",
        _list,
        Right.ACCOUNTS,
        query=request_fields.PAGING,
        answers=WebhookShape,
        many=True,
    ),
    Operation(
        "POST",
        "/webhooks",
        "addWebhook",
        "Have a URL told of events; of all kinds where none is named",
        "webhooks",
        _add,
        Right.ACCOUNTS,
        body=request_fields.WEBHOOK,
        required=("url",),
        answers=WebhookShape,
        status=201,
        refusals=("full",),
    ),
    Operation(
        "DELETE",
        "/webhooks/{webhook}",
        "deleteWebhook",
        "Delete a webhook, and what is on its way to it",
        "webhooks",
        _remove,
        Right.ACCOUNTS,
    ),
    Operation(
        "GET",
        "/deliveries",
        "listDeliveries",
        "List what was sent to webhooks, or waits, newest first",
        "webhooks",
        _deliveries,
        Right.ACCOUNTS,
        query=request_fields.PAGING,
        answers=DeliveryShape,
        many=True,
    ),
    Operation(
        "POST",
        "/deliveries/{delivery}/resend",
        "resendDelivery",
        "Send a delivery again",
        "webhooks",
        _resend,
        Right.ACCOUNTS,
        answers=DeliveryShape,
    ),
)
