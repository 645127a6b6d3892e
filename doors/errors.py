"""Renderings of a refusal for the cache and SOAP: three digits, a line of text, the body of an error."""

import re
from html import escape

from bittorrent.refusal import Refusal
from doors.page_layout import SITE, PageSite, render_layout

_SECONDS = re.compile(r"[0-9]{1,9}")


def status_digits(refusal: Refusal) -> str:
    """Return a refusal's status as three digits, for dialects that answer errors with HTTP 200."""
    return f"{refusal.status:03d}"


def error_line(refusal: Refusal) -> str:
    """Return the refusal as one line of printable latin-1, fit for a header.

    A blocked torrent reads `Deleted torrent: reason`, a prefix that clients of the torrent caches look for.
    """
    sentence = f"Deleted torrent: {refusal.detail or refusal}" if refusal.code == "blocked" else str(refusal)
    line = " ".join(sentence.split())
    return "".join(c if c.isprintable() else "?" for c in line).encode("latin-1", "replace").decode("latin-1")


def autoupload_body(refusal: Refusal) -> bytes:
    r"""Return the body that the upload API answers a refusal with, `Error 422: text\n`."""
    return f"Error {status_digits(refusal)}: {error_line(refusal)}\n".encode("latin-1")


def html_page(title: str, body_html: str, site: PageSite = SITE) -> str:
    """Return a whole page under its title; `title` is escaped here, `body_html` is escaped markup."""
    return render_layout(
        title, f'<div class="narrow">\n<h1>{escape(title)}</h1>\n{body_html}\n</div>', site=site
    )


def retry_seconds(refusal: Refusal) -> int | None:
    """Return after how many seconds a refused log-in may be tried again; None for any other refusal."""
    found = _SECONDS.search(refusal.detail) if refusal.code == "login-slowed" else None
    return int(found[0]) if found else None
