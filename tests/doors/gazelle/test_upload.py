import pytest

from bittorrent.infohash import InfoHash
from catalogue.model import PUBLIC_VIEWER
from doors.gazelle.upload import FORM_LIMIT
from tests.doors.gazelle.client import INFO, torrent_file
from tests.doors.gazelle.test_access import cookie_of
from tests.support.torrents import names

DATA = torrent_file("An album")
# What a redacted-style uploader sends, in its order.
FIELDS = [
    ("submit", "true"), ("type", "0"), ("artists[]", "Ann O'Nym, the first"), ("importance[]", "1"),
    ("artists[]", "Second"), ("importance[]", "2"), ("title", "An album"), ("year", "1985"), ("releasetype", "1"),
    ("remaster_year", "2001"), ("remaster_record_label", "Other"), ("record_label", "A lab"),
    ("catalogue_number", "ACC 1"), ("format", "FLAC"), ("bitrate", "Lossless"), ("other_bitrate", "ignored"),
    ("media", "CD"), ("tags", "fungi,one.shot"), ("image", "https://img.example/1.png"),
    ("album_desc", "The [b]album[/b]."), ("release_desc", "This rip."), ("groupid", ""), ("requestid", ""),
]  # fmt: skip


def send(api, token, fields=FIELDS, files=(("file_input", DATA),), **more):
    answer = api.post(list(fields), files, token, **more)
    assert answer.status_code == 200, answer.text
    content = answer.json()
    assert content.pop("info") == INFO
    return content


def changed(**changes):
    return [(name, changes.get(name, value)) for name, value in FIELDS]


def test_a_torrent_and_its_group_are_as_they_were_told(api, ann, token):
    content = send(api, token)
    made = content["response"]
    torrent = api.run(api.services.catalogue.torrents.torrent(made["torrentid"], PUBLIC_VIEWER))
    assert content == {
        "status": "success",
        "response": {
            "private": False, "source": True, "requestid": None, "torrentid": torrent.id, "groupid": torrent.group.id,
        },
    }  # fmt: skip
    group = torrent.group
    assert (torrent.uploader.name, torrent.description, torrent.platform, torrent.format, torrent.license) == (
        "ann", "This rip.", "CD", "FLAC", "Lossless",
    )  # fmt: skip
    assert (group.name, group.year, group.tags, group.lab, group.accession) == (
        "An album", 1985, ("fungi", "one.shot"), "A lab", "ACC 1",
    )  # fmt: skip
    assert [author.name for author in group.authors] == ["Ann O'Nym, the first", "Second"]
    assert (group.description, group.picture) == ("The [b]album[/b].", "https://img.example/1.png")
    assert api.ask(token, "browse", encoding="Lossless", media="CD")["results"][0]["groupId"] == group.id
    assert api.get("/ajax.php", token, action="download", id=torrent.id).content == DATA


def test_a_torrent_joins_a_group_and_leaves_it_as_it_is(api, token):
    first = send(api, token)["response"]
    fields = changed(groupid=str(first["groupid"]), title="Another name", bitrate="Other", other_bitrate="V0")
    second = send(api, token, fields, [("file_input", torrent_file("A second rip"))])["response"]
    torrent = api.run(api.services.catalogue.torrents.torrent(second["torrentid"], PUBLIC_VIEWER))
    assert second["groupid"] == first["groupid"]
    assert (torrent.group.name, torrent.license) == ("An album", "V0")


@pytest.mark.parametrize(
    ("fields", "files", "error"),
    [
        (FIELDS, [], "no torrent file"),
        (FIELDS, [("file", DATA)], "no torrent file"),
        (FIELDS, [("file_input", DATA)] * 2, "no torrent file"),
        (changed(title=" "), [("file_input", DATA)], "no title"),
        (
            [*changed(year="soon"), ("dryrun", "1")],
            [("file_input", DATA)],
            "The year field must be a whole number.",
        ),
        (changed(year="soon"), [("file_input", DATA)], "The year field must be a whole number."),
        (
            FIELDS,
            [("file_input", b"junk")],
            "The file is not bencoded: it is no .torrent file, or it was cut off or altered.",
        ),
    ],
)
def test_what_cannot_be_taken_is_told(api, token, fields, files, error):
    content = send(api, token, fields, files)
    assert content["status"] == "failure"
    assert content["error"] == error
    assert api.run(api.services.catalogue.torrents.torrent(1, PUBLIC_VIEWER)) is None


def test_a_file_that_is_there_already_is_told_as_such(api, token):
    assert send(api, token)["status"] == "success"
    content = send(api, api.token(api.user("bob")))
    assert content == {
        "status": "failure",
        "error": "The exact same torrent file already exists on the site!",
    }


def test_a_get_uploads_nothing(api, token):
    assert api.fail(token, "upload") == "bad parameters"


def test_a_token_may_be_limited_to_uploads(api, ann):
    only = api.token(ann, methods=["upload"])
    assert send(api, only)["status"] == "success"
    other = api.token(ann, methods=["browse"])
    assert send(api, other)["status"] == "failure"


def test_a_session_needs_its_authkey_and_no_other_site(api, ann, token):
    cookie = cookie_of(api)
    refused = send(api, "", cookie=cookie)
    assert refused["status"] == "failure"
    key = api.get("/ajax.php", cookie=cookie, action="index").json()["response"]["authkey"]
    foreign = send(api, "", [*FIELDS, ("auth", key)], cookie=cookie, Origin="https://evil.example")
    assert foreign["status"] == "failure"
    wrong = send(api, "", [*FIELDS, ("auth", key[:-1] + "x")], cookie=cookie)
    assert wrong["status"] == "failure"
    assert send(api, "", [*FIELDS, ("auth", key)], cookie=cookie)["status"] == "success"


def test_what_is_too_large_is_told_with_the_operators_limit(api, token):
    limit = api.services.admission.upload_limit
    content = send(api, token, files=[("file_input", bytes(limit + FORM_LIMIT + 1))])
    text = f"The file is larger than this service takes. (at most {limit} bytes)"
    assert content == {"status": "failure", "error": text}


def test_nobody_is_asked_to_log_in(api):
    assert api.post(FIELDS, [("file_input", DATA)]).headers["location"] == "login.php"


def test_a_dry_run_says_what_would_be_and_stores_nothing(api, token):
    tried = send(api, token, [*FIELDS, ("dryrun", "1")])
    assert tried["status"] == "success"
    assert tried["response"] == {
        "dryrun": True, "private": False, "source": True, "requestid": None, "torrentid": None, "groupid": None,
        "infoHash": names(DATA)[0].upper(),
    }  # fmt: skip
    assert api.run(api.services.catalogue.torrents.torrent(1, PUBLIC_VIEWER)) is None
    assert send(api, token)["response"]["torrentid"] == 1
    again = send(api, api.token(api.user("bob")), [*FIELDS, ("dryrun", "true")])
    assert again["error"] == "The exact same torrent file already exists on the site!"


def test_a_dry_run_of_what_is_blocked_is_refused(api, token):
    infohash = names(DATA)[0]
    api.run(api.services.takedowns.block(InfoHash.parse(infohash), "malware", "tester"))
    assert send(api, token, [*FIELDS, ("dryrun", "1")])["status"] == "failure"
