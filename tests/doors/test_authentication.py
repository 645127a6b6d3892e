import re

import pytest
from starlette.requests import Request
from starlette.responses import Response

from accounts.model import NOBODY, Scope
from bittorrent.refusal import Refusal
from doors.authentication import COOKIE, Authenticator
from tests.support.accounts import open_accounts


def request(*headers):
    lines = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": lines, "query_string": b""})


@pytest.fixture
async def each(tmp_path):
    async with open_accounts(tmp_path) as opened:
        yield opened


@pytest.fixture
def authenticator(each):
    return Authenticator(each.accounts, secure=False)


async def code(awaitable):
    with pytest.raises(Refusal) as caught:
        await awaitable
    return caught.value.code


@pytest.mark.parametrize(
    "form", ["Bearer {}", "bearer {}", "BEARER   {}", "token {}", "Token {}", "{}", " {} "]
)
async def test_a_key_is_taken_in_every_form_that_clients_send(each, authenticator, form):
    ada = await each.join()
    _, secret = await each.accounts.mint(ada.id, Scope.GAZELLE)
    principal = await authenticator.by_header(request(("authorization", form.format(secret))), Scope.GAZELLE)
    assert principal.user == ada
    assert (
        await code(authenticator.by_header(request(("authorization", form.format(secret))), Scope.REST))
        == "bad-token"
    )


@pytest.mark.parametrize(
    "value",
    ["", " ", "Bearer", "Bearer ", "Basic YTpi", "Bearer a b", "token\t", "\x00", "é" * 40, "x" * 100_000],
)
async def test_a_header_without_a_good_key_is_refused_even_beside_a_good_session(each, authenticator, value):
    ada = await each.join()
    cookie, _ = await each.accounts.open_session(ada.id)
    asked = request(("authorization", value), ("cookie", f"{COOKIE}={cookie}"))
    assert await code(authenticator.by_header(asked, Scope.REST)) == "bad-token"


async def test_two_keys_are_none(each, authenticator):
    ada = await each.join()
    _, secret = await each.accounts.mint(ada.id, Scope.REST)
    twice = request(("authorization", f"Bearer {secret}"), ("authorization", f"Bearer {secret}"))
    assert await code(authenticator.by_header(twice, Scope.REST)) == "bad-token"


@pytest.mark.parametrize(
    "cookie", [None, "", "session", "session=", "session=x.y", "other=1", "session=\xe9.\xe9", ";;="]
)
async def test_without_a_valid_cookie_the_principal_is_nobody(authenticator, cookie):
    asked = request() if cookie is None else request(("cookie", cookie))
    assert await authenticator.by_header(asked, Scope.REST) is None
    assert await authenticator.by_session(asked) is NOBODY


@pytest.mark.parametrize("secure", [False, True])
async def test_logging_in_and_out_by_cookie(each, secure):
    authenticator = Authenticator(each.accounts, secure=secure)
    ada = await each.join()
    response = await authenticator.log_in(Response(), ada.id, keep=True)
    line = response.headers["set-cookie"]
    value = re.match(rf"{COOKIE}=([^;]+); ", line)[1]
    parts = {part.strip().lower() for part in line.split(";")[1:]}
    assert parts - {"secure"} == {"httponly", f"max-age={30 * 86_400}", "path=/", "samesite=lax"}
    assert ("secure" in parts) == secure
    asked = request(("cookie", f"a=b; {COOKIE}={value}"))
    principal = await authenticator.by_session(asked)
    assert principal.user == ada
    gone = await authenticator.log_out(Response(), principal)
    assert 'session=""' in gone.headers["set-cookie"]
    assert "max-age=0" in gone.headers["set-cookie"].lower()
    assert await authenticator.by_session(asked) is NOBODY


async def test_a_session_needs_its_token_to_change_things_and_a_key_does_not(each, authenticator):
    ada = await each.join()
    cookie, _ = await each.accounts.open_session(ada.id)
    other, _ = await each.accounts.open_session(ada.id)
    mine, theirs = await each.accounts.session(cookie), await each.accounts.session(other)
    authenticator.require_csrf(mine, each.accounts.csrf_token(mine.session))
    for token in (None, "", "x", "\ud800", each.accounts.csrf_token(theirs.session)):
        with pytest.raises(Refusal) as caught:
            authenticator.require_csrf(mine, token)
        assert caught.value.code == "bad-csrf"
    _, secret = await each.accounts.mint(ada.id, Scope.REST)
    authenticator.require_csrf(await authenticator.by_secret(secret, Scope.REST), None)
    authenticator.require_csrf(NOBODY, None)
