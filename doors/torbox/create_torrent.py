"""`/torrents/createtorrent`: adds a torrent to an account, within the rate of new content."""

from starlette.responses import Response

from bittorrent.refusal import Refusal
from doors.download_rate import DownloadRateExceeded, add_within_rate
from doors.torbox.bodies import TorboxForm, torbox_form
from doors.torbox.context import TorboxContext
from doors.torbox.envelope import success
from doors.torbox.error_codes import ACTIVE_LIMIT, INVALID_OPTION, RATE_LIMIT, TorboxError
from doors.torbox.shapes import auth_id, name_of
from downloads.model import Job, JobRequest, SeedPolicy

_MAX_JOBS = 1000


async def create(context: TorboxContext) -> Response:
    """Add a torrent to the account."""
    form = torbox_form(context.form)
    try:
        job = await _add(context, _wish(form))
    except Refusal as refusal:
        if refusal.code == "slots-full":
            raise await _slots_full(context, refusal) from None
        raise
    finally:
        context.list_cache.invalidate(context.user.id)
    data: dict[str, object] = {
        "hash": job.content.key.infohash.truncated.lower,
        "auth_id": auth_id(job.account),
    }
    if job.queued:
        return success({"queued_id": job.id} | data, "Torrent queued successfully.")
    # Clients look for the beginning of the first sentence.
    detail = (
        "Found Cached Torrent. Using Cached Torrent."
        if job.content.complete
        else "Torrent added successfully."
    )
    return success({"torrent_id": job.id, "name": name_of(job)} | data, detail)


def _wish(form: TorboxForm) -> JobRequest:
    texts = form.texts
    seed = texts.number("seed", SeedPolicy.DEFAULT)
    if seed not in tuple(SeedPolicy):
        raise TorboxError(INVALID_OPTION, "The option seed is 1, 2 or 3.")
    return JobRequest(
        torrent=form.file,
        magnet=texts.text("magnet").strip() or None,
        name=texts.text("name"),
        seed=SeedPolicy(seed),
        allow_zip=texts.flag("allow_zip", default=True),
        as_queued=texts.flag("as_queued"),
        only_if_cached=texts.flag("add_only_if_cached"),
    )


async def _add(context: TorboxContext, wish: JobRequest) -> Job:
    services = context.services
    try:
        return await add_within_rate(
            services.downloads.downloads,
            services.admission.rate_limits,
            context.principal,
            context.address,
            wish,
        )
    except DownloadRateExceeded as exceeded:
        raise TorboxError(RATE_LIMIT, exceeded.rate, wait=exceeded.wait) from None


async def _slots_full(context: TorboxContext, refusal: Refusal) -> TorboxError:
    """Return ACTIVE_LIMIT with the count of running downloads, for which clients wait."""
    jobs = await context.services.downloads.downloads.jobs(context.user.id, 0, _MAX_JOBS)
    running = sum(not job.content.complete and not job.paused for job in jobs)
    return TorboxError(
        ACTIVE_LIMIT, str(refusal), data={"active_limit": running, "current_active_downloads": running}
    )
