"""Hides how a refusal looks at the doors for people and scripts: a number, a line of text, or a page."""

from html import escape

from bittorrent.refusal import Refusal
from doors.frame import SITE, framed


def number(refusal: Refusal) -> str:
    """Return the three digits that stand for a refusal where its door answers HTTP 200."""
    return f"{refusal.status:03d}"


def text(refusal: Refusal) -> str:
    """Return the refusal as one line of printable latin-1, fit for a header.

    A blocked torrent reads `Deleted torrent: reason`: clients of this dialect look for that prefix.
    """
    sentence = f"Deleted torrent: {refusal.detail or refusal}" if refusal.code == "blocked" else str(refusal)
    line = " ".join(sentence.split())
    return "".join(c if c.isprintable() else "?" for c in line).encode("latin-1", "replace").decode("latin-1")


def autoupload_body(refusal: Refusal) -> bytes:
    r"""Return the body that the upload API answers a refusal with, `Error 422: text\n`."""
    return f"Error {number(refusal)}: {text(refusal)}\n".encode("latin-1")


def html_page(title: str, body_html: str, site: str = SITE) -> str:
    """Return a whole page under its title; `title` is escaped here, `body_html` is escaped markup."""
    return framed(title, f'<div class="narrow">\n<h1>{escape(title)}</h1>\n{body_html}\n</div>', site=site)
