"""The DNS record of BEP 34."""

import json

import pytest
from click.testing import CliRunner

from peerage.cli import main
from peerage.config import Settings
from peerage.dns_record import dns_record
from peerage.setting_values import ListenAddress

BOTH = (ListenAddress("0.0.0.0", 6969), ListenAddress("::", 6969))


@pytest.mark.parametrize(
    ("listen", "public_url", "host", "expected"),
    [
        (BOTH, None, None, ['tracker.example.org. IN TXT "BITTORRENT UDP:6969 TCP:6969"']),
        (BOTH, None, "t.test.", ['t.test. IN TXT "BITTORRENT UDP:6969 TCP:6969"']),
        (BOTH, "http://a.test", None, ['a.test. IN TXT "BITTORRENT UDP:6969 TCP:80"']),
        (BOTH, "http://a.test:8080/x", "b.test", ['b.test. IN TXT "BITTORRENT UDP:6969 TCP:8080"']),
        (
            (ListenAddress("127.0.0.1", 1), ListenAddress("127.0.0.1", 2)),
            None,
            "a.test",
            ['a.test. IN TXT "BITTORRENT UDP:1 UDP:2 TCP:1 TCP:2"'],
        ),
    ],
)
def test_the_ports_are_those_that_clients_reach(listen, public_url, host, expected):
    assert dns_record(Settings.of(listen=listen, public_url=public_url), host).lines() == expected


def test_what_the_record_cannot_say_is_a_comment():
    over_tls = dns_record(Settings.of(listen=BOTH, public_url="https://a.test")).lines()
    assert over_tls[0].startswith("; public_url is https")
    assert over_tls[1:] == ['a.test. IN TXT "BITTORRENT UDP:6969"']
    unknown = dns_record(Settings.of(listen=(ListenAddress("127.0.0.1", 0),))).lines()
    assert unknown[0].startswith("; the port is chosen")
    assert unknown[1:] == ['tracker.example.org. IN TXT "BITTORRENT"']


def test_the_command_reads_the_settings(tmp_path):
    config = tmp_path / "peerage.toml"
    config.write_text('public_url = "http://tracker.test:6969"\nlisten = ["0.0.0.0:6969"]\n')
    done = CliRunner().invoke(main, ["dns", "--config", str(config)])
    assert (done.exit_code, done.output) == (0, 'tracker.test. IN TXT "BITTORRENT UDP:6969 TCP:6969"\n')
    done = CliRunner().invoke(main, ["dns", "--json", "--config", str(config)])
    assert json.loads(done.output) == {
        "host": "tracker.test",
        "type": "TXT",
        "text": "BITTORRENT UDP:6969 TCP:6969",
        "notes": [],
    }
