"""In private mode clients announce with their accounts' passkeys, and what they move is counted."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from bittorrent.refusal import REASONS
from peerage.setting_values import format_size
from tests.clients.swarm.aria2 import Aria2
from tests.clients.swarm.client import Client
from tests.clients.swarm.content import SIZE, make_torrent
from tests.support.processes import PeerageProcess, wait_until

pytestmark = pytest.mark.clients
MOVED = format_size(SIZE)


@pytest.fixture(scope="module")
def peerage_settings() -> Mapping[str, object]:
    return {"tracker__mode": "private", "tracker__flush_every": 0.2}


def run(service: PeerageProcess, *words: str) -> str:
    done = service.run(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Members:
    """Two accounts of a private tracker, new for each test, and a torrent that the first one brought."""

    def __init__(self, service: PeerageProcess, folder: Path) -> None:
        self.service = service
        self.torrent = make_torrent(folder, "http://there.test/announce")
        self.names = [f"{who}{self.torrent.infohash.hex()[:8]}" for who in ("ada", "bob")]
        for name in self.names:
            run(service, "user", "add", name)
        self.passkeys = [run(service, "user", "passkey", name).strip() for name in self.names]
        run(service, "import", str(self.torrent.path), "--owner", self.names[0])

    def link(self, who: int) -> str:
        """Where an account fetches the file by its passkey."""
        path = f"/torrent/{self.torrent.infohash.hex().upper()}.torrent"
        return f"{self.service.url}{path}?torrent_pass={self.passkeys[who]}"

    def own(self, who: int) -> Path:
        """The file as an account gets it."""
        path = self.torrent.path.with_name(f"{self.names[who]}.torrent")
        subprocess.run(
            ["curl", "--silent", "--fail", "--output", path, self.link(who)], check=True, timeout=30
        )
        # Without public_url the address is that of the Host header, which curl sends with the port.
        assert f"/announce/{self.passkeys[who]}".encode() in path.read_bytes()
        return path

    def figures(self, who: int) -> dict[str, str]:
        """What `peerage user show` prints of an account."""
        lines = run(self.service, "user", "show", self.names[who]).splitlines()[1:]
        return {name: value.strip() for name, value in (line.split(None, 1) for line in lines)}


def seeds(members: Members) -> bool:
    return members.figures(0)["torrents"] == "1, 1 seeded now"


@pytest.mark.parametrize(
    ("seeder", "transport"), [("aria2", "http"), ("transmission", "http"), ("libtorrent", "udp")]
)
def test_accounts_fetch_by_their_own_announce_urls_and_their_traffic_is_counted(
    peerage_server: PeerageProcess,
    start_client: Callable[[str], Client],
    tmp_path: Path,
    seeder: str,
    transport: str,
) -> None:
    members = Members(peerage_server, tmp_path)
    torrent = members.torrent
    files = [members.own(0), members.own(1)]
    if transport == "udp":
        for file in files:
            data = file.read_bytes()
            length, _, rest = data.removeprefix(b"d8:announce").partition(b":")
            url, rest = rest[: int(length)], rest[int(length) :]
            changed = url.replace(b"http", b"udp", 1)
            file.write_bytes(b"d8:announce%d:%b%b" % (len(changed), changed, rest))
    first, second = start_client(seeder), start_client("libtorrent" if transport == "udp" else "aria2")
    first.seed(files[0], torrent.folder)

    def said() -> str:
        figures = [members.figures(who) for who in (0, 1)]
        return f"{figures}\nseeder: {first.log[-2000:]}\nleecher: {second.log[-2000:]}"

    wait_until(lambda: seeds(members), said)
    if isinstance(second, Aria2):
        second.leech_url(members.link(1), tmp_path / "copy")
    else:
        second.leech(files[1], tmp_path / "copy")
    wait_until(lambda: torrent.is_complete(tmp_path / "copy"), said, limit=60)

    def all_counted() -> bool:
        first.reannounce()
        second.reannounce()
        figures = members.figures(1)
        # What was moved within the second of the last announce is counted with the next one; that of Transmission
        # comes half an hour later.
        done = figures["snatched"] == "1" and figures["downloaded"] == MOVED
        return done and (seeder == "transmission" or members.figures(0)["uploaded"] == MOVED)

    wait_until(all_counted, said, pace=0.5)


@pytest.mark.parametrize("name", ["aria2", "transmission"])
@pytest.mark.parametrize(("passkey", "code"), [("", "no-passkey"), ("/" + "ab" * 16, "unknown-passkey")])
def test_a_client_shows_why_it_was_refused(
    peerage_server: PeerageProcess,
    start_client: Callable[[str], Client],
    tmp_path: Path,
    name: str,
    passkey: str,
    code: str,
) -> None:
    torrent = make_torrent(tmp_path, peerage_server.announce_url("http") + passkey)
    client = start_client(name)
    client.leech(torrent.path, tmp_path / "copy")
    wait_until(lambda: REASONS[code].sentence in client.log, lambda: client.log[-4000:])
