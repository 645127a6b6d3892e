"""Who sees what: nobody but its uploader and admins gets the announce URL of a private torrent."""

import json

import bencodepy
import pytest

from tests.support.clients import ask, multipart, upload
from tests.support.raw_torrents import info, infohash

KEY = b"passkey0of0the0uploader0"
INSIDE = info(b"secret", private=1)
PRIVATE = bencodepy.encode(
    {
        b"announce": b"http://there.test/" + KEY + b"/announce",
        b"announce-list": [[b"http://there.test/" + KEY + b"/announce"]],
        b"comment": b"from http://there.test/details?" + KEY,
        b"url-list": [b"http://there.test/seed/" + KEY],
        b"info": INSIDE,
    }
)
PUBLIC = bencodepy.encode({b"announce": b"http://there.test/announce", b"info": info(b"open")})


def path_of(data):
    return f"/torrent/{infohash(data).hex().upper()}.torrent"


class Site:
    """A service with accounts, and a private and a public torrent that anna brought."""

    def __init__(self, service):
        self.service = service
        self.keys = {}
        for name, flags in (("anna", ()), ("bert", ()), ("mod", ("--moderator",)), ("root", ("--admin",))):
            assert service.run("user", "add", name, *flags).returncode == 0
            self.keys[name] = service.run("key", "add", name, "--scope", "rest").stdout.split()[-1]
        for data in (PRIVATE, PUBLIC):
            assert self.bring("anna", data).status == 201

    def bring(self, who, data):
        body, kind = multipart(data, "file")
        boundary = kind.partition("boundary=")[2]
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="title"\r\n\r\nsaid\r\n'
        return self.get(who, "/api/torrents", "POST", part.encode() + body, content_type=kind)

    def get(self, who, path, method="GET", body=b"", **headers):
        """One request as an account, or as nobody."""
        if who is not None:
            headers["authorization"] = f"Bearer {self.keys[who]}"
        return ask(self.service.port, path, method, body, **headers)


@pytest.fixture
def site(start_peerage):
    return Site(start_peerage())


def test_nobody_gets_the_file_of_a_private_torrent(site):
    for path in (path_of(PRIVATE), path_of(PRIVATE).lower()):
        answer = site.get(None, path)
        assert answer.status == 401
        assert KEY not in answer.body
    assert site.get(None, path_of(PUBLIC)).body == PUBLIC


def test_nobody_reads_its_announce_url_on_a_page_or_by_an_api(site):
    paths = ("/t/1", "/api/torrents/1", "/api/torrents", "/g/1", "/api/torrents/1/download", "/search")
    for path in paths:
        assert KEY not in site.get(None, path).body, path
    for path in paths:
        assert KEY not in site.get("bert", path).body, path


@pytest.mark.parametrize("door", ["cache", "rest"])
def test_an_account_gets_it_with_its_own_announce_url(site, door):
    path = path_of(PRIVATE) if door == "cache" else "/api/torrents/1/download"
    for who in ("bert", "mod"):
        answer = site.get(who, path)
        assert answer.status == 200
        assert "private" in answer.headers["cache-control"]
        file = bencodepy.decode(answer.body)
        assert bencodepy.encode(INSIDE) in answer.body
        assert file[b"info"] == INSIDE
        assert file[b"announce"].endswith(b"/announce")
        assert KEY not in answer.body
    for who in ("anna", "root"):
        assert site.get(who, path).body == PRIVATE


def test_a_catalogue_without_rights_for_everybody_has_a_cache_without_files_for_everybody(start_peerage):
    site = Site(start_peerage(accounts__anonymous="[]"))
    for data in (PRIVATE, PUBLIC):
        assert site.get(None, path_of(data)).status == 401
    assert site.get("bert", path_of(PUBLIC)).body == PUBLIC


def test_a_hidden_torrent_is_hidden_in_the_cache_too(site):
    body = json.dumps({"hidden": True}).encode()
    moderated = site.get("mod", "/api/torrents/2/moderation", "PATCH", body, content_type="application/json")
    assert moderated.status == 200
    for who, status in ((None, 404), ("bert", 404), ("anna", 200), ("mod", 200)):
        assert site.get(who, path_of(PUBLIC)).status == status, who


def test_a_plain_cache_can_be_had(start_peerage):
    service = start_peerage(cache__anonymous_private=True)
    assert upload(service.port, PRIVATE).status == 200
    assert ask(service.port, path_of(PRIVATE)).body == PRIVATE
