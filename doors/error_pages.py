"""The pages of addresses that do not exist, and of methods that they do not take; programs get a line of text."""

import re
from collections.abc import Mapping
from html import escape
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from doors.languages import message
from doors.page_compression import VARY, compressed
from doors.page_layout import PageSite, render_layout
from doors.root_path import rooted

_WORD = re.compile(r"[^\W_]+")
_LONGEST_WORDS = 60
_TITLES = {404: message("There is nothing here"), 405: message("Not like that")}
_SENTENCES = {
    404: message("No page has this address. It may have been removed, or the link was cut short."),
    405: message("This address exists, but does not take a request of this kind."),
}
_VARY = f"Accept, Accept-Language, Cookie, {VARY}"
_BODY = """\
<div class="narrow centre">
<h1>{title}</h1>
<p class="quiet">{sentence}</p>
<form class="find" action="/search" role="search">
<input type="search" name="q" value="{words}" maxlength="1000" aria-label="{search_torrents}">
<button class="main" type="submit">{search}</button>
</form>
<p><a href="/">{front}</a></p>
</div>"""


class ErrorPages:
    """Answers what no route does: browsers with a page in the look of the site, everybody else as before."""

    def __init__(self, site: PageSite) -> None:
        self._site = site
        self._body = rooted(_BODY, site.root)

    async def answer(self, request: Request, error: Exception) -> Response:
        """Answer a request that ended in an HTTPException."""
        assert isinstance(error, HTTPException)
        status, headers = error.status_code, {**_ordered(error.headers or {}), "Vary": _VARY}
        if status not in _TITLES or "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse(error.detail or HTTPStatus(status).phrase, status, headers)
        words = " ".join(_WORD.findall(request.url.path))[:_LONGEST_WORDS] if status == 404 else ""
        language = self._site.languages.chosen(request)
        title = language.text(_TITLES[status])
        body = self._body.format(
            title=escape(title),
            sentence=escape(language.text(_SENTENCES[status])),
            words=escape(words, quote=True),
            search_torrents=escape(language.text(message("Search torrents"))),
            search=escape(language.text(message("Search"))),
            front=escape(language.text(message("To the front page"))),
        )
        page = render_layout(title, body, site=self._site, language=language, search=False)
        data, coding = compressed(request, page.encode("utf-8", "replace"))
        return HTMLResponse(data, status, {**headers, **coding, "Cache-Control": "no-cache"})


def _ordered(headers: Mapping[str, str]) -> dict[str, str]:
    """Name the methods of Allow in one order: a route of Starlette keeps them in a set."""
    return {
        name: ", ".join(sorted(value.split(", "))) if name == "Allow" else value
        for name, value in headers.items()
    }
