"""The pages of addresses that do not exist, and of methods that they do not take; programs get a line of text."""

import re
from collections.abc import Mapping
from html import escape
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from doors.page_compression import VARY, compressed
from doors.page_layout import PageSite, render_layout
from doors.root_path import rooted

_WORD = re.compile(r"[^\W_]+")
_LONGEST_WORDS = 60
_TITLES = {404: "There is nothing here", 405: "Not like that"}
_SENTENCES = {
    404: "No page has this address. It may have been removed, or the link was cut short.",
    405: "This address exists, but does not take a request of this kind.",
}
_BODY = """\
<div class="narrow centre">
<h1>{title}</h1>
<p class="quiet">{sentence}</p>
<form class="find" action="/search" role="search">
<input type="search" name="q" value="{words}" maxlength="1000" aria-label="Search torrents">
<button class="main" type="submit">Search</button>
</form>
<p><a href="/">To the front page</a></p>
</div>"""


class ErrorPages:
    """Answers what no route does: browsers with a page in the look of the site, everybody else as before."""

    def __init__(self, site: PageSite) -> None:
        self._site = site
        self._body = rooted(_BODY, site.root)

    async def answer(self, request: Request, error: Exception) -> Response:
        """Answer a request that ended in an HTTPException."""
        assert isinstance(error, HTTPException)
        status, headers = error.status_code, {**_ordered(error.headers or {}), "Vary": f"Accept, {VARY}"}
        if status not in _TITLES or "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse(error.detail or HTTPStatus(status).phrase, status, headers)
        words = " ".join(_WORD.findall(request.url.path))[:_LONGEST_WORDS] if status == 404 else ""
        body = self._body.format(
            title=_TITLES[status], sentence=_SENTENCES[status], words=escape(words, quote=True)
        )
        page = render_layout(_TITLES[status], body, site=self._site, search=False).encode("utf-8", "replace")
        page, coding = compressed(request, page)
        return HTMLResponse(page, status, {**headers, **coding, "Cache-Control": "no-cache"})


def _ordered(headers: Mapping[str, str]) -> dict[str, str]:
    """Name the methods of Allow in one order: a route of Starlette keeps them in a set."""
    return {
        name: ", ".join(sorted(value.split(", "))) if name == "Allow" else value
        for name, value in headers.items()
    }
