"""`/torrents/requestdl` and `/torrents/exportdata`: links to content, and the torrent itself."""

from starlette.responses import RedirectResponse, Response

from bittorrent.refusal import Refusal
from doors import files
from doors.http_headers import attachment
from doors.origin import base_url
from doors.torbox.context import TorboxContext
from doors.torbox.envelope import HEADERS, success
from doors.torbox.error_codes import DIFF_ISSUE, TOO_MANY_OPTIONS, TorboxError
from doors.torbox.parameters import read_number
from doors.torbox.shapes import name_of
from downloads.links import TORRENT, ZIP
from downloads.model import Job

_LINKED = "Torrent download requested successfully."
_EXPORTED = "Torrent data exported successfully."


async def request_link(context: TorboxContext) -> Response:
    """Answer a link to a file, to all files in one archive or to the .torrent, or redirect to it."""
    number = read_number("torrent_id", context.query.required("torrent_id"))
    redirect = context.query.flag("redirect")
    zipped = context.query.flag("zip_link") or context.query.flag("zip")
    torrent = context.query.flag("torrent_file")
    file = context.query.number("file_id")
    if zipped and torrent:
        raise TorboxError(TOO_MANY_OPTIONS, "Ask for zip_link or torrent_file, not for both.")
    job = await _job(context, number)
    what = TORRENT if torrent else ZIP if zipped else _file(job, file)
    _check(job, what)
    base = base_url(context.request, context.services.admission.public_url)
    url = files.link_url(
        context.services.downloads.links.make(job, what), context.services.downloads.files_url, base
    )
    return RedirectResponse(url, 307, HEADERS) if redirect else success(url, _LINKED)


async def export(context: TorboxContext) -> Response:
    """Answer a job's magnet link, or its .torrent as a file."""
    number = read_number("torrent_id", context.query.required("torrent_id"))
    export_type = context.query.one_of("type", ("magnet", "file"))
    job = await _job(context, number)
    if export_type == "magnet" and job.magnet:
        return success(job.magnet, _EXPORTED)
    data = await context.services.downloads.downloads.torrent_of(context.user.id, number)
    if data is None:
        raise TorboxError(DIFF_ISSUE, "The .torrent is not known yet.")
    if export_type == "magnet":
        return success(str((await context.services.downloads.lookups.read(data)).magnet()), _EXPORTED)
    headers = HEADERS | {"Content-Disposition": attachment(name_of(job))}
    return Response(data, headers=headers, media_type="application/x-bittorrent")


async def _job(context: TorboxContext, number: int) -> Job:
    job = await context.services.downloads.downloads.job(context.user.id, number)
    if job is None:
        raise Refusal("not-found")
    return job


def _file(job: Job, number: int | None) -> int:
    """Return the index of the requested file; 0 for None, as clients leave a zero out."""
    number = number or 0
    if not any(file.index == number for file in job.content.files):
        raise Refusal("bad-file-link", "no such file in this torrent")
    return number


def _check(job: Job, what: int) -> None:
    if what == TORRENT:
        if not job.has_torrent:
            raise TorboxError(DIFF_ISSUE, "The .torrent is not known yet.")
        return
    if what == ZIP and not job.allow_zip:
        raise TorboxError(DIFF_ISSUE, "This torrent was added without allow_zip.")
    if not job.content.complete:
        raise TorboxError(DIFF_ISSUE, "The torrent is not downloaded yet.")
