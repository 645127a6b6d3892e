"""The HTML pages of the torrent cache: upload form, results and errors."""

from collections.abc import Mapping
from html import escape
from types import MappingProxyType

from starlette.responses import HTMLResponse

from actions.uploads import AcceptedUpload
from bittorrent.refusal import Refusal
from doors.errors import error_line, html_page
from doors.page_layout import SITE, PageSite
from doors.root_path import rooted

_FORM = """\
<form class="card upload" action="upload.php" method="post" enctype="multipart/form-data">
<label><span>A .torrent file, at most {limit}</span>
<input type="file" name="torrent" accept=".torrent,application/x-bittorrent" required></label>
<button class="main" type="submit">Upload</button>
</form>"""
_FOR_ACCOUNTS = (
    '<p>This torrent is for accounts alone: <a href="/login">log in</a>, or send a key of the REST API.</p>'
)


def page(
    title: str,
    body_html: str,
    status: int = 200,
    headers: Mapping[str, str] = MappingProxyType({}),
    *,
    site: PageSite = SITE,
) -> HTMLResponse:
    """Return a page without scripts; `body_html` is escaped markup."""
    return HTMLResponse(html_page(title, body_html, site), status, dict(headers))


def upload_form(limit: int) -> str:
    """Return the upload form; `limit` is in bytes."""
    return _FORM.format(limit=f"{limit / (1 << 20):.3g} MiB")


def upload_accepted(upload: AcceptedUpload) -> str:
    """Return the body of the page that answers a successful upload."""
    infohash = upload.infohash.upper
    return f"""\
<p>{"The torrent is in the cache now." if upload.new else "The cache held this torrent already."}</p>
<dl>
<dt>Name</dt><dd>{escape(upload.metainfo.name)}</dd>
<dt>Infohash</dt><dd><code>{infohash}</code></dd>
<dt>Link</dt><dd><a href="torrent/{infohash}.torrent">torrent/{infohash}.torrent</a></dd>
</dl>
<p><a href="upload.php">Upload another</a></p>"""


def upload_refused(refusal: Refusal) -> str:
    """Return the body of the page that answers a refused upload."""
    return f'<p>{escape(error_line(refusal))}</p>\n<p><a href="upload.php">Try again</a></p>'


def lookup_refused(refusal: Refusal) -> str:
    """Return the body of the page that answers a refused lookup."""
    return f"<p>{escape(error_line(refusal))}</p>"


def file_refused(refusal: Refusal, root: str = "") -> str:
    """Return the body of the page that answers who may not have a file; `root` is the root path."""
    return f"<p>{escape(error_line(refusal))}</p>\n{rooted(_FOR_ACCOUNTS, root)}"


def not_found(infohash: str | None, root: str = "") -> str:
    """Return the body of the 404 page below /torrent/; `infohash` is what was asked for, in upper case.

    `root` is the root path.
    """
    example = infohash or "0123456789ABCDEF0123456789ABCDEF01234567"
    return f"""\
<p>The cache does not hold this torrent.</p>
<p>The address of a torrent is its infohash, 40 hex digits, with the letters A to F in upper case:</p>
<pre>right: {root}/torrent/{example}.torrent
wrong: {root}/torrent/{example.lower()}.torrent</pre>"""
