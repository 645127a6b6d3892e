"""A service with something on each of its pages, and the addresses of all of them."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.support.processes import PeerageProcess
from tests.web.site import Parsed, torrent_file

PASSWORD = "correct horse battery staple"
ROLES = ("nobody", "user", "moderator", "admin")
NAMES = (
    "Nosferatu.1922.1080p.BluRay.mkv",
    "الليل والنهار 2019 " + "طويل" * 12,
    "W" * 200 + ".iso",
    "🎻 Bach – Sonatas and Partitas [FLAC]",
)
MORE = {
    "/t/{key}": ("?tab=files", "?tab=peers", "?tab=trackers", "?tab=files&q=nothing-is-called-so"),
    "/search": ("?q=bach", "?q=nothing-is-called-so", "?q=size%3Amany", "?q=tag%3Ahorror&order=size"),
    "/moderation": ("?resolved=1",),
    "/top": ("?chart=seeded",),
    "/stats/plots": ("?span=year",),
    "/tags": ("?q=zzz",),
    "/authors": ("?q=zzz",),
}
"""Further addresses of a page, by its path among the routes."""
RECORDS = {
    "/report": "/report/torrent/1",
    "/account/export": "",
    "/t/{id}/qr.svg": "",
    "/mail/{secret}": f"/mail/{'x' * 43}",
}
"""What a path with places stands for; "" for what is no page."""
BARE = ("/upload.php", "/torrent/" + "0" * 40 + ".torrent", "/nowhere", "/t/999")
"""Pages beside those of the router: the cache's, and errors."""


@dataclass
class FilledSite:
    """A service in use: one account for each role, torrents of every kind of name, and something said of them."""

    service: PeerageProcess
    secrets: dict[str, str] = field(default_factory=dict)
    sessions: dict[str, httpx.Client] = field(default_factory=dict)

    def fill(self) -> None:
        """Make the accounts, and put something on every page."""
        link = (self.service.data / "first-admin-link").read_text().strip()
        self._join("admin", link)
        admin = self.sessions["admin"]
        for name in ("user", "moderator"):
            assert self.send("admin", "/people", name=name).status_code == 303
            number = {"user": 2, "moderator": 3}[name]
            page = self.send("admin", f"/u/{number}/link")
            self._join(name, self._link(page.text, "welcome"))
        assert self.send("admin", "/u/3/role", role="moderator").status_code == 303
        assert self.send("admin", "/people", name="newcomer").status_code == 303
        self.secrets["/welcome/{secret}"] = self._link(self.send("admin", "/u/4/link").text, "welcome")
        assert self.send("moderator", "/u/2/invites", invites="5").status_code == 303
        self.secrets["/join/{secret}"] = self._link(self.send("user", "/account/invites").text, "join")
        self._upload()
        self._say()
        assert admin.get("/").status_code == 200

    def close(self) -> None:
        """Close the clients of the sessions."""
        for client in self.sessions.values():
            client.close()

    def _join(self, name: str, link: str) -> None:
        client = httpx.Client(base_url=self.service.url, headers={"Origin": self.service.url}, timeout=30)
        self.sessions[name] = client
        path = link.removeprefix(self.service.url)
        assert client.post(path, data={"password": PASSWORD, "again": PASSWORD}).status_code == 303

    def _upload(self) -> None:
        many = {
            f"disc {disc}/{track:02} – track.flac": 1000 + track for disc in (1, 2) for track in range(30)
        }
        for number, name in enumerate(NAMES, 1):
            data = torrent_file(name, files=many if number == 4 else None)
            files = {"torrent": ("a.torrent", data, "application/x-bittorrent")}
            answer = self.send("user", "/upload", files=files, tags="horror, silent.film", authors="Murnau")
            assert answer.headers["location"] == f"/t/{number}", answer.text

    def _say(self) -> None:
        for number in range(3):
            said = self.send("user", "/g/1/comments", body=f"[b]Good[/b] {number}. [quote]So?[/quote]")
            assert said.status_code == 303
        drafts = [
            ("torrent", (f"{at}.torrent", torrent_file(f"{at} {name}"), "")) for at, name in enumerate(NAMES)
        ]
        assert self.send("user", "/upload/many", files=drafts, magnets="no link").status_code == 200
        assert self.send("admin", "/upload/many", files=drafts).status_code == 200
        assert self.send("moderator", "/report/torrent/1", reason="[i]look[/i]").status_code == 200
        assert self.send("moderator", "/report/comment/1", reason="rude").status_code == 200
        assert self.send("admin", "/moderation/reports/1/resolve", resolution="seen").status_code == 303
        assert self.send("user", "/t/1/edit", description="[b]Silent[/b] film").status_code == 303
        self.call("admin", "/api/news", title="We are open", body="[url=https://example.org/]More[/url]")
        self.call("user", "/api/collages", name="Lights", kind="theme")
        self.call("user", "/api/collages/1/groups", group_id=1)
        self.send("moderator", "/moderation/credit", download="0", infohash="", reason="a feast")
        self.send("user", "/account/keys", scope="rest", label="a script", lifetime="")

    def send(self, role: str, path: str, /, files: object = None, **form: str) -> httpx.Response:
        """Send a form as a role."""
        client = self.sessions[role]
        token = Parsed(client.get("/account").text).csrf
        return client.post(path, data={"csrf": token, **form}, files=files)  # type: ignore[arg-type]

    def call(self, role: str, path: str, /, **given: object) -> None:
        """Call the REST API as a role."""
        client = self.sessions[role]
        token = client.get("/api/csrf").json()["data"]["token"]
        answer = client.post(path, json=given, headers={"X-CSRF-Token": token})
        assert answer.status_code < 300, answer.text

    def cookies(self, role: str) -> list[dict[str, str]]:
        """Return the cookies of a role's session, as a browser takes them."""
        if role == "nobody":
            return []
        jar = self.sessions[role].cookies
        return [{"name": name, "value": value, "url": self.service.url} for name, value in jar.items()]

    def _link(self, text: str, kind: str) -> str:
        found = re.search(rf"{re.escape(self.service.url)}/{kind}/[\w.-]+", text)
        assert found, text
        return found[0]

    def addresses(self, table: dict[str, tuple[str, ...]]) -> dict[str, str]:
        """Return the address of every page, and the least role that sees it.

        `table` says of each path of the router which roles are let in. A path with a place that stands for nothing
        here is an error, so a new page is among those that are looked at, or said not to be one.
        """
        found = dict.fromkeys(BARE, "nobody")
        for path, roles in table.items():
            address = self._address(path)
            role = next((each for each in ROLES if each in roles), "nobody")
            if address:
                found |= {address + more: role for more in ("", *MORE.get(path, ()))}
        return found

    def _address(self, path: str) -> str:
        if path in self.secrets:
            return self.secrets[path].removeprefix(self.service.url)
        for start, address in RECORDS.items():
            if path.startswith(start):
                return address
        # Everything here has a record of this number.
        address = path.replace("{id}", "1").replace("{key}", "1")
        if path.startswith("/u/"):
            address = path.replace("{id}", "2")
        assert "{" not in address, (
            f"nothing stands for the places of {path}: name it in {Path(__file__).name}"
        )
        return address
