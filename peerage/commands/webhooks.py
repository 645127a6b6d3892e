"""Commands for who is told of what happens: webhook list, add, remove, test, log, resend."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import click

from catalogue.events import EventKind
from peerage.commands.command import Command
from peerage.commands.terminal import day, moment, print_each, print_line

if TYPE_CHECKING:
    from accounts.model import Principal
    from catalogue.webhooks import Delivery, Webhook
    from peerage.wiring.application import Application

WebhookId = Annotated[int, click.Argument(["webhook"], metavar="ID", type=click.IntRange(min=1))]


@dataclass(frozen=True, slots=True)
class ListWebhooks:
    """Show every webhook: its number, URL and events."""


@dataclass(frozen=True, slots=True)
class AddWebhook:
    """Add a webhook; the last line that is printed is the secret that signs what it is sent."""

    url: Annotated[str, click.Argument(["url"], metavar="URL")]
    events: Annotated[
        tuple[str, ...],
        click.Option(
            ["--event", "events"],
            multiple=True,
            type=click.Choice([each.value for each in EventKind]),
            help="What it is told of; repeatable. [default: everything]",
        ),
    ] = ()


@dataclass(frozen=True, slots=True)
class RemoveWebhook:
    """Remove a webhook, and what is on its way to it."""

    webhook: WebhookId


@dataclass(frozen=True, slots=True)
class TestWebhook:
    """Send a webhook a test event now, and show what it answers; the exit status is 1 where it does not take it."""

    webhook: WebhookId


@dataclass(frozen=True, slots=True)
class ListDeliveries:
    """Show what was sent, the newest first."""

    limit: Annotated[
        int,
        click.Option(
            ["--limit"], type=click.IntRange(1, 1000), default=50, help="Lines at most. [default: 50]"
        ),
    ] = 50


@dataclass(frozen=True, slots=True)
class ResendDelivery:
    """Send something again."""

    delivery: Annotated[int, click.Argument(["delivery"], metavar="ID", type=click.IntRange(min=1))]


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """A webhook, and its secret if it is new; `created` in unix seconds."""

    id: int
    url: str
    events: tuple[str, ...]
    created: int
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RemovedWebhook:
    """The number of a webhook that is no more."""

    webhook: int


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """Something that was sent, or waits: its state, the attempts that were made, and the last answer."""

    id: int
    webhook: int
    event: str
    state: str
    attempts: int
    answer: str
    created: int


async def _list(
    application: "Application", operator: "Principal", _arguments: ListWebhooks
) -> AsyncIterator[WebhookRecord]:
    for each in await application.webhooks.webhooks(operator):
        yield _webhook(each)


async def _add(
    application: "Application", operator: "Principal", arguments: AddWebhook
) -> AsyncIterator[WebhookRecord]:
    from actions.webhooks import read_kinds  # noqa: PLC0415 - where the command runs

    added, secret = await application.webhooks.add(operator, arguments.url, read_kinds(arguments.events))
    yield _webhook(added, secret)


async def _remove(
    application: "Application", operator: "Principal", arguments: RemoveWebhook
) -> AsyncIterator[RemovedWebhook]:
    await application.webhooks.remove(operator, arguments.webhook)
    yield RemovedWebhook(arguments.webhook)


async def _test(
    application: "Application", operator: "Principal", arguments: TestWebhook
) -> AsyncIterator[DeliveryRecord]:
    yield _delivery(await application.webhooks.test(operator, arguments.webhook))


async def _log(
    application: "Application", operator: "Principal", arguments: ListDeliveries
) -> AsyncIterator[DeliveryRecord]:
    deliveries, _ = await application.webhooks.deliveries(operator, 0, arguments.limit)
    for each in deliveries:
        yield _delivery(each)


async def _resend(
    application: "Application", operator: "Principal", arguments: ResendDelivery
) -> AsyncIterator[DeliveryRecord]:
    yield _delivery(await application.webhooks.send_again(operator, arguments.delivery))


def _webhook(each: "Webhook", secret: str | None = None) -> WebhookRecord:
    return WebhookRecord(each.id, each.url, tuple(sorted(each.events)), each.created, secret)


def _delivery(each: "Delivery") -> DeliveryRecord:
    return DeliveryRecord(
        each.id, each.webhook, each.event.value, each.state.value, each.attempts, each.answer, each.created
    )


async def _show_webhooks(_arguments: ListWebhooks, records: AsyncIterator[WebhookRecord]) -> bool:
    return await print_each(records, _webhook_line)


async def _show_new(_arguments: AddWebhook, records: AsyncIterator[WebhookRecord]) -> bool:
    async for record in records:
        print_line(_webhook_line(record))
        print_line(record.secret or "")
    return True


async def _show_removed(_arguments: RemoveWebhook, records: AsyncIterator[RemovedWebhook]) -> bool:
    return await print_each(records, lambda each: f"removed webhook {each.webhook}")


async def _show_deliveries(_arguments: object, records: AsyncIterator[DeliveryRecord]) -> bool:
    return await print_each(records, _delivery_line)


async def _show_test(_arguments: TestWebhook, records: AsyncIterator[DeliveryRecord]) -> bool:
    taken = True
    async for record in records:
        print_line(_delivery_line(record))
        taken = record.state == "delivered"
    return taken


def _webhook_line(each: WebhookRecord) -> str:
    events = "everything" if len(each.events) == len(EventKind) else ", ".join(each.events)
    return f"{each.id:>4}  since {day(each.created)}  {each.url}  {events}"


def _delivery_line(each: DeliveryRecord) -> str:
    tried = f"after {each.attempts}: {each.answer}" if each.attempts else ""
    what = f"webhook {each.webhook}  {each.event:<18}  {each.state:<9}"
    return f"{each.id:>6}  {moment(each.created)}  {what}  {tried}".rstrip()


LIST_WEBHOOKS = Command(
    path=("webhook", "list"),
    arguments=ListWebhooks,
    record=WebhookRecord,
    run=_list,
    show=_show_webhooks,
    starts=False,
)
ADD_WEBHOOK = Command(
    path=("webhook", "add"),
    arguments=AddWebhook,
    record=WebhookRecord,
    run=_add,
    show=_show_new,
    starts=False,
)
REMOVE_WEBHOOK = Command(
    path=("webhook", "remove"),
    arguments=RemoveWebhook,
    record=RemovedWebhook,
    run=_remove,
    show=_show_removed,
    starts=False,
)
TEST_WEBHOOK = Command(
    path=("webhook", "test"),
    arguments=TestWebhook,
    record=DeliveryRecord,
    run=_test,
    show=_show_test,
    starts=False,
)
LIST_DELIVERIES = Command(
    path=("webhook", "log"),
    arguments=ListDeliveries,
    record=DeliveryRecord,
    run=_log,
    show=_show_deliveries,
    starts=False,
)
RESEND_DELIVERY = Command(
    path=("webhook", "resend"),
    arguments=ResendDelivery,
    record=DeliveryRecord,
    run=_resend,
    show=_show_deliveries,
    starts=False,
)
