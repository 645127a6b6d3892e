import asyncio
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from bittorrent.refusal import Refusal
from doors.client_address import ClientAddress
from doors.request_limits import Body, BodyMemory, RateLimiter
from doors.upload_admission import CacheCounters, UploadAdmission


class Broken:
    limit = 100

    async def accept(self, data, actor):
        raise OSError("the disk is gone")


def take(client=("1.2.3.4", 1), size=10):
    memory, counters = BodyMemory(1000), CacheCounters()
    admission = UploadAdmission(
        Broken(), ClientAddress([], "x-forwarded-for"), RateLimiter("9/hour"), memory, counters, None
    )

    async def receive():
        return {"type": "http.request", "body": bytes(size), "more_body": False}

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": [],
        "client": client,
    }
    with pytest.raises(Refusal) as caught:
        asyncio.run(admission.take(Request(scope, receive), "test", 100, Body.read))
    return SimpleNamespace(code=caught.value.code, held=memory.held, counters=counters)


def test_an_unexpected_error_is_counted_and_not_revealed():
    after = take()
    assert after.code == "internal"
    assert after.held == 0
    assert after.counters == CacheCounters(refusals=after.counters.refusals)
    assert after.counters.refusals == {"internal": 1}


def test_a_client_without_an_address_is_refused():
    assert take(client=None).code == "no-address"


def test_a_body_over_the_limit_is_refused():
    assert take(size=101).code == "too-large"
