"""The layout of every HTML page: head, navigation bar, footer and style sheet."""

import hashlib
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from doors.root_path import rooted

MENU = '<a href="/search">Browse</a>\n<a href="/upload.php">Upload</a>\n<a href="/account">Account</a>'
"""The links of the navigation bar on pages that do not know their visitor."""


@dataclass(frozen=True, slots=True)
class PageSite:
    """What every page says of the service: its name, and the root path that its links are below."""

    name: str = "Peerage"
    root: str = ""


SITE = PageSite()

_LAYOUT = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/static/{style}">
<link rel="search" type="application/opensearchdescription+xml" title="{site}" href="/opensearch.xml">
{head}</head>
<body>
<a class="skip" href="#content">To the content</a>
<header class="top"><div>
<a class="brand" href="/">{site}</a>
{search}<nav aria-label="Site">
{menu}
</nav>
</div></header>
<main id="content">
{body}
</main>
<footer class="foot">
<span>{site}</span>
<a href="/search/help">How to search</a>
<a href="/api/docs">API</a>
</footer>
</body>
</html>
"""
_SEARCH = """\
<form class="find" action="/search" role="search">
<input type="search" name="q" maxlength="1000" aria-label="Search torrents" placeholder="Search torrents">
<button type="submit">Search</button>
</form>
"""


def render_layout(
    title: str,
    body_html: str,
    *,
    site: PageSite = SITE,
    menu_html: str | None = None,
    head_html: str = "",
    search: bool = True,
) -> str:
    """Return a whole page; texts are escaped here, `…_html` is markup that its caller has escaped.

    `search` puts the search box into the navigation bar; without `menu_html` that has the links of MENU.
    """
    return rooted(_LAYOUT, site.root).format(
        title=escape(title if title == site.name else f"{title} \u2013 {site.name}"),
        style=_style_sheet()[0],
        site=escape(site.name),
        search=rooted(_SEARCH, site.root) if search else "",
        menu=rooted(MENU, site.root) if menu_html is None else menu_html,
        head=head_html,
        body=body_html,
    )


def style_route() -> Route:
    """Return the route of the style sheet."""
    return Route("/static/{name}", _style, methods=["GET"])


@cache
def _style_sheet() -> tuple[str, bytes]:
    """Return the style sheet's name, which contains the digest of its content, and the content."""
    data = files("doors").joinpath("static/style.css").read_bytes()
    return f"style.{hashlib.sha256(data).hexdigest()[:12]}.css", data


async def _style(request: Request) -> Response:
    name, data = _style_sheet()
    # A cached page may still ask for an earlier style sheet; the current one is better than none.
    current = request.path_params["name"] == name
    headers = {"Cache-Control": "public, max-age=31536000, immutable" if current else "no-cache"}
    return Response(data, headers=headers, media_type="text/css")
