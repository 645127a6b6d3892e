"""The torrent cache over HTTP: upload form, `autoupload.php`, downloads by infohash, `robots.txt`."""

import asyncio
import re
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from actions.uploads import AcceptedUpload
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from cache.torrents import CachedTorrent, TorrentCache
from doors import cache_pages, errors
from doors.http_headers import accepts_gzip, attachment, etag_matches
from doors.lookup_on_miss import LookupOnMiss
from doors.page_layout import SITE, style_route
from doors.request_limits import Body, FormReader
from doors.upload_admission import CacheCounters, UploadAdmission

# Bytes that a multipart form adds to its file: boundaries, part headers, a few other fields.
FORM_SLACK = 64 * 1024

_INFOHASH = re.compile(r"[0-9A-Fa-f]{40}")
_FIELD = "torrent"
_NO_STORE = {
    "Expires": "Mon, 26 Jul 1997 05:00:00 GMT",
    "Cache-Control": "no-store, no-cache, must-revalidate",
    "Pragma": "no-cache",
}
_NO_SNIFF = {"X-Content-Type-Options": "nosniff"}
_HIT = {"Cache-Control": "public, max-age=3600", "Vary": "Accept-Encoding"}
_MISS = {"Cache-Control": "public, max-age=30"}


def routes(
    cache: TorrentCache, admission: UploadAdmission, site: str = SITE, lookups: LookupOnMiss | None = None
) -> list[Route]:
    """Return the cache's routes: uploads, downloads, `robots.txt` and the style sheet.

    `site` is the name of the service on its pages; `lookups` serves `?wait=` for torrents that are not cached.
    """
    uploads, downloads = (
        _UploadRoutes(admission, site),
        _DownloadRoutes(cache, admission.counters, admission.public_url, site, lookups),
    )
    return [
        Route("/upload.php", uploads.page, methods=["GET"]),
        Route("/upload.php", uploads.submit, methods=["POST"]),
        Route("/autoupload.php", uploads.autoupload, methods=["POST"]),
        Route("/torrent/{rest:path}", downloads.fetch, methods=["GET"]),
        Route("/robots.txt", _robots, methods=["GET"]),
        style_route(),
    ]


@dataclass(frozen=True, slots=True)
class _UploadRoutes:
    admission: UploadAdmission
    site: str

    async def page(self, request: Request) -> Response:
        return cache_pages.page(
            "Upload a torrent", cache_pages.upload_form(self.admission.uploads.limit), site=self.site
        )

    async def submit(self, request: Request) -> Response:
        """Answer a browser: a page with the HTTP status of the result."""
        try:
            accepted = await self._take(request, "form")
        except Refusal as refusal:
            headers = _NO_STORE | _error_headers(refusal)
            body = cache_pages.upload_refused(refusal)
            return cache_pages.page("Not uploaded", body, refusal.status, headers, site=self.site)
        headers = _NO_STORE | {"X-Torrage-Infohash": accepted.infohash.upper}
        return cache_pages.page(
            "Uploaded", cache_pages.upload_accepted(accepted), headers=headers, site=self.site
        )

    async def autoupload(self, request: Request) -> Response:
        """Answer a program: always 200, the infohash or the error in the body and in a header."""
        try:
            accepted = await self._take(request, "autoupload")
        except Refusal as refusal:
            return _plain(errors.autoupload_body(refusal), _error_headers(refusal))
        infohash = accepted.infohash.upper
        return _plain(f"{infohash}\n".encode(), {"X-Torrage-Infohash": infohash})

    async def _take(self, request: Request, door: str) -> AcceptedUpload:
        async def read(body: Body) -> bytes:
            return await _read_form(request, body)

        return await self.admission.take(request, door, self.admission.uploads.limit + FORM_SLACK, read)


@dataclass(frozen=True, slots=True)
class _DownloadRoutes:
    cache: TorrentCache
    counters: CacheCounters
    public_url: str | None
    site: str
    lookups: LookupOnMiss | None

    async def fetch(self, request: Request) -> Response:
        """Return the torrent whose infohash is the first 40 digits of the path; the rest of the path is ignored."""
        asked = _INFOHASH.match(request.path_params["rest"])
        held = await self.cache.get(InfoHash.parse(asked[0])) if asked else None
        if held is None:
            self.counters.misses += asked is not None
            if asked is not None and self.lookups is not None and "wait" in request.query_params:
                return await self._look_up(request, InfoHash.parse(asked[0]), self.lookups)
            body = cache_pages.not_found(asked[0].upper() if asked else None)
            return cache_pages.page("Not found", body, 404, _MISS, site=self.site)
        assert asked is not None
        self.counters.hits += 1
        if asked[0] != asked[0].upper():
            return self._redirect(asked[0].upper())
        return await _file(request, held)

    async def _look_up(self, request: Request, infohash: InfoHash, lookups: LookupOnMiss) -> Response:
        """Return the torrent once a lookup has found it, with its source in `X-Peerage-Source`."""
        try:
            found = await lookups.find(request, infohash)
        except Refusal as refusal:
            return cache_pages.page(
                "Not found", cache_pages.lookup_refused(refusal), refusal.status, _NO_STORE, site=self.site
            )
        held = await self.cache.get(infohash) if found is not None else None
        if found is None or held is None:
            return cache_pages.page(
                "Not found", cache_pages.not_found(infohash.upper), 404, _NO_STORE, site=self.site
            )
        response = await _file(request, held)
        response.headers["X-Peerage-Source"] = found.source
        return response

    def _redirect(self, infohash: str) -> Response:
        base = (self.public_url or "").rstrip("/")
        return RedirectResponse(
            f"{base}/torrent/{infohash}.torrent", 301, {"Cache-Control": "public, max-age=3600"}
        )


async def _file(request: Request, held: CachedTorrent) -> Response:
    use_gzip = accepts_gzip(",".join(request.headers.getlist("accept-encoding")))
    etag = f'"{held.record.digest.hex()}{"-gzip" if use_gzip else ""}"'
    headers = _HIT | _NO_SNIFF | {"ETag": etag}
    if etag_matches(",".join(request.headers.getlist("if-none-match")), etag):
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = attachment(held.record.name)
    if use_gzip:
        headers["Content-Encoding"] = "gzip"
    data = held.gzip if use_gzip else await asyncio.to_thread(held.plain)
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
        body, headers=_NO_STORE | _NO_SNIFF | headers, media_type="text/plain; charset=iso-8859-1"
    )


def _error_headers(refusal: Refusal) -> dict[str, str]:
    headers = {"X-Torrage-Error-Msg": errors.error_line(refusal)}
    if refusal.code == "too-large":
        # The rest of the body is not read.
        headers["Connection"] = "close"
    return headers


async def _robots(request: Request) -> Response:
    return PlainTextResponse("User-agent: *\nDisallow: /torrent/\n", headers=_NO_SNIFF)
