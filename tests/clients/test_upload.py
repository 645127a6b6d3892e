import hashlib

import pytest

from tests.clients.cache_client import fetch_digests, run, run_example
from tests.support.torrents import names, torrent

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def url(peerage_server):
    return peerage_server.url


def curl_upload(url, data, folder, *options, path="/autoupload.php"):
    (folder / "my.torrent").write_bytes(data)
    part = "torrent=@my.torrent;type=application/x-bittorrent"
    return run("curl", "-sS", *options, "-F", part, url + path, folder=folder)


@pytest.mark.parametrize("example", ["upload.php", "upload_httpx.py"])
def test_a_documented_client_uploads_a_torrent(url, tmp_path, example):
    data = torrent(f"by {example}", size=40 << 20)
    assert run_example(example, url, data, tmp_path) == names(data)[0]
    assert fetch_digests(url, names(data)[0], tmp_path) == {hashlib.sha1(data).hexdigest()}


# curl asks for leave to send (Expect: 100-continue) from 1 MiB on.
@pytest.mark.parametrize("extra", [0, 3 << 20])
def test_curl_uploads_and_fetches(url, tmp_path, extra):
    data = torrent(f"by curl {extra}", extra=b"x" * extra)
    assert curl_upload(url, data, tmp_path) == f"{names(data)[0]}\n"
    assert fetch_digests(url, names(data)[0], tmp_path) == {hashlib.sha1(data).hexdigest()}


@pytest.mark.parametrize(
    "options", [(), ("-H", "Expect:"), ("--http1.0",), ("-H", "Transfer-Encoding: chunked")]
)
def test_curl_sees_that_a_file_is_too_large(url, tmp_path, options):
    answer = curl_upload(url, bytes(50 << 20), tmp_path, *options)
    assert answer.startswith("Error 413: ")


def test_curl_sees_why_junk_is_refused(url, tmp_path):
    assert curl_upload(url, b"junk", tmp_path).startswith("Error 400: ")


def test_curl_fills_in_the_browsers_form(url, tmp_path):
    data = torrent("by the form")
    page = curl_upload(url, data, tmp_path, path="/upload.php")
    assert names(data)[0] in page


def test_curl_follows_a_lower_case_address(url, tmp_path):
    data = torrent("lower case")
    curl_upload(url, data, tmp_path)
    address = f"{url}/torrent/{names(data)[0].lower()}.torrent"
    run("curl", "-sSfL", "-o", "fetched", address, folder=tmp_path)
    assert (tmp_path / "fetched").read_bytes() == data
