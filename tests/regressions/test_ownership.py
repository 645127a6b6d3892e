"""Who owns a torrent: no upload takes over what others have written, and every change of an owner is logged."""

import json

import pytest

from tests.support.clients import ask, multipart, upload
from tests.support.raw_torrents import info, infohash, torrent


class Site:
    """A service with three accounts, and its REST API as each of them."""

    def __init__(self, service):
        self.service = service
        for name, flags in (("anna", ()), ("bert", ()), ("mod", ("--moderator",)), ("root", ("--admin",))):
            assert service.run("user", "add", name, *flags).returncode == 0
        self.keys = {
            name: service.run("key", "add", name, "--scope", "rest").stdout.split()[-1]
            for name in ("anna", "bert", "mod", "root")
        }

    def rest(self, who, method, path, **fields):
        """The status and the decoded answer of an operation with a JSON body."""
        body = json.dumps(fields).encode() if fields else b""
        headers = {"authorization": f"Bearer {self.keys[who]}", "content_type": "application/json"}
        answer = ask(self.service.port, f"/api{path}", method, body, **headers)
        return answer.status, json.loads(answer.body or b"{}")

    def bring(self, who, data, title):
        """Upload by REST."""
        body, kind = multipart(data, "file")
        boundary = kind.partition("boundary=")[2]
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="title"\r\n\r\n{title}\r\n'
        answer = ask(
            self.service.port,
            "/api/torrents",
            "POST",
            part.encode() + body,
            authorization=f"Bearer {self.keys[who]}",
            content_type=kind,
        )
        return answer.status, json.loads(answer.body)

    def torrent(self):
        """The only torrent."""
        return self.rest("mod", "GET", "/torrents/1")[1]["data"]

    def log(self):
        """Verb, subject and detail of every entry, newest first."""
        entries = self.rest("mod", "GET", "/log")[1]["data"]
        return [(entry["verb"], entry["subject"], entry["detail"]) for entry in entries]


@pytest.fixture
def site(start_peerage):
    return Site(start_peerage())


DATA = torrent(info(b"ours"))


@pytest.mark.parametrize("who", ["anna", "bert"])
def test_an_upload_of_what_is_owned_is_refused_and_heals_the_file(site, who):
    assert site.bring("anna", DATA, "ours")[0] == 201
    [file] = (site.service.data / "torrents").glob("??/??/*.torrent.gz")
    for change in (lambda: file.write_bytes(file.read_bytes()[:-20]), file.unlink):
        change()
        assert site.bring(who, DATA, "theirs")[0] == 409
        name = infohash(DATA).hex().upper()
        assert ask(site.service.port, f"/torrent/{name}.torrent").body == DATA
        assert site.torrent()["title"] == "ours"


def test_what_a_moderator_wrote_is_not_taken_over_by_an_upload(site):
    assert upload(site.service.port, DATA).status == 200
    status, _ = site.rest("mod", "PATCH", "/torrents/1", title="Curated", description="with care")
    assert status == 200
    site.bring("anna", DATA, "mine")
    torrent = site.torrent()
    assert (torrent["title"], torrent["description"]) == ("Curated", "with care")
    assert torrent["uploader"] is None
    assert site.rest("anna", "DELETE", "/torrents/1")[0] == 403
    assert site.rest("anna", "PATCH", "/torrents/1", title="mine")[0] == 403


def test_a_claim_and_a_deletion_by_its_owner_are_in_the_log(site):
    assert upload(site.service.port, DATA).status == 200
    assert site.bring("anna", DATA, "First")[0] == 201
    assert "own" in [verb for verb, _, _ in site.log()]
    assert site.rest("anna", "DELETE", "/torrents/1")[0] == 204
    assert site.log()[0] == ("delete", "torrent", "First")


def test_a_second_upload_by_the_owner_is_a_conflict(site):
    assert site.bring("anna", DATA, "First")[0] == 201
    status, answer = site.bring("anna", DATA, "Second")
    assert (status, answer["error"]["code"]) == (409, "CONFLICT")
    assert site.torrent()["title"] == "First"


def test_an_import_gives_an_owner(site, tmp_path):
    file = tmp_path / "x.torrent"
    file.write_bytes(DATA)
    done = site.service.run("import", str(file), "--owner", "bert")
    assert done.returncode == 0, done.stderr
    assert site.torrent()["uploader"]["username"] == "bert"
    assert site.bring("anna", DATA, "mine")[0] == 409
    assert site.log()[0][:2] == ("own", "torrent")


def test_an_admin_gives_a_torrent_to_an_account(site):
    site.bring("anna", DATA, "First")
    infohash = site.torrent()["info_hash"]
    assert site.rest("mod", "PUT", "/torrents/1/owner", username="mod")[0] == 403
    assert site.rest("root", "PUT", "/torrents/1/owner", username="bert")[0] == 200
    assert site.torrent()["uploader"]["username"] == "bert"
    assert site.rest("anna", "PATCH", "/torrents/1", title="mine")[0] == 403
    assert site.service.run("torrent", "own", infohash, "anna").returncode == 0
    assert site.torrent()["uploader"]["username"] == "anna"
    assert [detail for verb, _, detail in site.log() if verb == "own"][-1] == "anna to bert"
    assert site.service.run("torrent", "own", infohash, "nobody-here").returncode != 0
