import io
import json
import logging
from asyncio import CancelledError

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from peerage.logs import HIDDEN, configure_logs, redact_text, redact_value
from peerage.sections import LogSection

SECRET = "s3cr3tvalue0123456789"
# No secret of ours holds a separator; the alphabet is that of tokens, hex and base64url.
secrets = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=12, max_size=40)


@pytest.fixture(autouse=True)
def _restored():
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def lines(form="json", level="info", stream=None):
    out = stream if stream is not None else io.StringIO()
    configure_logs(LogSection(format=form, level=level), out)
    return out


@pytest.mark.parametrize(
    "key",
    [
        "passkey",
        "key",
        "api_key",
        "API-Key",
        "apikey",
        "token",
        "access_token",
        "password",
        "secret",
        "client_secret",
        "Authorization",
        "cookie",
        "Set-Cookie",
        "keys",
    ],
)
@pytest.mark.parametrize("form", ["json", "console"])
def test_a_value_of_a_secret_key_never_reaches_a_line(key, form):
    out = lines(form)
    structlog.get_logger("peerage").info(
        "asked", **{key: SECRET}, nested={"deep": [{key: SECRET.encode()}]}, pair=[(key, SECRET)]
    )
    assert SECRET not in out.getvalue()
    assert HIDDEN in out.getvalue()


@given(secrets)
def test_urls_lose_their_query_and_their_passkey(secret):
    for text in (
        f"/announce?passkey={secret}&port=1",
        f"GET /announce?info_hash={secret} HTTP/1.1",
        f"http://t.example:6969/scrape?{secret}",
        f"/{secret}/announce",
        f"/announce/{secret}",
        f"https://t.example/scrape/{secret}?x=1",
        f"https://t.example/{secret}/scrape?x=1",
        f'"GET /{secret}/announce?port=1 HTTP/1.0" 200',
        f"udp://[::1]:6969/{secret}/announce",
        f"x?{secret}",
    ):
        assert secret not in redact_text(text), text


@given(
    secrets,
    st.sampled_from(
        ["passkey", "password", "api_key", "auth_token", "client-secret", "Cookie", "X-Credential"]
    ),
    st.sampled_from(["=", ": ", " = ", ":"]),
)
def test_assignments_in_a_text_lose_their_value(secret, name, sign):
    assert secret not in redact_text(f"sent {name}{sign}{secret}, then left")
    assert secret not in redact_text(json.dumps({name: secret}))
    assert secret not in redact_text(repr({name: secret}))
    assert secret not in redact_text(f"Authorization: Bearer {secret}")
    assert secret not in redact_text(f"got bearer {secret}")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
        max_leaves=20,
    )
)
def test_a_value_of_any_shape_becomes_json(value):
    assert json.dumps(redact_value(value))


def test_what_nests_too_deep_is_hidden_whole():
    value = SECRET
    for _ in range(100):
        value = [value]
    assert SECRET not in json.dumps(redact_value(value))


@pytest.mark.parametrize(
    "text",
    ["swarms.restored", "what? that", "10.0.0.1:6969", "/torrent/0123", "why?", "listening on [::1]:6969"],
)
def test_plain_text_stays(text):
    assert redact_text(text) == text


@pytest.mark.parametrize("form", ["json", "console"])
def test_tracebacks_are_redacted_too(form):
    out = lines(form)
    try:
        raise ValueError(f"GET /{SECRET}/announce?x=1")
    except ValueError:
        structlog.get_logger("peerage").exception("door.failed", path=f"/announce?passkey={SECRET}")
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application")
    assert "ValueError" in out.getvalue()
    assert SECRET not in out.getvalue()


def test_the_standard_library_comes_through_in_the_same_form():
    out = lines()
    logging.getLogger("uvicorn.error").info("Started on %s", "/x?token=1")
    logging.getLogger("asyncio").warning("odd")
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert first["event"] == f"Started on /x?{HIDDEN}"
    assert first["level"] == "info"
    assert second["logger"] == "asyncio"


def test_no_line_is_written_per_request():
    out = lines(level="debug")
    logging.getLogger("uvicorn.access").info('%s - "%s %s"', "1.2.3.4", "GET", "/announce")
    assert out.getvalue() == ""


def test_the_level_is_the_least_that_is_logged():
    out = lines(level="warning")
    log = structlog.get_logger("peerage")
    log.info("quiet")
    log.warning("loud")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["loud"]


def test_auto_is_json_in_a_file_and_for_people_on_a_terminal():
    in_file, on_terminal = io.StringIO(), Terminal()
    for out in (in_file, on_terminal):
        lines("auto", stream=out)
        structlog.get_logger("peerage").info("hello", n=3)
    assert json.loads(in_file.getvalue())["n"] == 3
    assert not on_terminal.getvalue().startswith("{")
    assert "hello" in on_terminal.getvalue()


def test_configuring_twice_writes_a_line_once():
    lines()
    out = lines()
    structlog.get_logger("peerage").info("once")
    assert out.getvalue().count("once") == 1


@given(
    secrets,
    st.sampled_from(["key", "token", "apikey", "auth", "authkey", "torrent_pass", "passkey", "KEY"]),
)
def test_no_spelling_of_a_dialect_brings_its_key_into_a_line(secret, name):
    for text in (
        f"/torrent/info/ab?{name}={secret}",
        f"/rss?q=1&{name}={secret}&x=2",
        f"{name}={secret}",
        f"a=1&{name}={secret}",
        f"form {name}={secret}; then",
    ):
        assert secret not in redact_text(text), text
    assert secret not in json.dumps(redact_value({name: secret}))


@given(secrets)
def test_secrets_in_paths_and_of_our_own_form_are_hidden(secret):
    long = (secret * 4)[:43]
    for text in (
        f"http://t.example/welcome/{secret}",
        f"GET /welcome/{secret} HTTP/1.1",
        f"/dld/{secret}/file.mkv",
        f"/welcome/{secret}/more",
        f"no such thing: pg_rest_{long}",
        f"pg_torrent-api_{long}!",
    ):
        assert secret not in redact_text(text), text
        assert long not in redact_text(text), text


@pytest.mark.parametrize(
    "text", ["author=me", "monkey=1", "the key of the door", "/welcome", "pg_dump ran", "authors: a, b"]
)
def test_words_that_only_resemble_a_secret_stay(text):
    assert redact_text(text) == text


def test_a_request_that_is_cancelled_at_the_end_has_no_traceback():
    out = lines()
    server = logging.getLogger("uvicorn.error")
    server.error("Exception in ASGI application\n", exc_info=CancelledError())
    server.error("Exception in ASGI application\n", exc_info=ValueError("why"))
    cancelled, failed = map(json.loads, out.getvalue().splitlines())
    assert cancelled["event"] == "request cancelled at the end"
    assert "exception" not in cancelled
    assert "ValueError: why" in failed["exception"]
