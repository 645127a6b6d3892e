"""The request context of a page: principal, form, rendering and redirects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from accounts.model import Principal
from accounts.rights import Right
from actions.curation import Curation
from bittorrent.refusal import Refusal
from catalogue.model import Viewer
from doors.admission import Admission
from doors.kept_rows import KeptRows
from doors.languages import ENGLISH, Language
from doors.page_compression import compressed
from doors.page_layout import PageSite, render_layout
from doors.security_headers import SENDING_PAGE, TABLE
from doors.services import (
    AccountAccess,
    CatalogueReading,
    CatalogueWriting,
    DownloadAccess,
    ModerationAccess,
    StoredFiles,
    SwarmNumbers,
)
from tracker.figure_history import SPANS, Span
from web.csrf_masks import mask_token
from web.templating import RowTemplate, Templates

LARGEST_ID = 2**63 - 1
LARGEST_PAGE = 1_000_000
LONGEST_PATH = 2_000
LONGEST_PREVIEW = 300

_CACHE_HEADERS = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Accept-Encoding, Accept-Language"}
_NO_STORE = {"Cache-Control": "no-store"}
_NO_REFERRER = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


@dataclass(frozen=True, slots=True)
class PageServices:
    """What the pages ask of the service.

    `rows` keeps the rows of lists as HTML.
    """

    admission: Admission
    catalogue: CatalogueReading
    writing: CatalogueWriting
    accounts: AccountAccess
    moderation: ModerationAccess
    files: StoredFiles
    downloads: DownloadAccess
    swarms: SwarmNumbers
    site: PageSite
    rows: KeptRows[RowTemplate] = field(default_factory=KeptRows)

    @property
    def curation(self) -> Curation:
        """What changes the records of torrents."""
        return self.writing.curation


@dataclass(frozen=True, slots=True)
class FeedLinks:
    """The links to the feeds of what a page lists."""

    rss: str
    atom: str

    def head(self) -> Markup:
        """Return the elements by which a feed reader finds them."""
        link = Markup('<link rel="alternate" type="application/{0}+xml" title="{1}" href="{2}">\n')
        return link.format("rss", "RSS", self.rss) + link.format("atom", "Atom", self.atom)


@dataclass(frozen=True, slots=True)
class PageContext:
    """One request for a page; `form` holds the last value of each field, and is empty for GET.

    `files` are the .torrent files that were sent, each with its sender's name for it. `secret` marks a URL that holds
    a secret: its pages are not cached and send no referrer.
    """

    request: Request
    services: PageServices
    templates: Templates
    site: PageSite
    principal: Principal
    form: Mapping[str, str]
    secret: bool = False
    files: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)
    address: bytes = b""
    language: Language = ENGLISH

    @property
    def file(self) -> bytes:
        """The .torrent file that was sent last, b"" for none."""
        return self.files[-1][1] if self.files else b""

    def may(self, right: Right, owner: int | None = None) -> bool:
        """Return whether the principal has a right, over what `owner` owns."""
        return self.services.admission.rights.may(self.principal, right, owner)

    def require(self, right: Right, owner: int | None = None) -> None:
        """Refuse where the principal lacks a right: `unauthenticated`, `forbidden`."""
        self.services.admission.rights.require(self.principal, right, owner)

    def viewer(self) -> Viewer:
        """Return whose view of the catalogue to show. Refusal: `unauthenticated`, `forbidden`."""
        return self.services.curation.viewer(self.principal)

    def user_id(self) -> int:
        """Return the id of the account. Refusal: `unauthenticated`."""
        if self.principal.id is None:
            raise Refusal("unauthenticated")
        return self.principal.id

    def number(self, name: str = "id") -> int:
        """Return the id in the path. Refusal: `not-found` where it is not a number."""
        return parse_id(self.request.path_params[name])

    def page_number(self) -> int:
        """Return the page of a list that is requested, 1 where it is not a number."""
        text = self.request.query_params.get("page", "")
        return min(max(int(text), 1), LARGEST_PAGE) if _is_number(text) else 1

    def render(
        self,
        template: str,
        title: str,
        /,
        *,
        status: int = 200,
        no_store: bool = False,
        sends: bool = False,
        feeds: FeedLinks | None = None,
        preview: Markup | None = None,
        **values: object,
    ) -> Response:
        """Answer a page; one that is `no_store` shows a secret and is stored by no cache; the script of one `sends`.

        `preview` is what other sites show of a link to it. A title that is a message is looked up.
        """
        context = {
            "title": title,
            "context": self,
            "me": self.principal.user,
            "csrf": self._csrf(),
            "Right": Right,
            "feeds": feeds,
        } | values
        html = render_layout(
            self.language.say(title),
            self.templates.render(template, context),
            site=self.site,
            language=self.language,
            menu_html=self.templates.render("menu", context),
            head_html=(feeds.head() if feeds is not None else "") + (preview or Markup()),
            search=template not in {"front", "search"},
        ).encode()
        # A secret that a page shows is not to be told by how well the page compresses.
        # On a private tracker that is every page of an account with torrents: their magnet links hold its passkey.
        personal = self.services.files.served.personal and self.principal.id is not None
        shows_secret = no_store or self.secret or personal
        body, coding = (html, {}) if shows_secret else compressed(self.request, html)
        headers = {**_CACHE_HEADERS, **self._privacy_headers(no_store=no_store), **coding}
        return HTMLResponse(body, status, {**headers, **(SENDING_PAGE if sends else {})})

    def render_part(self, template: str, /, **values: object) -> Response:
        """Answer a piece of a page, for a script that puts it into place."""
        html = self.templates.render(template, {"context": self, "Right": Right} | values).encode()
        body, coding = compressed(self.request, html)
        return HTMLResponse(body, 200, {**_CACHE_HEADERS, **_NO_STORE, **coding})

    def link(self, path: str) -> str:
        """Return the link to a path of this service; templates have theirs as they are written."""
        return self.site.root + path

    def feeds(self, path: str, query: str = "") -> FeedLinks:
        """Return the links to the feeds of the page at a path, with its query."""
        rss, atom = (self.link(f"{path}.{form}") + (f"?{query}" if query else "") for form in ("rss", "atom"))
        return FeedLinks(rss, atom)

    def preview(self, description: str = "") -> Markup:
        """Return the elements by which other sites show what a link to this page leads to (Open Graph)."""
        meta = Markup('<meta property="og:{}" content="{}">\n')
        said = description or self.site.name
        return meta.format("type", "website") + meta.format("description", said[:LONGEST_PREVIEW])

    def redirect(self, path: str) -> Response:
        """Redirect (303) to another page of this service."""
        return RedirectResponse(
            self.link(path), 303, {**TABLE["page"], **self._privacy_headers(no_store=True)}
        )

    def current_path(self) -> str:
        """Return the path and query of this page, for a link back to it."""
        query = self.request.url.query
        path = quote(self.request.url.path, safe="/")
        return (f"{path}?{query}" if query else path)[:LONGEST_PATH]

    def _privacy_headers(self, *, no_store: bool) -> dict[str, str]:
        if self.secret:
            return _NO_REFERRER
        return _NO_STORE if no_store else {}

    def _csrf(self) -> Markup:
        """Return the hidden field that every form of a session carries."""
        session = self.principal.session
        if session is None:
            return Markup()
        plain = self.services.accounts.accounts.csrf_token(session)
        token = mask_token(plain, self.services.admission.random(len(plain) // 2))
        return Markup('<input type="hidden" name="csrf" value="{}">').format(token)


def asked_span(context: PageContext) -> Span:
    """Return the span that a page of plots is asked for, a day where it is none."""
    asked = context.request.query_params.get("span", "day")
    return next((each for each in SPANS if each.name == asked), SPANS[1])


def parse_id(text: str) -> int:
    """Parse an id. Refusal: `not-found` for anything else."""
    if not _is_number(text) or not 0 < int(text) <= LARGEST_ID:
        raise Refusal("not-found")
    return int(text)


def local_path(text: str, otherwise: str = "/") -> str:
    """Return `text` if it is a path of this service, else `otherwise`: no redirect leads to another site."""
    if not text.startswith("/") or len(text) > LONGEST_PATH or not text.isascii() or not text.isprintable():
        return otherwise
    try:
        parts = urlsplit(text)
    except ValueError:
        return otherwise
    external = parts.scheme or parts.netloc or "\\" in text or text.startswith("//")
    return otherwise if external or " " in text else text


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 19
