"""A service behind each proxy, with its sockets in native threads and in the event loop, shared by all tests."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.proxies.reverse_proxy import HOST, PROXIES
from tests.clients.proxies.site import Site, infohashes, running
from tests.support.processes import peerage_processes

PLENTY = "1000000/minute"
SETTINGS = {
    "public_url": f"http://{HOST}/",
    "trusted_proxies": "127.0.0.1",
    "limits__pages": PLENTY,
    "limits__rest": PLENTY,
    "cache__upload_rate": PLENTY,
    "cache__min_free_disk": 0,
}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with a certificate for the host, signed by itself, and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    name = ["-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}", "-days", "2"]
    command = ["openssl", "req", "-x509", *kind, *name, "-keyout", "key", "-out", "certificate"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "certificate").read_text() + (folder / "key").read_text())
    return both


@pytest.fixture(
    scope="session", params=[(name, door) for door in ("native", "uvicorn") for name in PROXIES], ids="-".join
)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, certificate: Path
) -> Iterator[Site]:
    """The service behind a proxy."""
    name, door = request.param
    folder = tmp_path_factory.mktemp(f"{name}-{door}")
    with peerage_processes(folder) as start:
        service = start(tracker__door=door, **SETTINGS)
        (folder / "proxy").mkdir()
        with running(PROXIES[name](folder / "proxy", service.port, certificate)) as proxy:
            yield Site(service, proxy)
        assert service.process is not None
        assert service.process.poll() is None
        assert "Traceback" not in service.output


@pytest.fixture
def infohash() -> bytes:
    """A hash that no other test announces."""
    return next(infohashes())
