"""`peerage init`: what it writes is what the service reads."""

import json

import pytest
from click.testing import CliRunner

from bittorrent.refusal import REASONS
from peerage.cli import main
from peerage.config import read_settings
from peerage.first_settings import FirstAnswers, as_settings_file, first_settings
from peerage.proxy_configuration import PROXIES, proxy_configuration, upstream
from peerage.setting_values import ListenAddress
from tests.support.clients import announce_path, ask
from tests.support.processes import ROOT, peerage_processes

ALL = ["--domain", "t.test", "--mode", "listed", "--uploads", "accounts", "--no-downloads", "--admin", "ada"]


def invoke(folder, *arguments, given=None):
    """The status, standard output and standard error of the command, which writes into a folder."""
    target = ["--config", str(folder / "peerage.toml")]
    done = CliRunner().invoke(main, ["init", *target, *arguments], input=given)
    return done.exit_code, done.stdout, done.stderr


def test_five_answers_become_the_settings_that_differ(tmp_path):
    status, output, said = invoke(tmp_path, given="Tracker.Test.\nprivate\nregistered\ny\nada\n")
    assert status == 0, said
    settings = read_settings({}, {}, tmp_path / "peerage.toml")
    assert settings.public_url == "https://tracker.test"
    assert str(settings.listen[0]) == "0.0.0.0:6969"
    assert [str(each) for each in settings.trusted_proxies] == ["127.0.0.1/32", "::1/128"]
    assert settings.tracker.mode == "private"
    assert settings.accounts.anonymous == ()
    assert settings.accounts.registration
    assert settings.accounts.first_admin == "ada"
    assert not settings.cache.anonymous_upload
    assert "downloads" not in (tmp_path / "peerage.toml").read_text(), "on is the default"
    assert 'tracker.test. IN TXT "BITTORRENT UDP:6969"' in said
    assert any(output.strip() == proxy_configuration(name, settings).strip() for name in PROXIES)


def test_what_is_left_to_do_is_a_record_too(tmp_path):
    status, output, said = invoke(tmp_path, *ALL, "--proxy", "nginx", "--json")
    assert status == 0, said
    record = json.loads(output)
    settings = read_settings({}, {}, tmp_path / "peerage.toml")
    assert (record["file"], record["proxy"]) == (str(tmp_path / "peerage.toml"), "nginx")
    assert record["configuration"] == proxy_configuration("nginx", settings)
    assert any(step.startswith("Start: peerage serve") for step in record["steps"])
    assert "What is left" not in said


def test_the_defaults_are_not_written(tmp_path):
    status, output, said = invoke(tmp_path, given="\n\n\ny\n\n")
    assert status == 0, said
    written = (tmp_path / "peerage.toml").read_text().splitlines()
    assert [line for line in written if line and not line.startswith("#")] == []
    assert "DNS" not in said
    assert output.strip() == ""


def test_a_private_tracker_takes_uploads_of_accounts_unless_told_otherwise(tmp_path):
    assert invoke(tmp_path, given="\nprivate\n\n\n\n")[0] == 0
    assert not read_settings({}, {}, tmp_path / "peerage.toml").cache.anonymous_upload


def test_what_is_there_is_overwritten_by_force_alone(tmp_path):
    file = tmp_path / "peerage.toml"
    assert invoke(tmp_path, *ALL)[0] == 0
    kept = file.read_text()
    status, _, said = invoke(tmp_path, *ALL, "--admin", "eve")
    assert (status, file.read_text()) == (1, kept)
    assert "--force" in said
    assert "?" not in invoke(tmp_path)[2], "nothing is asked in vain"
    assert invoke(tmp_path, *ALL, "--admin", "eve", "--force")[0] == 0
    assert '"eve"' in file.read_text()
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_to_nowhere_is_there_too(tmp_path):
    (tmp_path / "peerage.toml").symlink_to(tmp_path / "elsewhere")
    assert invoke(tmp_path, *ALL)[0] == 1
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    status, _, said = invoke(tmp_path / "none", *ALL)
    assert status == 1
    assert "cannot be written: No such file or directory" in said


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("--domain", "https://t.test"),
        ("--domain", "t.test:80"),
        ("--domain", "a b"),
        ("--domain", "a;b"),
        ("--domain", "192.0.2.1"),
        ("--domain", "a" * 64 + ".test"),
        ("--domain", "a." * 127 + "test"),
        ("--admin", "a b"),
        ("--admin", "anonymous"),
        ("--mode", "open"),
        ("--uploads", "nobody"),
        ("--proxy", "apache"),
    ],
)
def test_a_wrong_answer_is_named_and_nothing_written(tmp_path, name, text):
    status, _, said = invoke(tmp_path, *ALL, name, text)
    assert status == 2
    assert name in said
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_answer_is_asked_for_again(tmp_path):
    status, _, said = invoke(tmp_path, given="a b\nt.test\nopen\nlisted\n\n\nanonymous\nada\n")
    assert status == 0, said
    settings = read_settings({}, {}, tmp_path / "peerage.toml")
    assert (settings.public_url, settings.tracker.mode) == ("https://t.test", "listed")
    assert settings.accounts.first_admin == "ada"


def test_without_a_proxy_clients_reach_the_service_itself(tmp_path):
    status, output, said = invoke(tmp_path, *ALL, "--proxy", "none")
    assert (status, output) == (0, ""), said
    settings = read_settings({}, {}, tmp_path / "peerage.toml")
    assert settings.public_url == "http://t.test:6969"
    assert settings.trusted_proxies == ()
    assert "open TCP and UDP 6969" in said


def test_a_machine_without_ipv6_listens_on_ipv4():
    answers = FirstAnswers(domain="t.test")
    assert first_settings(answers, has_ipv6=False)["listen"] == ["0.0.0.0:6969"]
    assert first_settings(answers, has_ipv6=True)["listen"] == ["0.0.0.0:6969", "[::]:6969"]


@pytest.mark.parametrize("name", PROXIES)
def test_the_proxy_that_is_named_is_told_of_the_domain(tmp_path, name):
    status, output, said = invoke(tmp_path, *ALL, "--proxy", name)
    assert status == 0, said
    assert output == proxy_configuration(name, read_settings({}, {}, tmp_path / "peerage.toml"))
    assert "t.test" in output
    assert f"put the configuration into {PROXIES[name].place}" in said


def test_the_service_starts_with_what_was_written(tmp_path):
    assert invoke(tmp_path, *ALL)[0] == 0
    with peerage_processes(tmp_path) as start:
        service = start()  # its address and folder are given, all else is in the file
        assert service.run("user", "list").stdout.split()[1:3] == ["ada", "admin"]
        assert "https://t.test/welcome/" in (service.data / "first-admin-link").read_text()
        answer = ask(service.port, announce_path(bytes(20))).bencoded
        assert answer[b"failure reason"].decode() == REASONS["unlisted"].sentence


@pytest.mark.parametrize("name", PROXIES)
def test_the_documented_configurations_are_those_that_are_written(name, tmp_path):
    answers = FirstAnswers(domain="tracker.example.org")
    (tmp_path / "peerage.toml").write_text(as_settings_file(first_settings(answers, has_ipv6=True)))
    settings = read_settings({}, {}, tmp_path / "peerage.toml")
    documented = (ROOT / "docs" / "proxies" / PROXIES[name].file).read_text()
    assert proxy_configuration(name, settings) == documented


@pytest.mark.parametrize("name", PROXIES)
def test_a_configuration_follows_the_settings(name):
    settings = read_settings(
        {
            "public_url": "https://a.test/below",
            "listen": "203.0.113.5:7000,[::]:7000",
            "cache.max_torrent_size": "64 MiB",
            "http.keep_alive": "5",
        },
        {},
    )
    text = proxy_configuration(name, settings)
    assert "[::1]:7000" in text
    assert "/below/" in text
    assert "88m" in text or "88MiB" in text or str(88 * 2**20) in text
    assert "@" not in text


def test_a_proxy_reaches_the_service_on_its_machine():
    v4, v6, public = (ListenAddress(host, 1) for host in ("127.0.0.2", "::", "203.0.113.5"))
    assert upstream([public, v6, v4]) == v4
    assert upstream([public, v6]) == ListenAddress("::1", 1)
    assert upstream([public]) == public
