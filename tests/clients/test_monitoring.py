"""The dashboard and the alert rules, by a real Prometheus that scrapes the running service."""

import json
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.clients import udp
from tests.support.processes import PeerageProcess, wait_until
from tracker.sampling import SAMPLE_EVERY

pytestmark = pytest.mark.clients
FOLDER = Path(__file__).parents[2] / "docs" / "monitoring"
CONFIGURATION = """\
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs: [{{job_name: peerage, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}]
"""
SCRAPED = "count_over_time(peerage_peers[1m]) >= 3"
TIMED = 'increase(peerage_announce_seconds_count{transport="udp"}[1m]) > 0'
VARIABLES = {"$job": "peerage", "$instance": ".*", "$__rate_interval": "1m"}
# Nothing was refused, so there is no series yet; with one there would be.
EMPTY = {"peerage_refusals_total", "peerage_upload_refusals_total"}


def expressions() -> list[str]:
    """Every query of the dashboard, with its variables filled in."""
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    found = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    for name, value in VARIABLES.items():
        found = [text.replace(name, value) for text in found]
    return found


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], list[object]]]:
    """A function that asks a Prometheus which has scraped the service a few times."""
    folder = tmp_path_factory.mktemp("prometheus")
    service = PeerageProcess(folder / "data").start()
    (folder / "prometheus.yml").write_text(CONFIGURATION.format(port=service.port))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [
        "prometheus",
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address={address}",
    ]
    running = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = httpx.Client(base_url=f"http://{address}", timeout=20)

    def ask(text: str) -> list[object]:
        answer = client.get("/api/v1/query", params={"query": text}).json()
        assert answer["status"] == "success", (text, answer)
        return answer["data"]["result"]

    def scraped() -> bool:
        try:
            for number in range(SAMPLE_EVERY):  # of which native code times one
                announcing.announce(bytes(20), port=1 + number)
            return all(map(ask, (SCRAPED, TIMED)))
        except (httpx.HTTPError, TimeoutError, AssertionError):
            return False

    try:
        with udp(service.port) as announcing:
            wait_until(scraped, "Prometheus scrapes the service", 60)
        yield ask
    finally:
        client.close()
        running.terminate()
        running.wait(20)
        assert service.stop() == 0


def test_every_query_of_the_dashboard_finds_something(prometheus: Callable[[str], list[object]]) -> None:
    texts = expressions()
    assert len(texts) > 25
    empty = [text for text in texts if not prometheus(text)]
    assert {name for text in empty for name in re.findall(r"peerage_\w+", text)} <= EMPTY


def test_the_panels_of_latency_show_times_of_requests_announces_and_stalls(
    prometheus: Callable[[str], list[Any]],
) -> None:
    for name, label, classes in (
        ("peerage_request_seconds", "class", {"other"}),
        ("peerage_announce_seconds", "transport", {"udp"}),
        ("peerage_loop_stall_seconds", None, {None}),
    ):
        texts = [text for text in expressions() if f"{name}_bucket" in text]
        shown = [text for text in texts if text.startswith("histogram_quantile(0.99,")]
        assert len(texts) >= 3, f"two quantiles and the buckets of {name}"
        assert len(shown) == 1
        found = {each["metric"].get(label): float(each["value"][1]) for each in prometheus(shown[0])}
        assert {each for each, seconds in found.items() if 0 < seconds < 10} >= classes, found
        (heat,) = [text for text in texts if text.startswith("sum by (le) (increase(")]
        counts = {each["metric"]["le"]: float(each["value"][1]) for each in prometheus(heat)}
        assert counts["+Inf"] == max(counts.values()) > 0


def test_every_alert_is_of_what_the_service_says(prometheus: Callable[[str], list[object]]) -> None:
    told = prometheus('{__name__=~"peerage_.*"}')
    known = {each["metric"]["__name__"] for each in told}  # type: ignore[index]
    rules = (FOLDER / "alerts.yml").read_text()
    assert set(re.findall(r"\bpeerage_\w+", rules)) <= known
    asked = re.findall(r"expr: (?:>-\n)?((?:.|\n)*?)\n        (?:for|labels)", rules)
    assert len(asked) == rules.count("- alert:")
    firing = [text for text in asked if prometheus(" ".join(text.split()))]
    assert firing == []


def test_the_rules_fire_where_they_should() -> None:
    for words in (["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]):
        ran = subprocess.run(["promtool", *words], cwd=FOLDER, capture_output=True, text=True)
        assert ran.returncode == 0, ran.stdout + ran.stderr
