"""The layout of every HTML page: head, navigation bar, footer."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from html import escape
from urllib.parse import urlsplit

from doors.languages import ENGLISH, Language, Languages, message, usual_languages
from doors.page_assets import PageAssets, usual_assets
from doors.root_path import rooted

_MENU = (
    ("/search", message("Browse")),
    ("/upload.php", message("Upload")),
    ("/about", message("About")),
    ("/account", message("Account")),
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
    languages: Languages = field(default_factory=usual_languages)


SITE = PageSite()

_LAYOUT = """\
<!doctype html>
<html lang="{lang}" dir="{dir}">
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
<body data-copy="{t[Copy]}" data-copied="{t[Copied]}" data-keys="{keys}">
<a class="skip" href="#content">{t[To the content]}</a>
<header class="top"><div>
<a class="brand" href="/">{mark}{site}</a>
{search}<nav aria-label="{t[Site]}">
{menu}
</nav>
</div></header>
<main id="content">
{body}
</main>
<footer class="foot">
<span>{operator}</span>
<a href="/about">{t[About]}</a>
<a href="/tags">{t[Tags]}</a>
<a href="/authors">{t[Authors]}</a>
<a href="/collages">{t[Collages]}</a>
<a href="/stats/plots">{t[Statistics]}</a>
<a href="/transparency">{t[Transparency]}</a>
<a href="/search/help">{t[How to search]}</a>
<a href="/api/docs">API</a>
{choice}</footer>
</body>
</html>
"""
_SEARCH = """\
<form class="find" action="/search" role="search">
<input type="search" name="q" maxlength="1000" aria-label="{t[Search torrents]}" placeholder="{t[Search torrents]}">
<button type="submit">{t[Search]}</button>
</form>
"""
_MARK = (
    '<svg viewBox="0 -3.2 24 24" aria-hidden="true">'
    '<path d="M11 3.3a3 3 0 1 1 2 0v5a4 4 0 0 1 2.8 4.9l2.3 1.4a3 3 0 1 1-1'
    ' 1.7l-2.4-1.4a4 4 0 0 1-5.4 0l-2.4 1.4a3 3 0 1 1-1-1.7l2.3-1.4A4 4 0 0 1 11 8.3z"/></svg>'
)
_LOGO = '<img src="/static/{}" alt="">'
_KEYS = {
    "/": message("to the search box"),
    "j": message("next row"),
    "k": message("previous row"),
    "Enter": message("open the row"),
    "m": message("its magnet link"),
    "?": message("these keys"),
}
_CHOICE = '<form class="languages" action="/language" method="post">{}</form>\n'
_CHOICE_OF_ONE = '<button class="plain" name="language" value="{0}" lang="{0}" dir="{1}">{2}</button>'


def render_layout(
    title: str,
    body_html: str,
    *,
    site: PageSite = SITE,
    language: Language = ENGLISH,
    menu_html: str | None = None,
    head_html: str = "",
    search: bool = True,
) -> str:
    """Return a whole page; texts are escaped here, `…_html` is markup that its caller has escaped.

    `search` puts the search box into the navigation bar; without `menu_html` that has the links of _MENU.
    """
    layout, menu, box = _prepared(site, language)
    return layout(
        title=escape(title if title == site.name else f"{title} \u2013 {site.name}"),
        search=box if search else "",
        menu=menu if menu_html is None else menu_html,
        head=head_html,
        body=body_html,
    )


@cache
def _prepared(site: PageSite, language: Language) -> tuple[Callable[..., str], str, str]:
    """Return what makes a page of the parts that differ, the links of the navigation bar, and the search box."""
    assets = site.assets
    parts = {
        "style": assets.style,
        "icon": assets.icon,
        "script": assets.script,
        "keys": _literal(escape("|".join(f"{key}={language.text(does)}" for key, does in _KEYS.items()))),
        "lang": language.code,
        "dir": language.direction,
        "t": _Texts(language),
        "choice": _choice(site, language),
        "site": _literal(escape(site.name)),
        "mark": rooted(_LOGO, site.root).format(assets.logo) if assets.logo else _MARK,
        "operator": _literal(_run_by(site)),
    }
    open_parts = {name: f"{{{name}}}" for name in ("title", "search", "menu", "head", "body")}
    layout = rooted(_LAYOUT, site.root).format(**parts, **open_parts)
    menu = "\n".join(f'<a href="{path}">{escape(language.text(name))}</a>' for path, name in _MENU)
    return layout.format, rooted(menu, site.root), rooted(_SEARCH, site.root).format(t=_Texts(language))


class _Texts:
    """The texts of a language for `str.format`, as HTML."""

    def __init__(self, language: Language) -> None:
        self._language = language

    def __getitem__(self, english: str) -> str:
        return _literal(escape(self._language.text(english)))


def _choice(site: PageSite, language: Language) -> str:
    """Return the form that chooses another language; nothing where there is none."""
    others = [each for each in site.languages.all.values() if each is not language]
    buttons = [_CHOICE_OF_ONE.format(each.code, each.direction, escape(each.name)) for each in others]
    form = rooted(_CHOICE, site.root).format("\n".join(buttons))
    return _literal(form) if others else ""


def _run_by(site: PageSite) -> str:
    """Return who runs the service, and how they are reached, as HTML."""
    name = escape(site.operator or site.name)
    if not site.contact:
        return name
    link = site.contact if urlsplit(site.contact).scheme else f"mailto:{site.contact}"
    return f'<a href="{escape(link)}" rel="noopener">{name}</a>'


def _literal(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
