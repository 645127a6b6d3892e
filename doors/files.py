"""Downloads of content over signed links: files with ranges, a zip, the .torrent; none of it can run in a browser."""

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from accounts.accounts import Accounts
from bittorrent.media_types import inert_media_type
from bittorrent.refusal import Refusal
from doors.hosts import host_of, is_host, isolated_host
from doors.http_headers import attachment, etag_matches, file_attachment
from doors.ranges import RangeNotSatisfiable, if_range_matches, requested_range
from doors.security_headers import TABLE, SecurityHeaders
from doors.transfers import FileVanished, TransferResponse, Transfers, file_body, open_reader, zip_body
from downloads.downloads import Downloads
from downloads.links import TORRENT, ZIP, DownloadLink, DownloadLinks
from downloads.model import ContentFile, Job

LINK_PATH = "/dld/"

# Those of a file, whatever the answer: a refusal at a link's address is not a page.
_HEADERS = {**TABLE["file"], "Cache-Control": "private, no-store"}
_RETRY = {"busy": "5", "too-many-requests": "30"}


@dataclass(frozen=True, slots=True)
class FileServices:
    """What the download links ask of the service."""

    accounts: Accounts
    downloads: Downloads
    links: DownloadLinks
    transfers: Transfers
    files_url: str | None


def routes(services: FileServices) -> list[Route]:
    """Return the route of the download links."""
    return [Route(LINK_PATH + "{opaque}", _FileRoutes(services).fetch, methods=["GET"])]


def link_url(opaque: str, files_url: str | None, base: str) -> str:
    """Return the URL of a link; `base` is the service's own. It contains nothing of the request that made it."""
    return f"{files_url or base}{LINK_PATH}{opaque}"


def isolate_files_host(app: ASGIApp, files_url: str | None, public_url: str | None) -> ASGIApp:
    """Wrap `app` so that the host of `files_url` answers file links only; return `app` itself without such a host."""
    host = isolated_host(files_url, public_url)
    if host is None:
        return app

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and is_host(scope, host) and not scope["path"].startswith(LINK_PATH):
            await SecurityHeaders(_refused(Refusal("not-found")))(scope, receive, send)
        else:
            await app(scope, receive, send)

    return answer


@dataclass(frozen=True, slots=True)
class _FileRoutes:
    services: FileServices

    async def fetch(self, request: Request) -> Response:
        """Answer a request for a link."""
        host = host_of(self.services.files_url)
        try:
            if host is not None and not is_host(request.scope, host):
                raise Refusal("not-found")
            link = self.services.links.read(request.path_params["opaque"])
            return await self._answer(request, link, await self._job(link))
        except FileVanished:
            return _refused(Refusal("not-found"))
        except Refusal as refusal:
            return _refused(refusal)

    async def _job(self, link: DownloadLink) -> Job:
        """Return the job of a link; a link is invalid without its job, and while its account is disabled."""
        user = await self.services.accounts.user(link.account)
        job = (
            None
            if user is None or not user.enabled
            else await self.services.downloads.job(link.account, link.job)
        )
        if job is None or not link.matches(job):
            raise Refusal("bad-file-link")
        return job

    async def _answer(self, request: Request, link: DownloadLink, job: Job) -> Response:
        if link.target == TORRENT:
            return await self._torrent(request, job)
        if not job.content.complete:
            raise Refusal("not-cached")
        with ExitStack() as cleanup:
            if request.method == "GET":
                cleanup.enter_context(self.services.transfers.slot(link.account))
            if link.target == ZIP:
                return await self._zip(request, job, cleanup)
            file = next((file for file in job.content.files if file.index == link.target), None)
            if file is None:
                raise Refusal("bad-file-link")
            return await self._file(request, job, file, cleanup)

    async def _torrent(self, request: Request, job: Job) -> Response:
        data = await self.services.downloads.torrent_of(job.account, job.id)
        if data is None:
            raise Refusal("not-found")
        headers = _headers(attachment(job.content.name), "application/x-bittorrent", len(data))
        return Response(b"" if request.method == "HEAD" else data, headers=headers)

    async def _zip(self, request: Request, job: Job, cleanup: ExitStack) -> Response:
        # It needs the extra `downloads`; there are no jobs without that.
        from downloads.zip_archive import ZipArchive  # noqa: PLC0415

        files = job.content.files
        archive = await asyncio.to_thread(ZipArchive, files)
        headers = _headers(attachment(job.content.name, ".zip"), "application/zip", archive.size)
        if request.method == "HEAD":
            return Response(headers=headers)
        body = zip_body(archive, files, partial(self.services.downloads.open_file, job.content))
        return TransferResponse(body, 200, headers, cleanup.pop_all())

    async def _file(self, request: Request, job: Job, file: ContentFile, cleanup: ExitStack) -> Response:
        reader = await open_reader(partial(self.services.downloads.open_file, job.content), file)
        cleanup.callback(reader.close)
        answer = _Selection.of(request, job, file)
        headers = _headers(file_attachment(file.path), inert_media_type(file.path), len(answer.bytes))
        headers |= answer.headers
        if answer.status not in {200, 206}:
            del headers["Content-Length"]
            return Response(status_code=answer.status, headers=headers)
        if request.method == "HEAD":
            return Response(headers=headers)
        return TransferResponse(file_body(reader, answer.bytes), answer.status, headers, cleanup.pop_all())


@dataclass(frozen=True, slots=True)
class _Selection:
    """The bytes of a file that a request gets, with status and headers (RFC 9110 § 13.2.2)."""

    status: int
    bytes: range
    headers: Mapping[str, str]

    @classmethod
    def of(cls, request: Request, job: Job, file: ContentFile) -> "_Selection":
        # The tag follows the content, so that a download can be resumed by another link.
        etag = f'"{job.content.key.infohash.lower}-{file.index}"'
        modified = formatdate(job.content.finished or job.content.added, usegmt=True)
        headers = {"ETag": etag, "Last-Modified": modified, "Accept-Ranges": "bytes"}
        whole, nothing = range(file.size), range(0)
        if (tags := _field(request, "if-match")) and not etag_matches(tags, etag):
            return cls(412, nothing, headers)
        if etag_matches(_field(request, "if-none-match"), etag):
            return cls(304, nothing, headers)
        if request.method != "GET" or not if_range_matches(_field(request, "if-range"), etag, modified):
            return cls(200, whole, headers)
        try:
            asked = requested_range(_field(request, "range"), file.size)
        except RangeNotSatisfiable:
            return cls(416, nothing, headers | {"Content-Range": f"bytes */{file.size}"})
        if asked is None:
            return cls(200, whole, headers)
        span = f"bytes {asked.start}-{asked.stop - 1}/{file.size}"
        return cls(206, asked, headers | {"Content-Range": span})


def _field(request: Request, name: str) -> str:
    return ",".join(request.headers.getlist(name))


def _headers(disposition: str, media_type: str, length: int) -> dict[str, str]:
    return _HEADERS | {
        "Content-Disposition": disposition,
        "Content-Type": media_type,
        "Content-Length": str(length),
        "Accept-Ranges": "none",
    }


def _refused(refusal: Refusal) -> Response:
    retry = {"Retry-After": _RETRY[refusal.code]} if refusal.code in _RETRY else {}
    return PlainTextResponse(f"{refusal}\n", refusal.status, _HEADERS | retry)
