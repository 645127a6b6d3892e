import pytest
from starlette.requests import Request

from bittorrent.refusal import Refusal
from doors.origin import base_url


def request(host=None, server=("127.0.0.1", 6969)):
    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    path = {"path": "/", "query_string": b"", "root_path": ""}
    return Request(
        {"type": "http", "method": "GET", "scheme": "http", "headers": headers, "server": server, **path}
    )


@pytest.mark.parametrize("host", ["localhost", "cache.example:6969", "1.2.3.4", "[::1]:6969", "a_b.example"])
def test_without_a_public_url_the_requests_own_host_is_used(host):
    assert base_url(request(host), None) == f"http://{host}"


@pytest.mark.parametrize(
    "host",
    [
        "a b",
        "a/b",
        'a"b',
        "<x>",
        "user@host",
        "host:port",
        "[::1",
        "-x",
        ".",
        "a:1:2",
        "\xe9",
        "x" * 300,
        "a?b",
        "a#b",
    ],
)
def test_an_invalid_host_is_refused(host):
    with pytest.raises(Refusal) as caught:
        base_url(request(host), None)
    assert caught.value.code == "bad-request"


def test_a_request_without_a_host_is_answered_by_its_socket():
    assert base_url(request(), None) == "http://127.0.0.1:6969"
    assert base_url(request("", ("::1", 80)), None) == "http://[::1]:80"
