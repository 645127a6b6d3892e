"""The files that pages load: style sheet, script, icon and the operator's logo, each named by its content."""

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from doors.logo import LOGO_TYPES, Logo
from doors.page_compression import VARY, compressed
from doors.site_colours import colour_rules

_USUAL_COLOUR = "#0b57c2"
# An SVG may have styles of its own; it runs nothing wherever it is opened.
_DRAWING = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
}
_KEPT = {"Cache-Control": "public, max-age=31536000, immutable"}
_ASKED_AGAIN = {"Cache-Control": "no-cache"}


@dataclass(frozen=True, slots=True)
class _Asset:
    name: str
    data: bytes
    media_type: str


class PageAssets:
    """The files of one service, in its colour and with its logo; made once, at the start."""

    def __init__(self, colour: str = "", logo: Logo | None = None) -> None:
        style = _packaged("style.css") + colour_rules(colour).encode()
        mark = _packaged("mark.svg").replace(b"COLOUR", (colour or _USUAL_COLOUR).encode())
        made = [
            _asset("style", "css", style, "text/css"),
            _asset("script", "js", _packaged("script.js"), "text/javascript"),
            _asset("icon", "svg", mark, LOGO_TYPES["svg"]),
            *([_asset("logo", logo.ending, logo.data, LOGO_TYPES[logo.ending])] if logo else ()),
        ]
        self.style, self.script, self.icon = (each.name for each in made[:3])
        self.logo = made[3].name if logo else ""
        """The name of each file, "" for no logo."""
        self._current = {each.name: each for each in made}
        self._kinds = {_kind(each.name): each for each in made}

    def route(self) -> Route:
        """Return the route of the files."""
        return Route("/static/{name}", self._answer, methods=["GET"])

    async def _answer(self, request: Request) -> Response:
        name = request.path_params["name"]
        # A cached page may still ask for an earlier style sheet; the current one is better than none.
        asset = self._current.get(name) or self._kinds.get(_kind(name))
        if asset is None:
            return PlainTextResponse("There is no such file.\n", 404)
        headers = _KEPT if name in self._current else _ASKED_AGAIN
        if asset.media_type == LOGO_TYPES["svg"]:
            headers = headers | _DRAWING
        data, coding = compressed(request, asset.data)
        headers = {**headers, **coding, "Vary": VARY}
        return Response(data, headers=headers, media_type=asset.media_type)


@cache
def usual_assets() -> PageAssets:
    """Return the files of a service that chose neither colour nor logo."""
    return PageAssets()


def _asset(kind: str, ending: str, data: bytes, media_type: str) -> _Asset:
    return _Asset(f"{kind}.{hashlib.sha256(data).hexdigest()[:12]}.{ending}", data, media_type)


def _kind(name: str) -> tuple[str, str]:
    parts = name.split(".")
    return parts[0], parts[-1]


def _packaged(name: str) -> bytes:
    return files("doors").joinpath(f"static/{name}").read_bytes()
