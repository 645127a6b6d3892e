"""What comes before the application is made waits for it."""

import asyncio

import httpx
from starlette.responses import PlainTextResponse

from doors.held_requests import LateApplication


async def test_a_request_that_came_before_waits_for_the_application() -> None:
    app = LateApplication()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        early = asyncio.create_task(client.get("/"))
        with_nothing, _ = await asyncio.wait([early], timeout=0)
        assert with_nothing == set()
        app.become(PlainTextResponse("made"))
        assert (await early).text == "made"
        assert (await client.get("/")).text == "made"
