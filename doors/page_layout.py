"""The layout of every HTML page: head, navigation bar, footer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from html import escape
from urllib.parse import urlsplit

from doors.page_assets import PageAssets, usual_assets
from doors.root_path import rooted

MENU = (
    '<a href="/search">Browse</a>\n<a href="/upload.php">Upload</a>\n'
    '<a href="/about">About</a>\n<a href="/account">Account</a>'
)
"""The links of the navigation bar on pages that do not know their visitor."""


@dataclass(frozen=True, slots=True)
class PageSite:
    """What every page says of the service: its name, the root path that its links are below, and who runs it.

    `contact` is the URL or mail address under which the operator is reached.
    """

    name: str = "Peerage"
    root: str = ""
    operator: str = ""
    contact: str = ""
    assets: PageAssets = field(default_factory=usual_assets)


SITE = PageSite()

_LAYOUT = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="/static/{style}">
<link rel="icon" href="/static/{icon}" type="image/svg+xml">
<link rel="search" type="application/opensearchdescription+xml" title="{site}" href="/opensearch.xml">
<script src="/static/{script}" defer></script>
<meta property="og:title" content="{title}">
<meta property="og:site_name" content="{site}">
{head}</head>
<body data-copy="Copy" data-copied="Copied" data-keys="{keys}">
<a class="skip" href="#content">To the content</a>
<header class="top"><div>
<a class="brand" href="/">{mark}{site}</a>
{search}<nav aria-label="Site">
{menu}
</nav>
</div></header>
<main id="content">
{body}
</main>
<footer class="foot">
<span>{operator}</span>
<a href="/about">About</a>
<a href="/tags">Tags</a>
<a href="/authors">Authors</a>
<a href="/collages">Collages</a>
<a href="/stats/plots">Statistics</a>
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
_MARK = (
    '<svg viewBox="0 -3.2 24 24" aria-hidden="true">'
    '<path d="M11 3.3a3 3 0 1 1 2 0v5a4 4 0 0 1 2.8 4.9l2.3 1.4a3 3 0 1 1-1'
    ' 1.7l-2.4-1.4a4 4 0 0 1-5.4 0l-2.4 1.4a3 3 0 1 1-1-1.7l2.3-1.4A4 4 0 0 1 11 8.3z"/></svg>'
)
_LOGO = '<img src="/static/{}" alt="">'
_KEYS = "/=to the search box|j=next row|k=previous row|Enter=open the row|m=its magnet link|?=these keys"


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
    layout, menu, box = _prepared(site)
    return layout(
        title=escape(title if title == site.name else f"{title} \u2013 {site.name}"),
        search=box if search else "",
        menu=menu if menu_html is None else menu_html,
        head=head_html,
        body=body_html,
    )


@cache
def _prepared(site: PageSite) -> tuple[Callable[..., str], str, str]:
    """Return what makes a page of the parts that differ, the links of the navigation bar, and the search box."""
    assets = site.assets
    parts = {
        "style": assets.style,
        "icon": assets.icon,
        "script": assets.script,
        "keys": escape(_KEYS),
        "site": _literal(escape(site.name)),
        "mark": rooted(_LOGO, site.root).format(assets.logo) if assets.logo else _MARK,
        "operator": _literal(_run_by(site)),
    }
    open_parts = {name: f"{{{name}}}" for name in ("title", "search", "menu", "head", "body")}
    layout = rooted(_LAYOUT, site.root).format(**parts, **open_parts)
    return layout.format, rooted(MENU, site.root), rooted(_SEARCH, site.root)


def _run_by(site: PageSite) -> str:
    """Return who runs the service, and how they are reached, as HTML."""
    name = escape(site.operator or site.name)
    if not site.contact:
        return name
    link = site.contact if urlsplit(site.contact).scheme else f"mailto:{site.contact}"
    return f'<a href="{escape(link)}" rel="noopener">{name}</a>'


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
