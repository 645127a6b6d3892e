"""Pages in headless Chromium with npm's webtorrent: each seeds or fetches one file, and tells what came of it."""

import http.server
import subprocess
import threading
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

PATIENCE = 60

PAGE = b"""<!doctype html><meta charset="utf-8"><script type="module">
import WebTorrent from '/webtorrent.min.js'
const asked = new URLSearchParams(location.search)
const tell = (path, body) => fetch(path + location.search, { method: 'POST', body })
window.onerror = (_, __, ___, ____, error) => tell('/failed', String(error))
const client = new WebTorrent({ dht: false, lsd: false, tracker: { rtcConfig: { iceServers: [] } } })
client.on('error', error => tell('/failed', String(error)))
const announce = [asked.get('announce')]
if (asked.get('role') === 'seed') {
  const content = await (await fetch('/content' + location.search)).arrayBuffer()
  client.seed(new File([content], 'content.bin'), { announceList: [announce], private: true },
    torrent => tell('/done', torrent.infoHash))
} else {
  const torrent = client.add(`magnet:?xt=urn:btih:${asked.get('hash')}&tr=${encodeURIComponent(announce[0])}`)
  torrent.on('done', async () => tell('/done', await torrent.files[0].blob()))
}
</script>"""


class Page:
    """One page, in a browser of its own."""

    def __init__(self, browser: subprocess.Popen[bytes], log: Path) -> None:
        self.browser = browser
        self.told: Queue[tuple[str, bytes]] = Queue()
        self._log = log

    def result(self) -> bytes:
        """Wait for what the page tells: an infohash in hex, or the content."""
        try:
            path, body = self.told.get(timeout=PATIENCE)
        except Empty:
            raise AssertionError(self._log.read_text(errors="replace")[-3000:]) from None
        assert path == "/done", body
        return body


class Pages:
    """Serves the page and its script on loopback, and opens it."""

    def __init__(self, packages: Path, folder: Path) -> None:
        self._script = (packages / "node_modules/webtorrent/dist/webtorrent.min.js").read_bytes()
        self._folder = folder
        self._pages: list[Page] = []
        self._contents: list[bytes] = []
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                body = {"/": PAGE, "/webtorrent.min.js": pages._script}.get(path)
                if body is None:
                    body = pages._contents[pages.number(self.path)] if path == "/content" else b""
                self.send_response(200)
                kind = "text/javascript" if path.endswith(".js") else "text/html"
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                pages._pages[pages.number(self.path)].told.put((urlsplit(self.path).path, body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    @staticmethod
    def number(url: str) -> int:
        """Return which page asks."""
        return int(parse_qs(urlsplit(url).query)["page"][0])

    def open(self, role: str, announce: str, what: bytes) -> Page:
        """Open a page that seeds a content, or fetches that of an infohash."""
        number = len(self._pages)
        self._contents.append(what)
        given = f"&hash={what.decode()}" if role == "leech" else ""
        url = f"http://127.0.0.1:{self._server.server_port}/?page={number}&role={role}&announce={announce}{given}"
        profile, log = self._folder / f"profile{number}", self._folder / f"chromium{number}.log"
        command = [
            "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", "--disable-extensions", "--disable-background-networking",
            "--disable-component-update", "--disable-features=WebRtcHideLocalIpsWithMdns",
            "--allow-loopback-in-peer-connection", "--enable-logging=stderr",
            f"--user-data-dir={profile}", url,
        ]  # fmt: skip
        with log.open("wb") as output:
            browser = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        self._pages.append(Page(browser, log))
        return self._pages[-1]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._pages:
            each.browser.terminate()
        for each in self._pages:
            each.browser.wait(PATIENCE)
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
