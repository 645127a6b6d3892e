"""The whole site below a path behind a real nginx, which strips the path or leaves it."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.processes import PeerageProcess, wait_until
from tests.support.site_visit import visit

pytestmark = pytest.mark.clients

# Its socket has no port that another process could take, so the client's address is made up.
CONFIGURATION = """\
daemon off;
master_process off;
pid nginx.pid;
error_log error.log;
events {{}}
http {{
    access_log access.log;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    client_max_body_size 16m;
    server {{
        listen unix:{folder}/s;
        server_name example.org;
        location / {{
            return 404 "another site";
        }}
        location /peerage/ {{
            proxy_pass http://127.0.0.1:{port}{path};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_set_header X-Forwarded-For 203.0.113.9;
        }}
    }}
}}
"""
BASE = "http://example.org/peerage"
INTERVAL = re.compile(rb"(?<=intervali)\d+")  # it is spread by chance
ANNOUNCE = f"{BASE}/announce?info_hash={'a' * 20}&peer_id=-XX0001-abcdefghijkl&port=6881&left=0"


@pytest.fixture(params=["/", ""], ids=["stripped", "left"])
def site(
    request: pytest.FixtureRequest, tmp_path: Path, start_peerage: Callable[..., PeerageProcess]
) -> Iterator[tuple[PeerageProcess, Path]]:
    """The service, and the socket on which nginx answers for its host."""
    service = start_peerage(
        public_url=f"{BASE}/",
        trusted_proxies="127.0.0.1",
        limits__pages="100000/minute",
        limits__rest="100000/minute",
        limits__feeds_anonymous="100000/minute",
    )
    folder = tmp_path / "nginx"
    folder.mkdir()
    (folder / "nginx.conf").write_text(
        CONFIGURATION.format(folder=folder, port=service.port, path=request.param)
    )
    log = folder / "error.log"
    nginx = subprocess.Popen(["nginx", "-p", folder, "-c", "nginx.conf", "-e", log])
    try:
        wait_until((folder / "s").exists, lambda: log.read_text() if log.exists() else "nginx starts")
        yield service, folder / "s"
    finally:
        nginx.terminate()
        nginx.wait(10)


async def test_nothing_leads_out_of_the_path(site: tuple[PeerageProcess, Path]) -> None:
    service, socket = site
    link = (service.data / "first-admin-link").read_text().strip()
    await visit(lambda: httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(socket))), BASE, link)


def test_announces_below_the_path_are_answered_as_those_above_it(site: tuple[PeerageProcess, Path]) -> None:
    service, socket = site
    with httpx.Client(transport=httpx.HTTPTransport(uds=str(socket))) as client:
        below = [client.get(ANNOUNCE) for _ in range(2)][-1]
        keyed = client.get(ANNOUNCE.replace("/announce", "/announce/no-such-key"))
    direct = ANNOUNCE.replace(BASE, service.url)
    plain = httpx.get(direct, headers={"X-Forwarded-For": "203.0.113.9"})
    assert INTERVAL.sub(b"", below.content) == INTERVAL.sub(b"", plain.content)
    assert b"8:completei1e" in below.content
    assert b"14:failure reason" in keyed.content
