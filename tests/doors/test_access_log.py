from contextlib import suppress

import pytest
import structlog
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router

from doors.access_log import AccessLog
from doors.client_address import ClientAddress


async def hello(request):
    return PlainTextResponse("hello")


async def failing(request):
    raise RuntimeError("broken")


@pytest.fixture(autouse=True)
def _every_level():
    """What another test set up for its logs may leave out lines of this level."""
    structlog.reset_defaults()


ROUTES = [Route("/welcome/{secret}", hello), Route("/fails", failing)]


def access(lines):
    times = iter(range(100))
    return AccessLog(ROUTES, ClientAddress((), "x-forwarded-for"), lines, lambda: next(times) / 4)


async def logged(log, path):
    """The lines that a request leaves."""
    sent = []
    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b"key=s3cret"}

    async def send(message):
        sent.append(message)

    with structlog.testing.capture_logs() as lines, suppress(RuntimeError):
        await log.around(Router(ROUTES))({**scope, "client": ("192.0.2.7", 5)}, None, send)
    return lines


async def test_a_line_names_the_route_and_nothing_of_the_path():
    (line,) = await logged(access("routes"), "/welcome/t0psecret")
    assert line == {
        "event": "http.request",
        "log_level": "info",
        "method": "GET",
        "route": "/welcome/{secret}",
        "status": 200,
        "seconds": 0.25,
        "bytes": 5,
    }


async def test_addresses_are_logged_where_they_are_asked_for():
    (line,) = await logged(access("addresses"), "/welcome/t0psecret")
    assert line["address"] == "192.0.2.7"


async def test_what_no_route_answers_and_what_fails_are_lines_as_well():
    (missing,) = await logged(access("routes"), "/t0psecret")
    assert (missing["route"], missing["status"]) == ("none", 404)
    (failed,) = await logged(access("routes"), "/fails")
    assert (failed["route"], failed["status"]) == ("/fails", 0)


@pytest.mark.parametrize("path", ["/welcome/t0psecret", "/fails"])
async def test_nothing_is_logged_until_it_is_asked_for(path):
    log = access("off")
    assert await logged(log, path) == []
    log.lines = "routes"
    assert len(await logged(log, path)) == 1
