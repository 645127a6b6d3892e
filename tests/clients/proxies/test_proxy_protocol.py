"""Proxies that pass bytes on and name the client by the PROXY protocol."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.proxies.conftest import SETTINGS
from tests.clients.proxies.reverse_proxy import STREAMS
from tests.clients.proxies.site import CLIENT, FORGED, OTHER, Site, head, running, seen
from tests.support.clients import Http, announce_path
from tests.support.processes import peerage_processes

pytestmark = pytest.mark.clients


@pytest.fixture(
    scope="module", params=[(name, door) for door in ("native", "uvicorn") for name in STREAMS], ids="-".join
)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificate: Path
) -> Iterator[Site]:
    """The service behind a proxy that sends headers; only its network may."""
    name, door = request.param
    folder = tmp_path_factory.mktemp(f"{name}-{door}")
    settings = {**SETTINGS, "trusted_proxies": "", "proxy_protocol": "127.0.0.1"}
    with peerage_processes(folder) as start:
        service = start(tracker__door=door, **settings)
        (folder / "proxy").mkdir()
        with running(STREAMS[name](folder / "proxy", service.port, certificate)) as proxy:
            yield Site(service, proxy)
        assert "Traceback" not in service.output


def test_the_swarm_has_the_clients(site: Site, infohash: bytes) -> None:
    assert site.seen_by(infohash, source=CLIENT) == CLIENT
    assert (
        site.seen_by(infohash, f"X-Forwarded-For: {FORGED}", f"Forwarded: for={FORGED}", source=OTHER)
        == OTHER
    )


def test_kept_connections_and_pipelines_keep_their_client(site: Site, infohash: bytes) -> None:
    with site.connect() as connection:
        connection.send(head("GET", announce_path(infohash)) * 3)
        assert [seen(connection.receive()) for _ in range(3)] == [CLIENT] * 3


def test_pages_and_files_are_served(site: Site) -> None:
    assert site.ask("/").status == 200
    assert site.ask("/livez").body == b'{"status":"ok"}'
    assert site.ask("/metrics").status in (200, 403)


def test_others_need_no_header(site: Site, infohash: bytes) -> None:
    """Who comes from elsewhere than the named proxy is served as ever."""
    with Http(site.service.port, source="127.0.0.9") as connection:
        connection.send(head("GET", announce_path(infohash)))
        assert seen(connection.receive()) == "127.0.0.9"
