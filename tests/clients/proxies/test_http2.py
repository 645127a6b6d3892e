"""HTTP/2 over TLS from a client to the proxy, HTTP/1.1 from there to the service."""

import ipaddress
import subprocess
from pathlib import Path

import pytest

from tests.clients.proxies.reverse_proxy import HOST
from tests.clients.proxies.site import CLIENT, FORGED, Site
from tests.support.clients import announce_path

pytestmark = pytest.mark.clients


def curl(site: Site, certificate: Path, *arguments: str, paths: tuple[str, ...] = ("/",)) -> bytes:
    """The bodies of answers to curl, which speaks nothing but HTTP/2, each with its version and status behind it."""
    urls = [f"https://{HOST}:{site.proxy.tls_port}{path}" for path in paths]
    done = subprocess.run(
        ["curl", "-sS", "--http2", "--cacert", str(certificate), "--interface", CLIENT, "-g", "--max-time", "20",
         "--resolve", f"{HOST}:{site.proxy.tls_port}:127.0.0.1", "-w", "|%{http_version}|%{http_code}|\\n", *arguments, *urls],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout


def test_announces_over_http_2_have_the_clients_address(
    site: Site, certificate: Path, infohash: bytes
) -> None:
    told = curl(site, certificate, "-H", f"X-Forwarded-For: {FORGED}", paths=(announce_path(infohash),))
    assert b"11:external ip4:" + ipaddress.ip_address(CLIENT).packed in told
    assert told.endswith(b"|2|200|\n")
    assert FORGED not in site.peers(infohash)


def test_many_requests_share_a_connection(site: Site, certificate: Path) -> None:
    told = curl(site, certificate, "--parallel", paths=("/livez",) * 10)
    assert told.count(b'{"status":"ok"}') == told.count(b"|2|200|") == 10


def test_an_upload_over_http_2(site: Site, certificate: Path, tmp_path: Path) -> None:
    body = tmp_path / "junk.torrent"
    body.write_bytes(b"d4:infod4:name1:xe" + bytes(1000))
    told = curl(site, certificate, "-F", f"torrent=@{body}", paths=("/autoupload.php",))
    assert told.startswith(b"Error 400: ")  # what autoupload.php answers with success of HTTP
    assert told.endswith(b"|2|200|\n")
