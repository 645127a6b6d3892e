from ipaddress import ip_network

import pytest

from bittorrent.shares import Exemptions
from doors.client_address import ClientAddress
from doors.client_work import ClientWork, FairRequests
from tasks.fair_turns import FairTurns
from tasks.recent_work import current
from tests.support.tasks import turn

PROXY = ip_network("127.0.0.0/8")


def scope(client="10.0.0.1", forwarded=None, kind="http"):
    headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode())]
    return {"type": kind, "client": (client, 5), "headers": headers}


async def served(asked, exempt=()):
    """What the application sees as the work of each of some requests."""
    work, seen = ClientWork(FairTurns(), Exemptions(exempt)), []

    async def app(scope, receive, send):
        seen.append(current.get())
        await turn()

    requests = FairRequests(app, work, ClientAddress([PROXY], "X-Forwarded-For"))
    for each in asked:
        current.set(None)
        await requests(each, None, None)
    return seen


async def test_requests_of_one_address_are_one_clients_and_those_of_a_proxy_are_its_clients():
    first, again, other, proxied = await served(
        [scope(), scope(), scope("10.0.0.2"), scope("127.0.0.1", forwarded="10.0.0.1")]
    )
    assert first is again is proxied
    assert first is not other
    assert first.seconds() > 0


@pytest.mark.parametrize(
    ("a", "b", "same"), [("2001:db8::1", "2001:db8::ffff", True), ("2001:db8::1", "2001:db8:0:1::1", False)]
)
async def test_an_address_of_ipv6_is_its_64(a, b, same):
    first, second = await served([scope(a), scope(b)])
    assert (first is second) is same


async def test_exempt_networks_and_what_is_no_request_are_not_counted():
    assert await served([scope(), scope(kind="lifespan")], exempt=(ip_network("10.0.0.0/8"),)) == [None, None]
