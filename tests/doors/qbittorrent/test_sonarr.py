"""The calls that Sonarr makes of a download client, in its order and form, and what it reads of the answers."""

import re
from dataclasses import replace

import pytest

from bittorrent.metainfo import Metainfo
from downloads.model import ContentKey
from tests.support.torbox import hash_of, torrent_of

EPISODE = torrent_of("Show.S01E01.1080p", "Show.S01E01.mkv")
PASSWORD = "correct horse battery staple"


class Sonarr:
    """A download client's settings as Sonarr has them, by name and password or by key, and its requests."""

    def __init__(self, api, key):
        self.api = api
        self.headers = {"Authorization": f"Bearer {key}"} if key else {"Authorization": "Basic YW5uOng="}
        self.by_key = bool(key)

    def call(self, verb, path, **options):
        answer = self.api.ask(verb, path, key=None, headers=self.headers, **options)
        if answer.status_code == 403 and not self.by_key:
            sent = {"username": "ann", "password": PASSWORD}
            login = self.api.ask("POST", "auth/login", key=None, data=sent)
            assert login.text == "Ok."
            self.headers = {**self.headers, "Cookie": f"SID={login.cookies['SID']}"}
            answer = self.api.ask(verb, path, key=None, headers=self.headers, **options)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer


@pytest.fixture(params=["by name and password", "by key"])
def sonarr(request, api):
    return Sonarr(api, api.key if request.param == "by key" else "")


def version(text):
    assert re.fullmatch(r"\d+(\.\d+){1,3}", text), "System.Version reads nothing else"
    return tuple(int(part) for part in text.split("."))


def test_its_test_of_the_settings(sonarr, api):
    # Before it logs in: anything but 404 and 401 says that this is version 2 of the API.
    assert api.ask("GET", "app/webapiVersion", key=None).status_code == 403
    assert version(sonarr.call("GET", "app/webapiVersion").text) >= (2, 8, 1)
    assert sonarr.call("GET", "app/version").text.startswith("v")
    settings = sonarr.call("GET", "app/preferences").json()
    assert settings["max_ratio_act"] not in (1, 3), "it refuses a client that removes what has seeded enough"
    assert settings["queueing_enabled"] is True, "or it refuses a priority"
    assert isinstance(settings["save_path"], str)
    assert isinstance(settings["dht"], bool)
    assert sonarr.call("GET", "torrents/categories").json() == {}
    sonarr.call("POST", "torrents/createCategory", data={"category": "tv-sonarr"})
    assert "tv-sonarr" in sonarr.call("GET", "torrents/categories").json()
    assert sonarr.call("GET", "torrents/info", params={"category": "tv-sonarr"}).json() == []


@pytest.mark.parametrize("way", ["file", "magnet"])
def test_it_adds_an_episode_imports_and_removes_it(sonarr, api, way):
    options = {"category": "tv-sonarr", "paused": "False", "ratioLimit": "1.0", "seedingTimeLimit": "90"}
    api.box.engine.state = replace(api.box.engine.state, uploaded=0)
    if way == "file":
        # It names the type of the part as no other client does.
        part = ("Show.S01E01.torrent", EPISODE, "application/octet-stream")
        answer = sonarr.call("POST", "torrents/add", data=options, files={"torrents": part})
    else:
        link = str(Metainfo.parse(EPISODE).magnet())
        answer = sonarr.call("POST", "torrents/add", data={"urls": link, **options})
    assert answer.text == "Ok."
    known = hash_of(EPISODE)
    if way == "magnet":
        api.box.learn(EPISODE)
    sonarr.call("GET", "torrents/properties", params={"hash": known})
    sonarr.call(
        "POST", "torrents/setShareLimits", data={"hashes": known, "ratioLimit": "1", "seedingTimeLimit": "60"}
    )
    sonarr.call("POST", "torrents/topPrio", data={"hashes": known})
    sonarr.call("POST", "torrents/setForceStart", data={"hashes": known, "value": "true"})
    sonarr.call("POST", "torrents/addTags", data={"hashes": known, "tags": "show,1080p"})

    (item,) = sonarr.call("GET", "torrents/info", params={"category": "tv-sonarr"}).json()
    assert item["hash"].upper() == Metainfo.parse(EPISODE).infohash.upper
    assert item["state"] == "downloading"
    assert item["size"] * (1 - item["progress"]) >= 0
    assert (item["category"], item["tags"]) == ("tv-sonarr", "1080p, show")

    api.finish(EPISODE)
    (item,) = sonarr.call("GET", "torrents/info", params={"category": "tv-sonarr"}).json()
    assert (item["state"], item["progress"]) == ("uploading", 1.0)
    assert item["content_path"] != item["save_path"], "or it cannot import"
    (file,) = sonarr.call("GET", "torrents/files", params={"hash": known}).json()
    assert item["content_path"] == f"{item['save_path']}/{file['name'].split('/')[0]}"

    # Once it has seeded enough it is paused, and Sonarr removes it.
    api.box.clock.now += 3600
    key = ContentKey(Metainfo.parse(EPISODE).infohash)
    api.box.run(api.box.downloads.check())
    (item,) = sonarr.call("GET", "torrents/info", params={"category": "tv-sonarr"}).json()
    assert item["state"] == "pausedUP"
    assert item["seeding_time"] >= item["seeding_time_limit"] * 60 == 3600
    sonarr.call("POST", "torrents/createCategory", data={"category": "tv-imported"})
    sonarr.call("POST", "torrents/setCategory", data={"hashes": known, "category": "tv-imported"})
    sonarr.call("POST", "torrents/delete", data={"hashes": known, "deleteFiles": "true"})
    api.box.run(api.box.settle())
    assert sonarr.call("GET", "torrents/info").json() == []
    assert (key, True) in api.box.engine.removed


def test_a_torrent_that_is_gone_is_gone_for_it(sonarr, api):
    sonarr.call("POST", "torrents/add", data={"urls": "ab" * 20})
    api.box.run(api.box.downloads.delete(api.box.users[0], 1))
    answer = api.ask(
        "GET", "torrents/properties", key=None, headers=sonarr.headers, params={"hash": "ab" * 20}
    )
    assert answer.status_code == 404
    assert sonarr.call("GET", "torrents/info").json() == []
