import json
import urllib.request
from functools import partial

import pytest
from click.testing import CliRunner

from bittorrent.shares import ShareTerms
from peerage.cli import main
from peerage.sections import TrackerSection
from peerage.wiring.environment import NoNativeStore
from peerage.wiring.swarm_store import announce_terms, make_swarm_store
from tests.support.swarm_stores import STORES


def test_the_store_in_c_is_taken_wherever_it_was_built():
    assert make_swarm_store(TrackerSection(), ShareTerms()).name == (
        "native" if "native" in STORES else "python"
    )


@pytest.mark.parametrize("name", STORES)
def test_the_settings_choose_a_store(name):
    assert make_swarm_store(TrackerSection(store=name), ShareTerms()).name == name


def test_without_the_extension_the_store_in_python_serves():
    assert make_swarm_store(TrackerSection(), ShareTerms(), native=False).name == "python"
    with pytest.raises(NoNativeStore, match="C compiler"):
        make_swarm_store(TrackerSection(store="native"), ShareTerms(), native=False)


def test_the_command_says_that_the_extension_is_missing(monkeypatch, tmp_path):
    not_built = partial(make_swarm_store, native=False)
    monkeypatch.setattr("peerage.wiring.tracker.make_swarm_store", not_built)

    outcome = CliRunner().invoke(
        main,
        ["serve", "--data", str(tmp_path / "data"), "--tracker-store", "native", "--listen", "127.0.0.1:0"],
    )

    assert outcome.exit_code == 1
    assert "the C extension was not built" in outcome.output


def test_terms_are_the_settings_in_seconds():
    terms = announce_terms(
        TrackerSection(interval=600, min_interval=60, remember_completed=2, peers_per_address=7),
        ShareTerms(binds_above=0.5),
    )

    assert (terms.interval, terms.min_interval, terms.remember_completed) == (600, 60, 2 * 86_400)
    assert terms.peers_per_address == 7
    assert terms.shares.threshold(10) == 5


@pytest.mark.parametrize("name", STORES)
def test_log_stats_and_metrics_name_the_store(start_peerage, name):
    service = start_peerage(tracker__store=name)

    stats = json.loads(service.run("stats", "--json").stdout)
    figures = urllib.request.urlopen(f"{service.url}/metrics", timeout=10).read().decode()

    assert stats["tracker"]["store"] == name
    assert f'peerage_tracker_info{{store="{name}"}} 1.0' in figures
    lines = [line for line in service.output.splitlines() if "swarms.store" in line]
    assert len(lines) == 1
    assert f'"store": "{name}"' in lines[0]
