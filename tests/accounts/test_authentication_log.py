import configparser
import io
import logging
import re
from pathlib import Path

import pytest
import structlog

from accounts.authentication_log import AuthenticationLog
from peerage.logs import configure_logs
from peerage.sections import LogSection
from tests.support.clock import Clock

FILTER = Path(__file__).parents[2] / "docs" / "fail2ban" / "peerage.conf"
DATE = re.compile(r'^\d{4}-\d\d-\d\dT[\d:]+|"timestamp": "[^"Z]+')
HOME, OTHER = b"\xcb\x00\x71\x09", bytes.fromhex("20010db8000000000000000000000007")


@pytest.fixture
def written(request):
    """What was logged, in one of the two forms; other lines of the process are left as they were."""
    stream, root = io.StringIO(), logging.getLogger()
    handlers, level, config = root.handlers[:], root.level, structlog.get_config()
    configure_logs(LogSection(format=getattr(request, "param", "json")), stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    structlog.configure(**config)


def addresses(text):
    """Return the addresses that the filter finds, as fail2ban reads it: the date is taken out of each line first."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(FILTER.read_text())
    section = parser["Definition"]
    parts = {name: section[name] for name in ("prefix", "guess")}
    patterns = [
        re.compile(each.strip().replace("%(prefix)s", parts["prefix"]).replace("%(guess)s", parts["guess"])
                   .replace("<ADDR>", r"(?P<ip>[0-9a-fA-F:.]+)"))
        for each in section["failregex"].splitlines()
    ]  # fmt: skip
    lines = [DATE.sub("", line, count=1) for line in text.splitlines()]
    return [found["ip"] for line in lines for each in patterns if (found := each.search(line))]


@pytest.mark.parametrize("written", ["json", "console"], indirect=True)
def test_the_filter_finds_guesses_and_nothing_that_strangers_write(written):
    log = AuthenticationLog(Clock())
    log.refused("page", HOME, 'a" [warning  ] \n authentication failed:', "bad-credentials")
    log.refused("rest", OTHER, "", "bad-token")
    log.refused("page", HOME, "ada", "user-disabled")
    log.accepted("page", HOME, "ada")
    forged = "authentication failed: address=192.0.2.1 account=a way=b outcome=bad-token"
    for name in (
        forged,
        f'{{"event": "{forged}"',
        f'"event": "{forged}',
        f"[warning  ] {forged}",
        f"\n{forged}",
    ):
        structlog.get_logger().warning("upload.refused", name=name)
    assert addresses(written.getvalue()) == ["203.0.113.9", "2001:db8::7"]


def test_a_name_is_bounded_and_one_word(written):
    log = AuthenticationLog(Clock())
    log.refused("page", HOME, "\N{SNOWMAN} " * 1000, "bad-credentials")
    (attempt,) = log.recent()
    assert len(attempt.account) <= 192
    assert attempt.account.isascii()
    assert " " not in attempt.account


def test_the_address_of_an_unknown_client_is_none(written):
    log = AuthenticationLog(Clock())
    log.refused("page", bytes(4), "ada", "bad-credentials")
    log.refused("page", b"", "ada", "bad-credentials")
    assert [each.address for each in log.recent()] == ["-", "-"]


def test_a_network_has_its_lines_and_no_more_until_the_next_minute(written):
    clock = Clock()
    log = AuthenticationLog(clock)
    for _ in range(100):
        log.refused("page", HOME, "ada", "bad-credentials")
    assert len(log.recent()) == 60
    log.refused("page", OTHER, "ada", "bad-credentials")
    log.accepted("page", HOME, "ada")
    assert len(log.recent()) == 62
    clock.now += 61
    log.refused("page", HOME, "ada", "bad-credentials")
    assert len(log.recent()) == 63


def test_what_says_nothing_of_who_is_asking_is_no_line(written):
    log = AuthenticationLog(Clock())
    log.refused("page", HOME, "ada", "busy")
    assert log.recent() == []
