"""Uploads: what is counted, what is refused, and what an unexpected error reveals."""

from types import SimpleNamespace

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from accounts.rights import Rights
from doors.connection_memory import SCOPE_KEY, ConnectionMemory
from doors.request_limits import RateLimiter
from doors.upload_admission import CacheCounters, UploadAdmission
from tests.support.admission import make_admission


class Broken:
    """Uploads that cannot be stored."""

    limit = 100

    async def accept(self, data, actor):
        raise OSError("the disk is gone")


async def take(client=("1.2.3.4", 1), size=10, rate="9/hour", times=1):
    """Upload some bytes; return how the last request was answered, and what was counted."""
    checks = make_admission(None, Rights(frozenset()), {}, lambda: 0.0, upload_limit=100)
    memory, counters = ConnectionMemory(), CacheCounters()
    uploads = UploadAdmission(Broken(), checks, RateLimiter(rate), counters)
    dialect = uploads.dialect("upload_test", lambda refusal: PlainTextResponse(refusal.code))

    async def receive():
        return {"type": "http.request", "body": bytes(size), "more_body": False}

    async def read(exchange):
        return await exchange.body.read()

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [],
        "client": client,
        SCOPE_KEY: memory.connection("1.2.3.4", lambda: None),
    }
    handler = uploads.handler("test", read, lambda accepted: PlainTextResponse("accepted"))
    for _ in range(times):
        answer = await checks.answer(dialect, Request(scope, receive), uploads.endpoint(100), handler)
    return SimpleNamespace(code=answer.body.decode(), held=memory.held, counters=counters)


async def test_an_unexpected_error_is_counted_and_not_revealed():
    after = await take()
    assert after.code == "internal"
    assert after.held == 0
    assert after.counters == CacheCounters(refusals=after.counters.refusals)
    assert after.counters.refusals == {"internal": 1}


@pytest.mark.parametrize("client", [None, ("1.2.3.4", 1)])
async def test_clients_are_counted_with_an_address_or_without(client):
    assert (await take(client=client, rate="2/hour", times=3)).code == "rate-limited"


async def test_a_body_over_the_limit_is_refused():
    assert (await take(size=101)).code == "too-large"
