"""SIGHUP: settings that can change do, those that cannot are named, and wrong ones change nothing."""

import json
import signal

import pytest

from peerage.config import Settings, SettingsError, read_settings
from peerage.live_settings import LiveSettings, SettingsChange
from tests.support.clients import ask, healthy
from tests.support.processes import wait_until

FIRST = '[limits]\nrest_anonymous = "7/minute"\n[tracker]\ninterval = "1800s"\n'
SECOND = '[limits]\nrest_anonymous = "9/minute"\n[tracker]\ninterval = "1900s"\n[log]\nlevel = "warning"\n'
WRONG = '[limits]\nrest_anonymous = "many"\n[log]\nlevel = "info"\n'


def lines(service, event):
    """What was logged of an event, as values."""
    told = (json.loads(line) for line in service.output.splitlines() if line.startswith("{"))
    return [each for each in told if each["event"] == event]


def limit(service):
    return ask(service.port, "/api/torrents").headers["x-ratelimit-limit"]


@pytest.fixture
def service(start_peerage, tmp_path):
    """A service over a file of settings; others that the process reads are as in every test."""
    (tmp_path / "peerage.toml").write_text(FIRST)
    return start_peerage()


def test_a_hangup_reads_settings_again(service):
    file = service.data.parent / "peerage.toml"
    assert limit(service) == "7"
    file.write_text(SECOND)
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: lines(service, "settings.need_restart"), "named")
    assert lines(service, "settings.need_restart")[0]["settings"] == ["tracker.interval"]
    assert limit(service) == "9"
    file.write_text(WRONG)
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: lines(service, "settings.kept"), "told")
    assert "limits.rest_anonymous" in lines(service, "settings.kept")[0]["problems"][0]
    assert limit(service) == "9"
    assert not lines(service, "settings.read"), "the level is still that of the second file"
    assert healthy(service.port)


def settings(**given):
    return read_settings({key.replace("__", "."): value for key, value in given.items()}, {})


def test_each_part_is_told_once_and_only_of_its_own():
    told = []
    live = LiveSettings(settings(), lambda: settings(cache__upload_rate="1/hour"))
    live.on_change(dict.fromkeys(("limits.rest", "limits.pages"), lambda new: told.append(new.limits.rest)))
    live.on_change({"log.level": lambda _: told.append("log")})
    found = live.apply(settings(limits__rest="3/hour", limits__pages="4/hour", tracker__interval="1900"))
    assert found == SettingsChange(("limits.rest", "limits.pages"), ("tracker.interval",))
    assert told == ["3/hour"]
    assert live.apply(settings(limits__rest="3/hour", limits__pages="4/hour")) == SettingsChange((), ())
    assert live.apply(live.read()).waiting == ("cache.upload_rate",)


def test_what_cannot_be_read_changes_nothing():
    live = LiveSettings(Settings(), lambda: settings(log__level="loud"))
    with pytest.raises(SettingsError):
        live.apply(live.read())
    assert live.apply(Settings()) == SettingsChange((), ())
