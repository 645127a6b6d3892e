import hashlib

import pytest

from tests.clients.cache_client import fetch_digests, run_example
from tests.support.torrents import names, torrent

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def url(peerage_server):
    return peerage_server.url


EXAMPLES = ("soap.php", "soap.pl", "soap_zeep.py", "soap_suds.py")


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_documented_client_caches_a_torrent(url, tmp_path, example):
    data = torrent(f"by {example}", size=40 << 20)
    assert run_example(example, url, data, tmp_path) == names(data)[0]
    assert fetch_digests(url, names(data)[0], tmp_path) == {hashlib.sha1(data).hexdigest()}


@pytest.mark.parametrize("example", EXAMPLES)
def test_a_documented_client_gets_three_digits(url, tmp_path, example):
    assert run_example(example, url, b"d4:infodee", tmp_path) == "422"


@pytest.mark.parametrize("example", ["soap.php", "soap.pl"])
def test_a_large_torrent_passes(url, tmp_path, example):
    data = torrent(f"large by {example}", extra=b"x" * (8 << 20))
    assert run_example(example, url, data, tmp_path) == names(data)[0]
