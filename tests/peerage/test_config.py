import re
import tomllib
from dataclasses import FrozenInstanceError
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peerage.config import (
    Settings,
    SettingsError,
    as_toml,
    known_keys,
    option,
    read_settings,
    rows,
    variable,
)
from peerage.sections import Section
from peerage.sections.section import declared, read_value
from peerage.setting_values import ListenAddress, format_size, read_duration, read_listen, read_size


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("site.colour", "blue", "it is a colour as #0b57c2"),
        ("site.contact", "call me", "neither an http(s) URL nor a mail address"),
        ("site.contact", "javascript:alert(1)", "neither an http(s) URL nor a mail address"),
        ("site.logo", "logo.gif", ".svg, .png, .webp"),
        ("site.logo", "missing.png", "there is no such file"),
        ("site.logo", "large.png", "larger than 256 KiB"),
    ],
)
def test_how_pages_look_is_checked_at_the_start(key, value, said):
    Path("large.png").write_bytes(bytes(300 << 10))
    with pytest.raises(SettingsError, match=re.escape(said)):
        read_settings({key: value}, {})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"server": "mail.example"}, "needs mail.sender"),
        ({"sender": "not one"}, "it is no mail address"),
        ({"sender": "a@b.example\nBcc: c@d.example"}, "it is no mail address"),
        ({"user": "me"}, "needs mail.password_file"),
        ({"password_file": "missing"}, "there is no such file"),
        ({"user": "me", "password_file": "password", "tls": "off"}, "anybody on the way reads the password"),
        ({"port": "0"}, "1 to 65,535"),
    ],
)
def test_a_mail_server_has_all_that_it_needs(given, said):
    Path("password").write_text("secret\n")
    with pytest.raises(SettingsError, match=re.escape(said)):
        read_settings({f"mail.{key}": value for key, value in given.items()}, {})


def test_an_operator_has_a_name_a_logo_and_a_colour():
    Path("logo.svg").write_text("<svg/>")
    found = read_settings(
        {"site.logo": "logo.svg", "site.colour": "#ABCDEF", "site.contact": "a@b.example"}, {}
    ).site
    assert (found.logo, found.colour, found.contact) == (Path("logo.svg"), "#abcdef", "a@b.example")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def problems(options=None, environment=None, file=None):
    with pytest.raises(SettingsError) as caught:
        read_settings(options or {}, environment or {}, file)
    return caught.value.problems


def written(text):
    path = Path("peerage.toml")
    path.write_text(text)
    return path


def test_every_default_is_what_its_check_makes_of_it():
    # Of a table that nobody gives a value the defaults are taken as they are written.
    values = [getattr(Settings(), name) for name in Settings.__struct_fields__]
    tables = [value for value in values if isinstance(value, Section)]
    assert len(tables) > 10
    for table in (Settings(), *tables):
        table.check()
        for name in declared(type(table)):
            assert read_value(type(table), name, getattr(table, name)) == getattr(table, name)


def test_defaults_hold_when_nobody_speaks():
    settings = read_settings({}, {})
    assert settings == Settings()
    assert settings.listen == (ListenAddress("127.0.0.1", 6969), ListenAddress("::1", 6969))
    assert settings.listen_is_default
    assert settings.data == Path("data")
    assert settings.tracker.flush_every == 10.0
    assert settings.cache.max_torrent_size == 10 * 2**20


def test_settings_made_directly_ignore_the_environment(monkeypatch):
    monkeypatch.setenv("PEERAGE_TRACKER_INTERVAL", "99")
    monkeypatch.setenv("TRACKER", '{"interval": 99}')
    assert Settings().tracker.interval == 1800


def test_command_line_beats_environment_beats_file_beats_default():
    written("[tracker]\ninterval = 1001\nmin_interval = 101\nmax_peers = 11\n")
    environment = {"PEERAGE_TRACKER_MIN_INTERVAL": "102", "PEERAGE_TRACKER_MAX_PEERS": "12"}
    tracker = read_settings({"tracker.max_peers": "13"}, environment).tracker
    assert (tracker.interval, tracker.min_interval, tracker.max_peers) == (1001, 102, 13)
    assert tracker.max_torrents == 1_000_000


def test_a_named_file_is_read_instead_of_the_one_that_lies_there(tmp_path):
    written("data = 'here'\n")
    (tmp_path / "other.toml").write_text("data = 'there'\n")
    assert read_settings({}, {}, tmp_path / "other.toml").data == Path("there")


def test_a_named_file_has_to_exist():
    assert problems(file=Path("missing.toml")) == ("missing.toml cannot be read: No such file or directory",)


@pytest.mark.parametrize("text", ["listen = [", "a = 1\na = 2\n"])
def test_a_file_that_is_not_toml_is_named(text):
    assert problems(file=written(text))[0].startswith("peerage.toml is not TOML")


def test_a_file_of_other_bytes_is_named():
    Path("peerage.toml").write_bytes(b"\xff\xfe")
    assert problems()[0].startswith("peerage.toml is not TOML")


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("[tracker]\nmax_torents = 1", "tracker.max_torrents"),
        ("max_torrents = 1", "tracker.max_torrents"),
        ("[trakcer]\ninterval = 1", "tracker.interval"),
        ("lissten = []", "listen"),
    ],
)
def test_an_unknown_key_in_the_file_names_the_nearest_known_one(text, nearest):
    (problem,) = problems(file=written(text))
    assert "from peerage.toml" in problem
    assert problem.endswith(f"did you mean {nearest}?")


def test_an_unknown_variable_names_the_nearest_known_one_and_never_its_value():
    (problem,) = problems(environment={"PEERAGE_PUBLIC_ULR": "hunter2", "PATH": "/bin"})
    assert (
        problem == "PEERAGE_PUBLIC_ULR (from the environment) is no setting; did you mean PEERAGE_PUBLIC_URL?"
    )


def test_a_key_like_no_other_points_to_the_list():
    assert "`peerage settings`" in problems(options={"qqqq": 1})[0]


def test_a_table_given_as_a_value_is_explained():
    assert "write [tracker]" in problems(file=written("tracker = 5"))[0]


def test_a_wrong_value_says_key_source_and_range():
    found = problems(
        {"tracker.interval": "5"}, {"PEERAGE_TRACKER_MAX_TORRENTS": "0"}, written("[log]\nlevel = 'loud'")
    )
    assert "tracker.interval (from --tracker-interval): 5.0 will not do; it takes 60 to 86,400" in found
    assert (
        "tracker.max_torrents (from PEERAGE_TRACKER_MAX_TORRENTS): '0' will not do; it takes 1 to 100,000,000"
        in found
    )
    assert (
        "log.level (from peerage.toml): 'loud' will not do; it takes debug or info or warning or error"
        in found
    )


def test_min_interval_may_not_be_longer_than_interval():
    assert problems({"tracker.min_interval": 2000}) == (
        "tracker.min_interval must not be longer than tracker.interval",
    )


@pytest.mark.parametrize(
    "text", ["10.0.0.0/8, fd00::/8", '["10.0.0.0/8", "fd00::/8"]', "10.0.0.0/8,,fd00::/8,"]
)
def test_lists_are_comma_separated_or_json(text):
    settings = read_settings({}, {"PEERAGE_TRUSTED_PROXIES": text})
    assert settings.trusted_proxies == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def test_one_address_is_a_network():
    assert read_settings({"metrics.networks": ["10.1.2.3"]}, {}).metrics.networks == (
        ip_network("10.1.2.3/32"),
    )


@pytest.mark.parametrize("text", ["10.1.2.3/8", "proxy", "300.0.0.1", "::1/129"])
def test_a_network_that_is_none_is_refused(text):
    assert problems({"trusted_proxies": [text]})[0].startswith("trusted_proxies (from --trusted-proxies)")


@pytest.mark.parametrize(
    ("text", "listen"),
    [
        ("0.0.0.0:80", ListenAddress("0.0.0.0", 80)),
        ("[::]:0", ListenAddress("::", 0)),
        ("[0:0:0:0:0:0:0:1]:65535", ListenAddress("::1", 65535)),
    ],
)
def test_listen_is_read_and_shown(text, listen):
    assert read_listen(text) == listen
    assert read_listen(str(listen)) == listen


@pytest.mark.parametrize(
    "text",
    [
        "",
        "80",
        ":80",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        "::1:80",
        "[::1]",
        "[x]:1",
        "name:80",
        "*:1",
        "1.2.3.4:٣",
    ],
)
def test_an_address_that_cannot_be_listened_on_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        read_listen(text)


def test_listen_needs_an_address_and_is_no_default_any_more():
    assert problems(environment={"PEERAGE_LISTEN": ""})
    assert not read_settings({}, {"PEERAGE_LISTEN": "127.0.0.1:6969,[::1]:6969"}).listen_is_default


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4096", 4096),
        ("10 MiB", 10 * 2**20),
        ("512MB", 512_000_000),
        ("1.5 GiB", 3 * 2**29),
        ("1k", 1000),
        ("2 kib", 2048),
        ("7 B", 7),
    ],
)
def test_sizes_as_people_write_them(text, size):
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "10 XB", "iB", "1 iB", "MiB", "1 MiB 2", "0x10"])
def test_a_size_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="no size"):
        read_size(text)


@given(st.integers(min_value=0, max_value=2**50))
def test_a_shown_size_reads_back_to_within_a_percent(count):
    assert abs(read_size(format_size(count)) - count) <= count / 100


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("10s", 10), ("500 ms", 0.5), ("5m", 300), ("2h", 7200), ("1d", 86400)]
)
def test_times_as_people_write_them(text, seconds):
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "s", "-1", "1 week", "nan", "inf"])
def test_a_time_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="no time"):
        read_duration(text)


@pytest.mark.parametrize(
    "url",
    ["ftp://x", "x.example", "http://", "http://x/?a", "http://x/#a", "http://u:p@x/", "http://x:99999"],
)
def test_a_public_url_that_is_none_is_refused_without_its_text(url):
    (problem,) = problems({"public_url": url})
    assert "it must be http://host or https://host" in problem or "Port out of range" in problem
    assert "u:p" not in problem


@pytest.mark.parametrize(
    "path",
    [
        "/a b",
        "/a//b",
        "/%41",
        "/a/../b",
        "/.",
        '/"',
        "/<",
        "/;",
        "/\u00e9",
        "/" + "a" * 128,
        "/t",
        "/api/x",
        "/v1",
        "/a.php/b",
    ],
)
def test_a_path_that_cannot_stand_before_links_or_be_told_from_our_own_is_refused(path):
    for key in ("public_url", "downloads.files_url"):
        (problem,) = problems({key: f"https://x.example{path}"})
        assert "its path may" in problem


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("https://x.example/peerage/", "https://x.example/peerage"),
        ("HTTPS://x.example/a.b/~c/", "https://x.example/a.b/~c"),
        ("https://x.example//", "https://x.example"),
        ("https://x.example/?", "https://x.example"),
        ("https://x.example/x/#", "https://x.example/x"),
        ("https://x.example/torrents", "https://x.example/torrents"),
        ("https://x.example/" + "a" * 127, "https://x.example/" + "a" * 127),
    ],
)
def test_a_public_url_is_kept_in_one_form(url, read):
    assert read_settings({"public_url": url}, {}).public_url == read


def test_public_url_loses_its_last_slash_and_may_be_unset():
    assert (
        read_settings({"public_url": "https://t.example:8443/x/"}, {}).public_url
        == "https://t.example:8443/x"
    )
    assert read_settings({}, {"PEERAGE_PUBLIC_URL": ""}).public_url is None


@pytest.mark.parametrize("rate", ["", "60", "60/fortnight", "x/minute"])
def test_a_rate_that_is_none_is_refused(rate):
    assert "is no rate" in problems({"cache.upload_rate": rate})[0]


@pytest.mark.parametrize("header", ["", "x y", "a:b", "x\r\ny"])
def test_a_header_that_is_none_is_refused(header):
    assert "cannot name a header" in problems({"forwarded_header": header})[0]


def test_settings_are_frozen():
    settings = Settings()
    with pytest.raises(AttributeError):
        settings.data = Path("x")
    with pytest.raises(AttributeError):
        settings.tracker.interval = 1
    with pytest.raises(FrozenInstanceError):
        settings.listen[0].port = 1


def test_every_setting_has_a_meaning_a_range_and_its_own_names():
    for row in rows():
        assert row.meaning.endswith("."), row.key
        assert row.takes, row.key
        assert row.default, row.key
    assert (
        len({variable(key) for key in known_keys()})
        == len(known_keys())
        == len({option(key) for key in known_keys()})
    )


def test_the_printed_file_with_its_lines_switched_on_is_the_default():
    switched_on = "\n".join(
        line[1:] if line.startswith("#") and line[1:2] != " " else line for line in as_toml().splitlines()
    )
    tomllib.loads(as_toml())
    assert read_settings({}, {}, written(switched_on)) == Settings()
    assert set(switched_on.split()) >= {"[tracker]", "[cache]", "[http]", "[metrics]", "[log]"}


@pytest.mark.parametrize("name", ["a", "a b", "anonymous", "-ada"])
def test_the_first_admin_has_a_name_that_an_account_can_have(name):
    (problem,) = problems({"accounts.first_admin": name})
    assert "accounts.first_admin" in problem
    assert "can name no account" in problem


def test_the_file_of_the_package_is_read_where_no_other_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    packaged = tmp_path / "etc.toml"
    assert read_settings({}, {}, system_file=packaged).data == Path("data")
    packaged.write_text('data = "/var/lib/peerage"\n')
    assert read_settings({}, {}, system_file=packaged).data == Path("/var/lib/peerage")
    (tmp_path / "peerage.toml").write_text('data = "here"\n')
    assert read_settings({}, {}, system_file=packaged).data == Path("here")
