"""Hides the dialect of the torrent caches: upload forms, upper-case addresses, errors that answer 200."""

import asyncio
import re
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from actions.uploads import Accepted
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from cache.torrents import Held, TorrentCache
from doors import errors, pages
from doors.frame import SITE, style_route
from doors.intake import Intake, Tally
from doors.limits import Body, FormReader
from doors.negotiation import attachment, has_tag, takes_gzip

# What a form adds to the file it carries: boundaries, headers, a few other fields.
FORM_SLACK = 64 * 1024

_INFOHASH = re.compile(r"[0-9A-Fa-f]{40}")
_FIELD = "torrent"
_KEEP_NOTHING = {
    "Expires": "Mon, 26 Jul 1997 05:00:00 GMT",
    "Cache-Control": "no-store, no-cache, must-revalidate",
    "Pragma": "no-cache",
}
_NO_SNIFF = {"X-Content-Type-Options": "nosniff"}
_FOUND = {"Cache-Control": "public, max-age=3600", "Vary": "Accept-Encoding"}
_NOT_FOUND = {"Cache-Control": "public, max-age=30"}


def routes(cache: TorrentCache, intake: Intake, site: str = SITE) -> list[Route]:
    """Return the cache's routes: uploads, downloads and what belongs to them.

    `site` is what the service calls itself.
    """
    form, files = _UploadDoor(intake, site), _FileDoor(cache, intake.tally, intake.public_url, site)
    return [
        Route("/upload.php", form.page, methods=["GET"]),
        Route("/upload.php", form.submit, methods=["POST"]),
        Route("/autoupload.php", form.autoupload, methods=["POST"]),
        Route("/torrent/{rest:path}", files.fetch, methods=["GET"]),
        Route("/robots.txt", _robots, methods=["GET"]),
        style_route(),
    ]


@dataclass(frozen=True, slots=True)
class _UploadDoor:
    intake: Intake
    site: str

    async def page(self, request: Request) -> Response:
        return pages.page("Upload a torrent", pages.form(self.intake.uploads.limit), site=self.site)

    async def submit(self, request: Request) -> Response:
        """Answer a browser: the honest status, and a page that says what became of the file."""
        try:
            accepted = await self._take(request, "form")
        except Refusal as refusal:
            headers = _KEEP_NOTHING | _error_headers(refusal)
            body = pages.refused(refusal)
            return pages.page("Not uploaded", body, refusal.status, headers, site=self.site)
        headers = _KEEP_NOTHING | {"X-Torrage-Infohash": accepted.infohash.upper}
        return pages.page("Uploaded", pages.accepted(accepted), headers=headers, site=self.site)

    async def autoupload(self, request: Request) -> Response:
        """Answer a program: always 200, the hash or the error in the body, and again in a header."""
        try:
            accepted = await self._take(request, "autoupload")
        except Refusal as refusal:
            return _plain(errors.autoupload_body(refusal), _error_headers(refusal))
        infohash = accepted.infohash.upper
        return _plain(f"{infohash}\n".encode(), {"X-Torrage-Infohash": infohash})

    async def _take(self, request: Request, door: str) -> Accepted:
        async def read(body: Body) -> bytes:
            return await _read_form(request, body)

        return await self.intake.take(request, door, self.intake.uploads.limit + FORM_SLACK, read)


@dataclass(frozen=True, slots=True)
class _FileDoor:
    cache: TorrentCache
    tally: Tally
    public_url: str | None
    site: str

    async def fetch(self, request: Request) -> Response:
        """Answer the file that the first 40 digits of the path name; whatever follows them is ignored."""
        asked = _INFOHASH.match(request.path_params["rest"])
        held = await self.cache.get(InfoHash.parse(asked[0])) if asked else None
        if held is None:
            self.tally.misses += asked is not None
            body = pages.missing(asked[0].upper() if asked else None)
            return pages.page("Not found", body, 404, _NOT_FOUND, site=self.site)
        assert asked is not None
        self.tally.hits += 1
        if asked[0] != asked[0].upper():
            return self._redirect(asked[0].upper())
        return await _file(request, held)

    def _redirect(self, infohash: str) -> Response:
        base = (self.public_url or "").rstrip("/")
        return RedirectResponse(
            f"{base}/torrent/{infohash}.torrent", 301, {"Cache-Control": "public, max-age=3600"}
        )


async def _file(request: Request, held: Held) -> Response:
    packed = takes_gzip(",".join(request.headers.getlist("accept-encoding")))
    etag = f'"{held.record.digest.hex()}{"-gzip" if packed else ""}"'
    headers = _FOUND | _NO_SNIFF | {"ETag": etag}
    if has_tag(",".join(request.headers.getlist("if-none-match")), etag):
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = attachment(held.record.name)
    if packed:
        headers["Content-Encoding"] = "gzip"
    data = held.gzip if packed else await asyncio.to_thread(held.plain)
    return Response(data, headers=headers, media_type="application/x-bittorrent")


async def _read_form(request: Request, body: Body) -> bytes:
    """Return the first file of the form's field; Refusal "bad-form" for no form, "empty" for no file."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refusal("bad-form")
    reader = FormReader(request.headers, body.stream(), max_files=8, max_fields=32, max_part_size=16 * 1024)
    try:
        form = await reader.parse()
    except MultiPartException:
        raise Refusal("bad-form") from None
    try:
        for part in form.getlist(_FIELD):
            if isinstance(part, UploadFile):
                return await part.read()
    finally:
        await form.close()
    raise Refusal("empty")


def _plain(body: bytes, headers: dict[str, str]) -> Response:
    return Response(
        body, headers=_KEEP_NOTHING | _NO_SNIFF | headers, media_type="text/plain; charset=iso-8859-1"
    )


def _error_headers(refusal: Refusal) -> dict[str, str]:
    headers = {"X-Torrage-Error-Msg": errors.text(refusal)}
    if refusal.code == "too-large":
        # More may be on its way than is worth reading.
        headers["Connection"] = "close"
    return headers


async def _robots(request: Request) -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /torrent/\n", headers=_NO_SNIFF)
