"""Pictures of the pages, of a service with made-up records of works that everybody may have: `python -m … DIR`."""

import asyncio
import base64
import contextlib
import math
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
from playwright.sync_api import Browser

from bittorrent.infohash import InfoHash
from peerage.config import Settings
from peerage.logs import configure_logs
from peerage.sections import LogSection
from peerage.wiring.application import open_application
from storage.figures import SqlFigures
from tests.clients.pages.browser import chromium
from tests.clients.pages.filled_site import PASSWORD, FilledSite
from tests.peerage.test_rights import GENEROUS
from tests.support.processes import peerage_processes
from tests.support.torrents import parsed
from tests.web.site import torrent_file
from tracker.figure_history import SPANS, Figures, Sample, WorkingSample

PUBLIC = "https://tracker.example.org"
MB = 1_000_000
LARGEST = 80_000
"""Bytes of a picture."""
SIZES = {"wide": (1120, 700, 1), "narrow": (360, 700, 2)}
"""Width and height of the window in CSS pixels, and device pixels of one of them."""
NETWORKS = (
    "193.0.6",
    "200.3.14",
    "202.12.29",
    "196.216.2",
    "199.212.0",
    "91.198.174",
    "131.188.0",
    "150.65.7",
)


@dataclass(frozen=True, slots=True)
class Work:
    """A made-up release of a work: its name, files, tags, authors, what is said of it, and who has it."""

    name: str
    files: dict[str, int]
    tags: str
    authors: str
    about: str
    seeders: int
    leechers: int


def _film(name: str, size: int, tags: str, authors: str, about: str, seeders: int, leechers: int) -> Work:
    files = {f"{name}.mkv": size * MB, f"{name}.en.srt": 61_000, "poster.jpg": 840_000}
    return Work(name, files, tags, authors, about, seeders, leechers)


WORKS = (
    Work(
        "NOAA tide gauges 1900-1920 [CSV]",
        {
            f"{year}/station-{station:02}.csv": 400_000 + 977 * station
            for year in range(1900, 1921)
            for station in range(8)
        },
        "tides, data set, hydrography",
        "Coast and Geodetic Survey",
        "Hourly heights of eight stations, checked against the sheets.",
        14,
        2,
    ),
    Work(
        "Bach - Goldberg Variations (Open recording) [FLAC]",
        {f"{number:02} - Variation {number}.flac": (14 + number % 7) * MB for number in range(1, 31)},
        "baroque, piano, flac",
        "Johann Sebastian Bach",
        "",
        41,
        6,
    ),
    _film("Metropolis.1927.1080p", 4_700, "silent film, science fiction", "Fritz Lang", "", 96, 18),
    Work(
        "Moby-Dick; or, The Whale (1851) [EPUB]",
        {"Moby-Dick.epub": 1_240_000, "Moby-Dick.pdf": 6_100_000, "colophon.txt": 2_100},
        "novel, whaling, sea",
        "Herman Melville",
        "",
        58,
        1,
    ),
    _film(
        "A.Trip.to.the.Moon.1902.2160p", 2_900, "silent film, science fiction", "Georges Méliès", "", 73, 9
    ),
    Work(
        "harbour-12.1-amd64-netinst.iso",
        {"harbour-12.1-amd64-netinst.iso": 661 * MB, "SHA256SUMS": 310, "SHA256SUMS.sign": 833},
        "linux, release",
        "",
        "The installer for machines with a network.",
        212,
        37,
    ),
    _film("The.General.1926.1080p", 5_200, "silent film, comedy, railway", "Buster Keaton", "", 64, 11),
    _film(
        "Nosferatu.1922.1080p",
        6_800,
        "silent film, horror",
        "F. W. Murnau",
        "[b]Nosferatu, a Symphony of Horror[/b], from a print of 1922, scanned in 4K.\n\n"
        "Tinted as the censor's card says. [i]Music:[/i] a new score for organ, free as the film is.",
        151,
        24,
    ),
)


def _fill(site: FilledSite) -> None:
    """Make accounts by the site's own way, and the works, with what is said of them, as ada."""
    for number, work in enumerate(WORKS, 1):
        files = {
            "torrent": ("a.torrent", torrent_file(work.name, files=work.files), "application/x-bittorrent")
        }
        answer = site.send("ada", "/upload", files=files, tags=work.tags, authors=work.authors)
        assert answer.headers["location"] == f"/t/{number}", answer.text
        if work.about:
            assert site.send("ada", f"/t/{number}/edit", description=work.about).status_code == 303
    last = len(WORKS)
    said = (
        ("bert", "The tinting is right at last. Thank you!"),
        ("mod", "[quote]at last[/quote] The second reel too."),
    )
    for role, body in said:
        assert site.send(role, f"/g/{last}/comments", body=body).status_code == 303
    assert (
        site.send("bert", f"/report/torrent/{last - 2}", reason="There is a newer installer.").status_code
        == 200
    )
    assert site.send("bert", "/report/comment/2", reason="Off the subject.").status_code == 200
    news = {"title": "A new reading room", "body": "Searches are narrowed by category, tag, year and size."}
    site.call("mod", "/api/news", **news)
    site.send("ada", "/account/keys", scope="rest", label="nightly upload", lifetime="")
    site.send("ada", "/account/keys", scope="feed", label="reader at home", lifetime="")


def _announce(url: str) -> None:
    """Announce the peers of every work, from addresses of several countries."""
    chance = random.Random(7)
    with httpx.Client(base_url=url) as client:
        for work in WORKS:
            infohash = _infohash(work)
            for number in range(work.seeders + work.leechers):
                address = f"{chance.choice(NETWORKS)}.{chance.randrange(1, 250)}"
                left = 0 if number < work.seeders else work.files and 1000
                asked = f"/announce?info_hash={infohash}&peer_id=-SHOTS0-{number:012}&port={1025 + number}&left={left}"
                assert client.get(asked, headers={"X-Forwarded-For": address}).status_code == 200


def _infohash(work: Work) -> str:
    found = parsed(torrent_file(work.name, files=work.files)).infohash
    assert isinstance(found, InfoHash)
    return quote(bytes.fromhex(found.upper))


async def _keep_figures(data: Path, now: int) -> None:
    """Write the figures of a year that is past, and days of the torrents, as if the service had run."""
    chance = random.Random(11)
    settings = Settings.of(data=data, cache={"min_free_disk": 0})
    async with open_application(settings) as application:
        store = SqlFigures(application.stores.records)
        for span in SPANS:
            for number in range(span.points):
                at = (now // span.step - number) * span.step
                await store.put(Sample(at, _figures(at, now, chance)), [span])
                await store.put_workings(WorkingSample(at, _workings(at, now, chance)), [span])
        for day in range(30):
            await store.put_day(now // 86_400 - day, 100)


def _figures(at: int, now: int, chance: random.Random) -> Figures:
    """Return figures that grew over a year, with the waves of days and a little noise."""
    grown = max(0.15, 1 - (now - at) / (400 * 86_400))
    wave = 1 + 0.22 * math.sin(2 * math.pi * (at % 86_400) / 86_400 - 2) + chance.uniform(-0.02, 0.02)
    peers = int(823 * grown * wave)
    return Figures(
        torrents=max(1, round(len(WORKS) * grown)),
        size=int(21_000 * MB * grown),
        peers=peers,
        seeders=int(peers * 0.86),
        swarms=max(1, round(len(WORKS) * grown)),
        http=int(peers * 0.03 * wave),
        udp=int(peers * 0.05 * wave),
        websocket=int(peers * 0.01 * wave),
    )


def _workings(at: int, now: int, chance: random.Random) -> dict[str, int]:
    """Return how a service works that was started a year ago and has more to do each day."""
    since = at - now + 400 * 86_400
    wave = 1 + 0.3 * math.sin(2 * math.pi * (at % 86_400) / 86_400)
    return {
        "disk": int(310_000 * MB - since / 86_400 * 180 * MB),
        "stored": int(21_000 * since / 86_400 * 40),
        "uploads": since // 2700,
        "flush": int(4200 * wave + chance.uniform(0, 2500)),
        "fetching": int(3 * wave),
        "waiting": max(0, int(4 * wave + chance.uniform(-3, 3))),
        "lookups": int(chance.uniform(0, 2)),
        "refused.unlisted": since // 41,
        "refused.bad-port": since // 700,
        "refused.client-denied": since // 1900,
        "declined.blocked": since // 7100,
    }


PAGES = {
    "front": ("/", "nobody"),
    "torrent": (f"/t/{len(WORKS)}", "nobody"),
    "search": ("/search?q=film", "nobody"),
    "account": ("/account", "ada"),
    "moderation": ("/moderation", "mod"),
    "stats": ("/stats/plots?span=month", "nobody"),
}
"""What is shown: a page, and who looks at it."""


class ShownSite(FilledSite):
    """A service whose accounts are called as people are."""

    def open(self) -> None:
        """Make an admin, a moderator and two members, who are logged in."""
        self._join("admin", (self.service.data / "first-admin-link").read_text().strip())
        for number, name in enumerate(("ada", "mod", "bert"), 2):
            assert self.send("admin", "/people", name=name).status_code == 303
            self._join(name, self._link(self.send("admin", f"/u/{number}/link").text, "welcome"))
        assert self.send("admin", "/u/3/role", role="moderator").status_code == 303

    def log_in(self) -> None:
        """Log in again, after the service was started anew at another port."""
        for name in ("ada", "mod"):
            client = httpx.Client(base_url=self.service.url, headers={"Origin": PUBLIC}, timeout=30)
            self.sessions[name].close()
            self.sessions[name] = client
            answer = client.post("/login", data={"name": name, "password": PASSWORD})
            assert answer.status_code == 303, answer.text


@contextlib.contextmanager
def shown_site(folder: Path) -> Iterator[ShownSite]:
    """A service in use for a year, as it seems."""
    rates = {f"limits__{name}": rate for name, rate in GENEROUS.items()}
    with peerage_processes(folder) as start:
        service = start(
            trusted_proxies="127.0.0.1",
            cache__min_free_disk="0",
            site__operator="The Harbour Library",
            **rates,
        )
        with contextlib.closing(ShownSite(service)) as site:
            site.open()
            _fill(site)
            _announce(service.url)
            service.stop()
            asyncio.run(_keep_figures(service.data, int(time.time())))
            service.settings = {**service.settings, "public_url": PUBLIC}
            service.restart()
            site.log_in()
            yield site


def take(browser: Browser, site: ShownSite, folder: Path) -> Iterator[tuple[str, int]]:
    """Take every picture, and yield its name and size in bytes."""
    for size, (width, height, scale) in SIZES.items():
        for name, (path, role) in PAGES.items():
            context = browser.new_context(
                base_url=site.service.url,
                locale="en-GB",
                viewport={"width": width, "height": height},
                device_scale_factor=scale,
                color_scheme="light",
                reduced_motion="reduce",
            )
            context.add_cookies(site.cookies(role))  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(path, wait_until="networkidle")
            shot = context.new_cdp_session(page).send(
                "Page.captureScreenshot", {"format": "webp", "quality": 70}
            )
            data = base64.b64decode(shot["data"])
            (folder / f"{name}-{size}.webp").write_bytes(data)
            context.close()
            yield f"{name}-{size}.webp", len(data)


def main(folder: Path) -> int:
    """Take the pictures into a folder, and say how large each is. 1 where one is too large."""
    folder.mkdir(parents=True, exist_ok=True)
    configure_logs(LogSection(level="error"))
    with tempfile.TemporaryDirectory() as scratch, shown_site(Path(scratch)) as site, chromium() as browser:
        made = list(take(browser, site, folder))
    for name, size in made:
        print(f"{size:7,} {name}{'  too large' if size > LARGEST else ''}")
    return int(any(size > LARGEST for _, size in made))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
