"""Private mode of a running service: passkeys, by every door, and the personal .torrent."""

import json
import re
import sqlite3
from contextlib import closing

import bencodepy
import pytest

from bittorrent.refusal import REASONS
from peerage.setting_values import format_size
from tests.support.clients import announce_path, ask, scrape_path
from tests.support.processes import wait_until
from tests.support.raw_torrents import info, infohash

INSIDE = info(b"ours", private=1)
FILE = bencodepy.encode({b"announce": b"http://there.test/a", b"comment": b"hello", b"info": INSIDE})
HASH = infohash(FILE)
SENTENCES = {
    code: REASONS[code].sentence
    for code in ("no-passkey", "unknown-passkey", "passkey-disabled", "passkey-suspended")
}


class PrivateSite:
    """A private tracker with an account, ada, who uploaded a torrent."""

    def __init__(self, service):
        self.service = service
        self.run("user", "add", "root", "--admin")
        self.run("user", "add", "ada")
        self.key = self.run("key", "add", "ada", "--scope", "rest")
        (service.data.parent / "ours.torrent").write_bytes(FILE)
        self.run("import", str(service.data.parent / "ours.torrent"), "--owner", "ada")

    def run(self, *words):
        done = self.service.run(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[-1]

    def ask(self, path, method="GET", **headers):
        return ask(self.service.port, path, method, **headers)

    def own(self, path, method="GET"):
        return self.ask(path, method, authorization=f"Bearer {self.key}")

    def announce(self, before="", behind="", **changes):
        target = announce_path(HASH, **changes)
        return self.ask(f"{before}{target.replace('/announce', '/announce' + behind)}")

    def refusals(self, passkey):
        """What an announce and a scrape are refused with, by each place of a passkey."""
        scrape = scrape_path(HASH)
        yield self.announce(before=f"/{passkey}").failure
        yield self.announce(behind=f"/{passkey}").failure
        yield self.announce(passkey=passkey).failure
        yield self.ask(f"{scrape}&passkey={passkey}").failure
        yield self.ask(scrape.replace("/scrape", f"/scrape/{passkey}")).failure


@pytest.fixture(params=["native", "uvicorn", "python"])
def site(request, start_peerage):
    how = {"tracker__store": "python"} if request.param == "python" else {"tracker__door": request.param}
    return PrivateSite(start_peerage(tracker__mode="private", **how))


def test_announces_and_scrapes_need_a_passkey_that_is_known_at_once(site):
    assert site.announce().failure == SENTENCES["no-passkey"]
    assert site.ask(scrape_path(HASH)).failure == SENTENCES["no-passkey"]
    assert set(site.refusals("a1" * 16)) == {SENTENCES["unknown-passkey"]}

    passkey = site.run("user", "passkey", "ada")
    assert len(passkey) == 32
    for port, where in enumerate(
        ({"before": f"/{passkey}"}, {"behind": f"/{passkey}"}, {"passkey": passkey}), 1
    ):
        answer = site.announce(port=port, **where).bencoded
        assert answer[b"incomplete"] == port
    assert site.ask(f"{scrape_path(HASH)}&passkey={passkey}").bencoded[b"files"][HASH][b"incomplete"] == 3
    other = announce_path(b"o" * 20, passkey=passkey)
    assert site.ask(other).failure == REASONS["unlisted"].sentence

    new = site.run("user", "passkey", "ada", "--reset")
    assert set(site.refusals(passkey)) == {SENTENCES["unknown-passkey"]}
    assert site.announce(passkey=new).bencoded
    site.run("user", "disable", "ada")
    assert set(site.refusals(new)) == {SENTENCES["passkey-disabled"]}
    site.run("user", "enable", "ada")
    assert site.announce(passkey=new).bencoded
    number = next(
        line.split()[0]
        for line in site.service.run("key", "list").stdout.splitlines()
        if "in use" in line and "passkey" in line
    )
    site.run("key", "suspend", number)
    assert set(site.refusals(new)) == {SENTENCES["passkey-suspended"]}

    site.service.stop()
    site.service.restart()
    assert set(site.refusals(new)) == {SENTENCES["passkey-suspended"]}
    site.run("key", "resume", number)
    assert site.announce(passkey=new).bencoded


def test_an_account_gets_the_file_with_its_own_announce_url(start_peerage):
    site = PrivateSite(start_peerage(tracker__mode="private"))
    passkey = site.own("/api/user/passkey").body
    path = f"/torrent/{HASH.hex().upper()}.torrent"

    for answer in (site.own(path), site.own("/api/torrents/1/download")):
        assert answer.status == 200
        assert "private" in answer.headers["cache-control"]
        file = bencodepy.decode(answer.body)
        announced = file[b"announce"].decode()
        assert announced.startswith(f"{site.service.url}/announce/".replace(f":{site.service.port}", ""))
        mine = announced.rpartition("/")[2]
        assert mine.encode() in passkey
        assert infohash(answer.body) == HASH
        assert bencodepy.encode(INSIDE) in answer.body
        assert file[b"comment"] == b"hello"
    assert site.announce(passkey=mine).bencoded
    assert site.ask(path).status == 401
    by_passkey = site.ask(f"{path}?torrent_pass={mine}")
    assert mine.encode() in by_passkey.body


def test_of_a_public_torrent_nobody_gets_a_passkey(start_peerage):
    site = PrivateSite(start_peerage(tracker__mode="private"))
    public = bencodepy.encode({b"announce": b"http://there.test/a", b"info": info(b"open")})
    (site.service.data.parent / "open.torrent").write_bytes(public)
    site.run("import", str(site.service.data.parent / "open.torrent"))
    path = f"/torrent/{infohash(public).hex().upper()}.torrent"

    assert site.ask(path).body == public
    assert b"/announce/" in site.own(path).body
    assert site.ask(path).body == public
    assert "public" not in site.ask(path).headers["cache-control"]


def test_what_is_not_marked_as_private_is_anybodys_where_that_is_wished(start_peerage):
    site = PrivateSite(start_peerage(tracker__mode="private", tracker__public_torrents=True))
    public = bencodepy.encode({b"announce": b"http://there.test/a", b"info": info(b"open")})
    (site.service.data.parent / "open.torrent").write_bytes(public)
    site.run("import", str(site.service.data.parent / "open.torrent"), "--owner", "ada")
    passkey, name = site.run("user", "passkey", "ada"), infohash(public)

    def anybody():
        """Who announces, and what comes of a private torrent beside it."""
        announced = [ask(site.service.port, announce_path(name, port=port)).bencoded for port in (1, 2)]
        with_passkey = announce_path(name, port=3, passkey=passkey, uploaded=9)
        announced.append(ask(site.service.port, with_passkey).bencoded)
        scraped = ask(site.service.port, scrape_path(name)).bencoded[b"files"][name]
        assert site.ask(scrape_path(HASH)).failure == SENTENCES["no-passkey"]
        assert site.announce().failure == SENTENCES["no-passkey"]
        return [each[b"incomplete"] for each in announced], scraped[b"incomplete"]

    assert anybody() == ([1, 2, 3], 3)
    path = f"/torrent/{name.hex().upper()}.torrent"
    assert site.own(path).body == site.ask(path).body == public
    site.service.stop()
    site.service.restart()
    assert anybody()[1] == 3
    assert shown(site)["uploaded"] == "0 B"


@pytest.mark.parametrize("mode", ["public", "listed"])
def test_without_private_mode_no_file_is_personal(start_peerage, mode):
    site = PrivateSite(start_peerage(tracker__mode=mode))
    site.run("user", "passkey", "ada")

    assert site.own(f"/torrent/{HASH.hex().upper()}.torrent").body == FILE
    assert b'"announce_url":"http://127.0.0.1/announce"' in site.own("/api/user/passkey").body.replace(
        b" ", b""
    )
    assert site.announce(passkey="whatever").bencoded


def shown(site, name="ada"):
    """What `peerage user show` prints, by name."""
    done = site.service.run("user", "show", name)
    assert done.returncode == 0, done.stderr
    rows = [line.split(None, 1) for line in done.stdout.splitlines()[1:]]
    return {name: value.strip() for name, value in rows}


def test_what_an_account_moved_shows_everywhere(start_peerage):
    site = PrivateSite(start_peerage(tracker__mode="private", tracker__flush_every=0.1, tracker__most_rate=0))
    passkey = site.run("user", "passkey", "ada")
    site.announce(passkey=passkey, uploaded=0, downloaded=0)
    site.announce(passkey=passkey, uploaded=3 << 20, downloaded=2 << 20, left=0, event="completed")

    wait_until(lambda: shown(site)["uploaded"] == "3 MiB", lambda: str(shown(site)))
    assert shown(site)["ratio"] == "1.500"
    assert shown(site)["addresses"] == "1 today, 1 at most"
    number = json.loads(site.own("/api/user").body)["data"]["id"]
    stats = json.loads(site.own(f"/api/users/{number}/stats").body)["data"]
    assert (stats["uploaded_bytes"], stats["downloaded_bytes"], stats["ratio"]) == (3 << 20, 2 << 20, 1.5)
    assert (stats["snatched"], stats["torrents"], stats["seeding"], stats["capped_bytes"]) == (1, 1, 1, None)
    [snatch] = json.loads(site.own("/api/snatches").body)["data"]
    assert snatch["infohash"] == HASH.hex().upper()
    key = site.run("key", "add", "ada", "--scope", "gazelle")
    for path, place in (
        ("/ajax.php?action=index", "userstats"),
        (f"/ajax.php?action=user&id={number}", "stats"),
    ):
        figures = json.loads(site.ask(path, authorization=f"token {key}").body)["response"][place]
        assert (figures["uploaded"], figures["downloaded"], figures["ratio"]) == (3 << 20, 2 << 20, 1.5)
    assert shown(site, "root")["uploaded"] == "0 B"


def test_kill_9_neither_loses_nor_doubles_what_was_moved(start_peerage):
    site = PrivateSite(start_peerage(tracker__mode="private", tracker__flush_every=0.2, tracker__most_rate=0))
    passkey = site.run("user", "passkey", "ada")
    clients = [b"-XX0001-%012d" % number for number in range(20)]

    def announce(total):
        for port, client in enumerate(clients, 1):
            answer = site.announce(passkey=passkey, uploaded=total, port=port, peer_id=client)
            assert b"peers" in answer.bencoded

    announce(0)
    announce(1000)
    wait_until(lambda: shown(site)["uploaded"] == format_size(20 * 1000), lambda: str(shown(site)))
    for total in (2000, 3000, 4000):
        announce(total)
        site.service.kill()
        for swarms in site.service.data.glob("swarms.db*"):
            swarms.unlink()
        site.service.restart()
    announce(5000)
    site.service.stop()

    with closing(sqlite3.connect(site.service.data / "peerage.db")) as database:
        [(uploaded,)] = database.execute("SELECT sum(uploaded) FROM traffic")
    assert uploaded == 20 * 5000


def test_the_account_page_has_the_announce_url_and_replaces_the_passkey(start_peerage):
    site = PrivateSite(start_peerage(tracker__mode="private"))
    done = site.service.run("user", "add", "eve", "--password-stdin", given="correct horse battery\n")
    assert done.returncode == 0, done.stderr
    form = {"content_type": "application/x-www-form-urlencoded"}
    entered = ask(site.service.port, "/login", "POST", b"name=eve&password=correct+horse+battery", **form)
    cookie = entered.headers["set-cookie"].partition(";")[0]
    passkey = site.run("user", "passkey", "eve")

    page = site.ask("/account", cookie=cookie)
    assert f"/announce/{passkey}".encode() in page.body
    assert page.headers["cache-control"] == "no-store"
    token, *_ = re.findall(rb'name="csrf" value="([^"]+)"', page.body)
    assert (
        ask(site.service.port, "/account/passkey", "POST", b"csrf=" + token, cookie=cookie, **form).status
        == 303
    )

    assert site.announce(passkey=passkey).failure == SENTENCES["unknown-passkey"]
    assert site.announce(passkey=site.run("user", "passkey", "eve")).bencoded
