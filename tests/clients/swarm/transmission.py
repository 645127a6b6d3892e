"""Driver of Transmission: a transmission-daemon with a configuration folder of its own, controlled by RPC."""

import base64
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.clients.swarm.client import free_port
from tests.clients.swarm.program import Program
from tests.support.processes import wait_until

SETTINGS = {
    "rpc-enabled": True,
    "rpc-bind-address": "127.0.0.1",
    "rpc-whitelist": "127.0.0.1",
    "bind-address-ipv4": "127.0.0.1",
    "bind-address-ipv6": "::1",
    "dht-enabled": False,
    "lpd-enabled": False,
    "pex-enabled": False,
    "utp-enabled": False,
    "port-forwarding-enabled": False,
    "encryption": 0,
}
SESSION = "X-Transmission-Session-Id"


class Transmission:
    """One transmission-daemon."""

    dials_loopback = False  # 127/8 is no place to dial for it; it accepts connections from there

    def __init__(self, folder: Path) -> None:
        self._program = Program(folder)
        self._rpc = free_port()
        self._session = ""
        settings = {**SETTINGS, "rpc-port": self._rpc, "peer-port": free_port()}
        (folder / "settings.json").write_text(json.dumps(settings))
        self._program.run(["transmission-daemon", "--foreground", "--config-dir", str(folder), "--log-debug"])
        try:
            wait_until(self._answers, lambda: self.log)
        except BaseException:
            self.stop()
            raise

    def _answers(self) -> bool:
        try:
            self._call("session-get")
        except OSError:
            return False
        return True

    def _call(self, method: str, **arguments: Any) -> Any:
        body = json.dumps({"method": method, "arguments": arguments}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._rpc}/transmission/rpc", body, {SESSION: self._session}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                reply = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                if error.code != 409:  # 409 hands out the session id to send from then on
                    raise
                self._session = error.headers[SESSION]
            return self._call(method, **arguments)
        assert reply["result"] == "success", reply
        return reply["arguments"]

    def seed(self, torrent: Path, folder: Path) -> None:
        """Seed the content: hashed first, then started, so that its first announce is a seeder's."""
        added = self._add(torrent, folder, paused=True)
        self._call("torrent-verify", ids=[added])
        wait_until(lambda: self._complete(added), lambda: self.log)
        self._call("torrent-start-now", ids=[added])

    def leech(self, torrent: Path, folder: Path) -> None:
        """Fetch by the .torrent file."""
        self._add(torrent, folder, paused=False)

    def _add(self, torrent: Path, folder: Path, *, paused: bool) -> int:
        folder.mkdir(exist_ok=True)
        metainfo = base64.b64encode(torrent.read_bytes()).decode()
        reply = self._call("torrent-add", metainfo=metainfo, paused=paused, **{"download-dir": str(folder)})
        return int(reply["torrent-added"]["id"])

    def _complete(self, number: int) -> bool:
        reply = self._call("torrent-get", ids=[number], fields=["percentDone", "status"])
        return bool(reply["torrents"] == [{"percentDone": 1, "status": 0}])

    def reannounce(self) -> None:
        """Its tracker's minimum interval forbids it to ask again."""

    @property
    def log(self) -> str:
        """Its output."""
        return self._program.output

    def stop(self) -> None:
        """End it."""
        self._program.stop()
