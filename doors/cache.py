"""The torrent cache over HTTP: upload form, `autoupload.php`, downloads by infohash, `robots.txt`."""

import asyncio
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from accounts.model import NOBODY, Scope
from accounts.rights import Right
from actions.lookups import LookupResult
from actions.torrent_files import TorrentFile, TorrentFiles
from actions.uploads import AcceptedUpload
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from cache.torrents import CachedTorrent, CacheRecord, TorrentCache
from doors import cache_pages, errors
from doors.admission import Admission, AdmittedRoute, ApiDialect, Endpoint, Exchange, Step, parameter
from doors.bodies import MULTIPART, FormRules
from doors.connection_memory import reserve_answer
from doors.file_answers import MEDIA_TYPE, FileAnswers, redirect
from doors.http_headers import accepts_gzip, attachment, etag_matches
from doors.kept_files import KeptFiles
from doors.lookup_on_miss import LookupOnMiss
from doors.origin import base_url
from doors.page_layout import SITE, PageSite
from doors.upload_admission import CREDENTIALS, CacheCounters, UploadAdmission

# Bytes that a multipart form adds to its file: boundaries, part headers, a few other fields.
FORM_SLACK = 64 * 1024

_INFOHASH = re.compile(r"[0-9A-Fa-f]{40}")
_FIELD = "torrent"
_FORM = FormRules(
    frozenset({MULTIPART}), max_fields=32, max_files=8, max_text=16 * 1024, code="bad-form", wrong_type=""
)
_LARGE = 64 << 10  # bytes of a file from which on room is reserved before it is read
_NO_STORE = {
    "Expires": "Mon, 26 Jul 1997 05:00:00 GMT",
    "Cache-Control": "no-store, no-cache, must-revalidate",
    "Pragma": "no-cache",
}
_FILE_STEPS = (Step.CREDENTIALS, Step.KEY_METHODS)
_FILE_ENDPOINT = Endpoint(name="download")
_FILE_CREDENTIALS = (
    *CREDENTIALS,
    parameter("torrent_pass", Scope.PASSKEY),
    # What a feed that was read by a key links to.
    parameter("key", Scope.FEED, Scope.QBITTORRENT),
)
_ACCOUNT_HIT = {"Cache-Control": "private, no-cache", "Vary": "Cookie, Authorization"}
_UNCRAWLED = ("/torrent/", "/search", "/torznab/")
_MISS = {"Cache-Control": "public, max-age=30"}

Render = Callable[[Refusal], Response]
Respond = Callable[[AcceptedUpload], Response]


def routes(
    cache: TorrentCache,
    uploads: UploadAdmission,
    files: TorrentFiles,
    site: PageSite = SITE,
    lookups: LookupOnMiss | None = None,
    *,
    kept: KeptFiles | None = None,
) -> list[Route]:
    """Return the cache's routes: uploads, downloads, `robots.txt` and what pages load.

    `lookups` serves `?wait=` for torrents that are not cached; `kept` takes the answers that the native threads give
    from then on.
    """
    downloads = _DownloadRoutes(cache, uploads.counters, uploads.admission, files, site, lookups, kept)
    return [
        *_upload_routes(uploads, site),
        Route("/torrent/{rest:path}", downloads.fetch, methods=["GET"]),
        Route("/robots.txt", partial(_robots, uploads.admission), methods=["GET"]),
        site.assets.route(),
    ]


def _upload_routes(uploads: UploadAdmission, site: PageSite) -> list[Route]:
    """Return the routes of browsers, which see the HTTP status of the result, and of programs, which see 200."""
    limit = uploads.uploads.limit

    async def page(_: Request) -> Response:
        return cache_pages.page("Upload a torrent", cache_pages.upload_form(limit), site=site)

    def refused_page(refusal: Refusal) -> Response:
        body = cache_pages.upload_refused(refusal)
        headers = _NO_STORE | _error_header(refusal)
        return cache_pages.page("Not uploaded", body, refusal.status, headers, site=site)

    def accepted_page(accepted: AcceptedUpload) -> Response:
        body = cache_pages.upload_accepted(accepted)
        return cache_pages.page("Uploaded", body, headers=_NO_STORE | _infohash_header(accepted), site=site)

    def route(path: str, actor: str, render: Render, respond: Respond) -> Route:
        dialect = uploads.dialect(f"upload_{actor}", render)
        endpoint = uploads.endpoint(limit + FORM_SLACK, _FORM)
        handler = uploads.handler(actor, _file_of_form, respond)
        return AdmittedRoute(path, uploads.admission, dialect, {"POST": (endpoint, handler)})

    return [
        Route("/upload.php", page, methods=["GET"]),
        route("/upload.php", "form", refused_page, accepted_page),
        route("/autoupload.php", "autoupload", _refused_text, _accepted_text),
    ]


async def _file_of_form(exchange: Exchange) -> bytes:
    files = exchange.form.files_of(_FIELD)
    if not files:
        raise Refusal("empty")
    return files[0]


def _refused_text(refusal: Refusal) -> Response:
    return _plain(errors.autoupload_body(refusal), _error_header(refusal))


def _accepted_text(accepted: AcceptedUpload) -> Response:
    return _plain(f"{accepted.infohash.upper}\n".encode(), _infohash_header(accepted))


@dataclass(frozen=True, slots=True)
class _DownloadRoutes:
    cache: TorrentCache
    counters: CacheCounters
    admission: Admission
    files: TorrentFiles
    site: PageSite
    lookups: LookupOnMiss | None
    kept: KeptFiles | None

    async def fetch(self, request: Request) -> Response:
        """Return the torrent whose infohash is the first 40 digits of the path; the rest of the path is ignored."""
        try:
            return await self._fetch(request, _INFOHASH.match(request.path_params["rest"]))
        except Refusal as refusal:
            headers = _NO_STORE | {"Retry-After": "1"}
            body = cache_pages.lookup_refused(refusal)
            return cache_pages.page("Not now", body, refusal.status, headers, site=self.site)

    async def _fetch(self, request: Request, asked: re.Match[str] | None) -> Response:
        """Answer a request. Refusal: `busy`."""
        # Read first of all: what changes from here on refuses the answer that is to be kept.
        generation = self.kept.generation(InfoHash.parse(asked[0])) if asked and self.kept is not None else 0
        held = await self._held(request, InfoHash.parse(asked[0])) if asked else None
        if held is None:
            self.counters.misses += asked is not None
            if asked is not None and self.lookups is not None and "wait" in request.query_params:
                return await self._look_up(request, InfoHash.parse(asked[0]), self.lookups)
            return self._not_found(asked[0].upper() if asked else None)
        assert asked is not None
        restricted = not self.files.open_to_all(held.record)
        self.counters.hits += 1
        if asked[0] != asked[0].upper() and not restricted:
            return redirect(self.admission.public_url, asked[0].upper())
        if restricted:
            return await self._restricted(request, held)
        answers = _answers(request, held)
        response, data = await _file(request, held, answers)
        if self.kept is not None and data is not None:
            self.kept.keep(InfoHash.parse(asked[0]), answers, data, generation)
        return response

    async def _restricted(self, request: Request, held: CachedTorrent) -> Response:
        """Return a file that not everybody gets: to an account, as it may see it."""

        async def answer(exchange: Exchange) -> Response:
            base = base_url(request, self.admission.public_url)
            return _account_file(request, held, await self.files.serve(exchange.principal, held, base))

        def render(exchange: Exchange, error: Exception) -> Response:
            assert isinstance(error, Refusal)
            if error.code == "not-found":  # to nobody it looks as if it were not there
                headers = _MISS if exchange.principal.is_nobody else _NO_STORE
                return self._not_found(held.record.infohash.upper, headers)
            body = cache_pages.file_refused(error, self.site.root)
            return cache_pages.page("Not for everybody", body, error.status, _NO_STORE, site=self.site)

        dialect = ApiDialect("file", _FILE_CREDENTIALS, _FILE_STEPS, render)
        return await self.admission.answer(dialect, request, _FILE_ENDPOINT, answer)

    def _not_found(self, infohash: str | None, headers: Mapping[str, str] = _MISS) -> Response:
        body = cache_pages.not_found(infohash, self.site.root)
        return cache_pages.page("Not found", body, 404, headers, site=self.site)

    async def _held(self, request: Request, infohash: InfoHash) -> CachedTorrent | None:
        """Return the torrent, read when there is room for a large one. Refusal: `busy`."""

        async def wait_for_room(record: CacheRecord) -> None:
            if record.stored > _LARGE:
                await reserve_answer(request.scope, record.stored)

        return await self.cache.get(infohash, before=wait_for_room)

    async def _look_up(self, request: Request, infohash: InfoHash, lookups: LookupOnMiss) -> Response:
        """Return the torrent once a lookup has found it, with its source in `X-Peerage-Source`."""

        async def respond(found: LookupResult | None) -> Response:
            held = await self.cache.get(infohash) if found is not None else None
            if found is None or held is None:
                return self._not_found(infohash.upper, _NO_STORE)
            restricted = not self.files.open_to_all(held.record)
            if restricted:
                response = await self._restricted(request, held)
            else:
                response, _ = await _file(request, held, _answers(request, held))
            response.headers["X-Peerage-Source"] = found.source
            return response

        def render(refusal: Refusal) -> Response:
            body = cache_pages.lookup_refused(refusal)
            return cache_pages.page("Not found", body, refusal.status, _NO_STORE, site=self.site)

        return await lookups.answer(request, infohash, respond, render)


def _answers(request: Request, held: CachedTorrent) -> FileAnswers:
    return FileAnswers(held.record, accepts_gzip(",".join(request.headers.getlist("accept-encoding"))))


async def _file(request: Request, held: CachedTorrent, answers: FileAnswers) -> tuple[Response, bytes | None]:
    """Return the answer, and the file in its coding, None where that was not made."""
    if etag_matches(",".join(request.headers.getlist("if-none-match")), answers.etag):
        return answers.unchanged(), held.gzip if answers.packed else None
    if answers.packed:
        data = held.gzip
    elif held.plain_size > _LARGE:
        await reserve_answer(request.scope, held.plain_size)
        data = await asyncio.to_thread(held.plain)
    else:
        data = held.plain()  # quicker than a thread, which may wait behind uploads
    return answers.whole(data), data


def _account_file(request: Request, held: CachedTorrent, file: TorrentFile) -> Response:
    """Return a file as one account gets it, which no shared cache keeps."""
    headers = _ACCOUNT_HIT | {"ETag": f'"{file.digest.hex()}"'}
    if etag_matches(",".join(request.headers.getlist("if-none-match")), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = attachment(held.record.name)
    return Response(file.data, headers=headers, media_type=MEDIA_TYPE)


def _plain(body: bytes, headers: dict[str, str]) -> Response:
    return Response(body, headers=_NO_STORE | headers, media_type="text/plain; charset=iso-8859-1")


def _error_header(refusal: Refusal) -> dict[str, str]:
    return {"X-Torrage-Error-Msg": errors.error_line(refusal)}


def _infohash_header(accepted: AcceptedUpload) -> dict[str, str]:
    return {"X-Torrage-Infohash": accepted.infohash.upper}


async def _robots(admission: Admission, request: Request) -> Response:
    """Keep crawlers out of files and of searches without end, and name the sitemap of a catalogue that is open."""
    lines = ["User-agent: *", *(f"Disallow: {admission.root_path}{path}" for path in _UNCRAWLED)]
    if admission.rights.may(NOBODY, Right.READ):
        with suppress(Refusal):  # of a Host that is none
            lines.append(f"Sitemap: {base_url(request, admission.public_url)}/sitemap.xml")
    return PlainTextResponse("\n".join(lines) + "\n")
