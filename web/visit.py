"""Hides what a page knows of a request: who looks, what they may do, what their form says."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from accounts.model import Principal
from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.model import Viewer
from doors.frame import HEADERS, framed
from doors.office import Office
from web.drawing import Drawing

LARGEST_ID = 2**63 - 1
LARGEST_PAGE = 1_000_000
LONGEST_PATH = 2_000

_UNDER_WAY = {"Cache-Control": "private, no-cache", "Vary": "Cookie"}
_FLEETING = {"Cache-Control": "no-store"}
_HUSHED = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a page; `form` holds the last value of each field, nothing for a page that is only read.

    `file` is the .torrent that was sent with it, b"" for none. `secret` marks an address that is a secret:
    its pages tell it to nobody.
    """

    request: Request
    office: Office
    drawing: Drawing
    principal: Principal
    form: Mapping[str, str]
    secret: bool = False
    file: bytes = field(default=b"", repr=False)

    def may(self, right: Right, owner: int | None = None) -> bool:
        """Tell whether the visitor may do something."""
        return self.office.rights.may(self.principal, right, owner)

    def require(self, right: Right, owner: int | None = None) -> None:
        """Refuse what the visitor may not do: `unauthenticated`, `forbidden`."""
        self.office.rights.require(self.principal, right, owner)

    def viewer(self) -> Viewer:
        """Return what the visitor sees of the catalogue. Refusal: `unauthenticated`, `forbidden`."""
        return self.office.curation.viewer(self.principal)

    def user_id(self) -> int:
        """Return the visitor's account. Refusal: `unauthenticated`."""
        if self.principal.id is None:
            raise Refusal("unauthenticated")
        return self.principal.id

    def number(self, name: str = "id") -> int:
        """Return the id in the path. Refusal: `not-found` for what is none."""
        return id_of(self.request.path_params[name])

    def page_number(self) -> int:
        """Return which page of a list is asked for, the first for what is no number."""
        text = self.request.query_params.get("page", "")
        return min(max(int(text), 1), LARGEST_PAGE) if _is_number(text) else 1

    def draw(
        self, template: str, title: str, /, *, status: int = 200, fleeting: bool = False, **values: object
    ) -> Response:
        """Answer a page; a `fleeting` one holds a secret and is kept by no cache."""
        shown = {
            "title": title,
            "visit": self,
            "me": self.principal.user,
            "csrf": self._csrf(),
            "Right": Right,
        } | values
        site = self.office.site_name
        html = framed(
            title,
            self.drawing.draw(template, shown),
            site=site,
            menu_html=self.drawing.draw("menu", shown),
            search=template not in {"front", "search"},
        )
        return HTMLResponse(html, status, HEADERS | _UNDER_WAY | self._discretion(fleeting=fleeting))

    def go(self, path: str) -> Response:
        """Send the browser to another page of ours, after a form was taken."""
        return RedirectResponse(path, 303, HEADERS | self._discretion(fleeting=True))

    def here(self) -> str:
        """Return the path and query of this page, for a link back to it."""
        query = self.request.url.query
        path = quote(self.request.url.path, safe="/")
        return (f"{path}?{query}" if query else path)[:LONGEST_PATH]

    def _discretion(self, *, fleeting: bool) -> dict[str, str]:
        if self.secret:
            return _HUSHED
        return _FLEETING if fleeting else {}

    def _csrf(self) -> Markup:
        """Return the hidden field that every form of a session carries."""
        session = self.principal.session
        if session is None:
            return Markup()
        token = self.office.accounts.csrf_token(session)
        return Markup('<input type="hidden" name="csrf" value="{}">').format(token)


def id_of(text: str) -> int:
    """Read an id. Refusal: `not-found` for what is none."""
    if not _is_number(text) or not 0 < int(text) <= LARGEST_ID:
        raise Refusal("not-found")
    return int(text)


def own_path(text: str, otherwise: str = "/") -> str:
    """Return a path of this service that a link asks to be sent to; anything that leads elsewhere does not count."""
    if not text.startswith("/") or len(text) > LONGEST_PATH or not text.isascii() or not text.isprintable():
        return otherwise
    try:
        parts = urlsplit(text)
    except ValueError:
        return otherwise
    leads_away = parts.scheme or parts.netloc or "\\" in text or text.startswith("//")
    return otherwise if leads_away or " " in text else text


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= 19
