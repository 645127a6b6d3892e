"""Webhooks: events are queued durably and delivered signed, again after failures, each receiver by itself."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import structlog

from accounts.model import Principal
from accounts.rights import Right, Rights
from bittorrent.refusal import Refusal
from catalogue.events import EventKind, ServiceEvent
from catalogue.webhooks import Delivery, DeliveryState, Webhook, WebhookStore

if TYPE_CHECKING:
    from downloads.outgoing_http import OutgoingHttp

KEY_BYTES = 32
MOST_WEBHOOKS = 20
MOST_WAITING = 1000
"""Deliveries that wait for one webhook; what happens beyond that is not told."""
KEPT = 1000
"""Ended deliveries that are kept in the log."""
BACKOFF = (10, 60, 300, 1800, 7200, 21_600, 86_400)
"""Seconds before each further attempt; then it is given up."""
_LONGEST_URL = 1000
_ANSWER = 64 * 1024
_SECONDS = 10.0
_BATCH = 20
_IDLE = 3600.0
_GOOD = range(200, 300)

log = structlog.get_logger()


class Webhooks:
    """The webhooks of the operator.

    `key` gives KEY_BYTES bytes, always the same; `clock` unix seconds; `http` makes what sends.
    """

    def __init__(
        self,
        store: WebhookStore,
        rights: Rights,
        http: "Callable[[], OutgoingHttp]",
        key: Callable[[], bytes],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._rights = rights
        self._http = http
        self._key = key
        self._clock = clock
        self._known: list[Webhook] | None = None
        self._woken = asyncio.Event()
        self._sending: dict[int, asyncio.Task[None]] = {}

    # Who administers accounts decides who is told.

    async def webhooks(self, principal: Principal) -> list[Webhook]:
        """Return all webhooks (ACCOUNTS)."""
        self._rights.require(principal, Right.ACCOUNTS)
        return await self._webhooks()

    async def add(self, principal: Principal, url: str, events: frozenset[EventKind]) -> tuple[Webhook, str]:
        """Add a webhook and return it with its secret (ACCOUNTS). Refusal: `invalid`, `full`."""
        self._rights.require(principal, Right.ACCOUNTS)
        _require_url(url)
        if len(await self._webhooks()) >= MOST_WEBHOOKS:
            raise Refusal("full", f"at most {MOST_WEBHOOKS}")
        added = await self._store.add(url, events or frozenset(EventKind), int(self._clock()))
        self._known = None
        return added, self.secret(added)

    async def remove(self, principal: Principal, webhook: int) -> None:
        """Delete a webhook, and what is on its way to it (ACCOUNTS). Refusal: `not-found`."""
        self._rights.require(principal, Right.ACCOUNTS)
        removed = await self._store.remove(webhook)
        self._known = None
        if not removed:
            raise Refusal("not-found")

    async def deliveries(self, principal: Principal, offset: int, limit: int) -> tuple[list[Delivery], int]:
        """Return the log, newest first, and how many entries there are (ACCOUNTS)."""
        self._rights.require(principal, Right.ACCOUNTS)
        return await self._store.deliveries(offset, limit)

    async def send_again(self, principal: Principal, number: int) -> Delivery:
        """Put a delivery into the queue once more (ACCOUNTS). Refusal: `not-found`."""
        self._rights.require(principal, Right.ACCOUNTS)
        known = await self._store.delivery(number)
        if known is None:
            raise Refusal("not-found")
        again = replace(known, state=DeliveryState.WAITING, attempts=0, due=int(self._clock()))
        await self._store.finish(again)
        self._woken.set()
        return again

    async def test(self, principal: Principal, number: int) -> Delivery:
        """Send a webhook a test event, and return what became of the attempt (ACCOUNTS).

        What else is due to anybody goes as well. Refusal: `not-found`, `full` where too much waits already.
        """
        self._rights.require(principal, Right.ACCOUNTS)
        if not any(each.id == number for each in await self._webhooks()):
            raise Refusal("not-found", "no webhook has that number")
        body = _body(ServiceEvent(EventKind.TEST), self._clock())
        now = int(self._clock())
        if await self._store.enqueue([number], EventKind.TEST, body, now, MOST_WAITING):
            raise Refusal("full", "too much waits for that webhook already")
        newest, _ = await self._store.deliveries(0, MOST_WEBHOOKS)
        sent = next(each for each in newest if (each.webhook, each.event) == (number, EventKind.TEST))
        await self.deliver_due()
        return await self._store.delivery(sent.id) or sent

    def secret(self, webhook: Webhook) -> str:
        """Return the secret by which a webhook's receiver checks signatures, in the form `whsec_BASE64`."""
        return f"whsec_{base64.b64encode(self._secret(webhook)).decode()}"

    # What happens.

    async def emit(self, event: ServiceEvent) -> None:
        """Queue an event for each webhook that wants it; durable when it returns, and never raises."""
        try:
            told = [each.id for each in await self._webhooks() if event.kind in each.events]
            if not told:
                return
            now = self._clock()
            body = _body(event, now)
            full = await self._store.enqueue(told, event.kind, body, int(now), MOST_WAITING)
            if full:
                log.warning("webhook.queue_full", webhooks=full, kind=event.kind.value)
            self._woken.set()
        except Exception:
            log.exception("webhook.not_queued", kind=event.kind.value)

    async def run(self) -> None:
        """Deliver what is due, until it is cancelled; each webhook by a task of its own."""
        try:
            while True:
                self._woken.clear()
                pause = await self._pause()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._woken.wait()
        finally:
            for task in self._sending.values():
                task.cancel()
            await asyncio.gather(*self._sending.values(), return_exceptions=True)

    async def _pause(self) -> float:
        """Begin what is due, and return for how many seconds nothing else is; a failure is logged."""
        try:
            await self._start_due()
            await self._store.purge(KEPT)
            # What is under way says itself when it has ended.
            due = await self._store.next_due(list(self._sending))
        except Exception:
            log.exception("webhooks.not_read")
            return _SECONDS
        return _IDLE if due is None else max(0.0, due - self._clock()) + 0.01

    async def deliver_due(self) -> None:
        """Deliver what is due now, and return when all receivers have answered or failed."""
        await self._start_due()
        await asyncio.gather(*self._sending.values(), return_exceptions=True)

    async def _start_due(self) -> None:
        now = int(self._clock())
        for webhook in await self._webhooks():
            if webhook.id not in self._sending and await self._store.due(webhook.id, now, 1):
                task = asyncio.create_task(self._send_due(webhook))
                self._sending[webhook.id] = task
                task.add_done_callback(partial(self._ended, webhook.id))

    def _ended(self, webhook: int, _: asyncio.Task[None]) -> None:
        self._sending.pop(webhook, None)
        self._woken.set()

    async def _send_due(self, webhook: Webhook) -> None:
        try:
            while due := await self._store.due(webhook.id, int(self._clock()), _BATCH):
                for delivery in due:
                    await self._send(webhook, delivery)
        except Exception:
            log.exception("webhook.broken", webhook=webhook.id)
            await asyncio.sleep(_SECONDS)

    async def _send(self, webhook: Webhook, delivery: Delivery) -> None:
        now, body = int(self._clock()), delivery.body.encode()
        headers = {"Content-Type": "application/json", **self._signature(webhook, delivery, now)}
        try:
            answer = await self._http().post(
                webhook.url, body, limit=_ANSWER, seconds=_SECONDS, headers=headers
            )
            said, good = str(answer.status), answer.status in _GOOD
        except OSError as error:
            said, good = str(error)[:200], False
        attempts = delivery.attempts + 1
        given_up = attempts > len(BACKOFF)
        state = DeliveryState.WAITING
        if good or given_up:
            state = DeliveryState.DELIVERED if good else DeliveryState.FAILED
        due = now + (0 if good or given_up else BACKOFF[attempts - 1])
        await self._store.finish(replace(delivery, state=state, attempts=attempts, due=due, answer=said))
        log.info("webhook.sent", webhook=webhook.id, delivery=delivery.id, state=state.value, answer=said)

    def _signature(self, webhook: Webhook, delivery: Delivery, now: int) -> dict[str, str]:
        """Return the headers of Standard Webhooks: HMAC-SHA256 over id, time and body."""
        number = f"msg_{delivery.id}"
        signed = f"{number}.{now}.{delivery.body}".encode()
        digest = hmac.new(self._secret(webhook), signed, hashlib.sha256).digest()
        return {
            "webhook-id": number,
            "webhook-timestamp": str(now),
            "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        }

    def _secret(self, webhook: Webhook) -> bytes:
        return hmac.new(self._key(), f"{webhook.id} {webhook.created}".encode(), hashlib.sha256).digest()

    async def _webhooks(self) -> list[Webhook]:
        if self._known is None:
            self._known = await self._store.webhooks()
        return self._known


def _require_url(url: str) -> None:
    """Refuse what is no URL that can be told: `invalid` (field `url`)."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc
        _ = parts.port
    except ValueError:
        good = False
    if not good or len(url) > _LONGEST_URL or not url.isprintable() or " " in url:
        raise Refusal("invalid", fields={"url": ["It is an http or https URL without a name and password."]})


def _body(event: ServiceEvent, now: float) -> str:
    return json.dumps(
        {"type": event.kind.value, "timestamp": _moment(now), "data": dict(event.data)},
        separators=(",", ":"),
    )


def _moment(now: float) -> str:
    return datetime.fromtimestamp(int(now), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def read_kinds(names: Sequence[str]) -> frozenset[EventKind]:
    """Return kinds of events by their names. Refusal: `invalid` (field `events`)."""
    try:
        return frozenset(EventKind(name) for name in names)
    except ValueError:
        known = ", ".join(EventKind)
        raise Refusal("invalid", fields={"events": [f"They are any of {known}."]}) from None
