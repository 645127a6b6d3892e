import pytest
from starlette.requests import Request

from bittorrent.refusal import Refusal
from doors.bodies import DRAINED, Body
from doors.connection_memory import SCOPE_KEY, ConnectionMemory
from doors.request_limits import RateLimiter, refuse_cross_site


class Sender:
    """Sends `chunks`, then goes away; counts what was read of them."""

    def __init__(self, chunks, ends=True):
        self.left = list(chunks)
        self.read = 0
        self.ends = ends

    async def receive(self):
        if not self.left:
            return {"type": "http.disconnect"}
        chunk = self.left.pop(0)
        self.read += len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": bool(self.left) or not self.ends}


def request(sender=None, held=None, **headers):
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"",
        "headers": raw,
        SCOPE_KEY: held,
    }
    return Request(scope, (sender or Sender([b""])).receive)


async def read(sender, limit, **headers):
    async with Body(request(sender, **headers), limit) as body:
        return await body.read()


async def code_of_read(*args, **kwargs):
    with pytest.raises(Refusal) as caught:
        await read(*args, **kwargs)
    return caught.value.code


def code_of(function, *args, **kwargs):
    with pytest.raises(Refusal) as caught:
        function(*args, **kwargs)
    return caught.value.code


async def test_a_body_within_the_limit_is_read_whole():
    assert await read(Sender([b"ab", b"", b"cd"]), 4) == b"abcd"
    assert await read(Sender([b"abcd"]), 4, content_length="4") == b"abcd"


async def test_a_body_announced_as_too_large_is_read_and_dropped_so_that_the_answer_arrives():
    sender = Sender([b"abc", b"de"])
    assert await code_of_read(sender, 4, content_length="5") == "too-large"
    assert sender.read == 5


async def test_expect_100_continue_is_refused_without_reading():
    sender = Sender([b"abcde"])
    assert await code_of_read(sender, 4, content_length="5", expect="100-continue") == "too-large"
    assert sender.read == 0


async def test_a_body_of_absurd_announced_size_is_not_read_at_all():
    sender = Sender([b"abcde"])
    assert await code_of_read(sender, 4, content_length=str(DRAINED + 1)) == "too-large"
    assert sender.read == 0


async def test_a_body_without_a_length_is_counted_and_drained_to_a_bound():
    sender = Sender([b"x" * (1 << 20)] * 80)
    assert await code_of_read(sender, 4) == "too-large"
    assert DRAINED <= sender.read <= DRAINED + (2 << 20)


async def test_a_sender_that_disconnects_is_a_refusal():
    assert await code_of_read(Sender([b"ab"], ends=False), 4) == "bad-request"
    assert await code_of_read(Sender([b"abcde"], ends=False), 4) == "too-large"


async def test_bodies_share_a_bounded_memory_and_give_it_back():
    memory = ConnectionMemory(limit=6, per_address=6)
    one, other = (memory.connection(address, lambda: None) for address in ("10.0.0.1", "10.0.0.2"))
    async with Body(request(Sender([b"abcd"]), one), 4) as first:
        assert await first.read() == b"abcd"
        late = Sender([b"ab", b"c", b"d"])
        with pytest.raises(Refusal) as caught:
            async with Body(request(late, other), 4, room_seconds=0) as second:
                await second.read()
        assert caught.value.code == "busy"
        assert late.read == 4
        assert memory.held == 4
    assert memory.held == 0
    with pytest.raises(Refusal):
        async with Body(request(Sender([b"ab", b"cde"]), other), 4) as large:
            await large.read()
    assert memory.held == 0


def test_a_rate_is_counted_for_each_key():
    rates = RateLimiter("2/hour")
    rates.check("a")
    rates.check("a")
    assert code_of(rates.check, "a") == "rate-limited"
    rates.check("b")


def test_the_number_of_keys_is_bounded():
    rates = RateLimiter("1/hour")
    rates.check("first")
    for n in range(5000):
        rates.check(str(n))
    assert len(rates._times) == 4096
    rates.check("first")
    assert code_of(rates.check, "4999") == "rate-limited"


def test_a_rate_in_another_syntax_is_an_error():
    with pytest.raises(ValueError, match="parse"):
        RateLimiter("often")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec_fetch_site": "same-origin"},
        {"sec_fetch_site": "none"},
        {"origin": "http://cache.example:6969"},
        {"origin": "https://public.example"},
        {"origin": "https://public.example:443"},
        {"origin": "http://CACHE.example:6969", "sec_fetch_site": "same-origin"},
    ],
)
def test_programs_and_own_pages_pass(headers):
    asked = request(host="cache.example:6969", **headers)
    assert refuse_cross_site(asked, "https://public.example/below") is None


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": "http://evil.example"},
        {"origin": "http://cache.example"},
        {"origin": "http://cache.example:6969@evil.example"},
        {"origin": "http://[evil"},
        {"origin": "cache.example:6969"},
        {"origin": "ftp://cache.example:6969"},
        {"origin": "http://evil.example", "sec_fetch_site": "same-origin"},
    ],
)
def test_pages_of_other_sites_are_refused(headers):
    assert code_of(refuse_cross_site, request(host="cache.example:6969", **headers), None) == "cross-site"


@pytest.mark.parametrize("host", ["public.example", "cache.example"])
def test_the_own_host_over_another_scheme_is_another_site(host):
    changed = request(host=host, origin="http://public.example")
    assert code_of(refuse_cross_site, changed, "https://public.example") == "cross-site"
    direct = request(host="cache.example:6969", origin="https://cache.example:6969")
    assert code_of(refuse_cross_site, direct, None) == "cross-site"


def test_a_trusted_proxy_may_end_tls():
    asked = request(host="cache.example", origin="https://cache.example")
    assert refuse_cross_site(asked, None, proxied=True) is None


def test_an_origin_never_equals_a_missing_host():
    assert code_of(refuse_cross_site, request(origin="http://"), None) == "cross-site"
