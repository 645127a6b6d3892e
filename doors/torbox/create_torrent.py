"""`/torrents/createtorrent`: adds a torrent to an account, within the rate of new content."""

from dataclasses import dataclass, replace
from math import ceil

from starlette.responses import Response

from bittorrent.refusal import Refusal
from doors.torbox.bodies import TorboxForm, torbox_form
from doors.torbox.context import TorboxContext
from doors.torbox.envelope import success
from doors.torbox.error_codes import ACTIVE_LIMIT, INVALID_OPTION, RATE_LIMIT, TorboxError
from doors.torbox.shapes import auth_id, name_of
from downloads.model import Job, JobRequest, SeedPolicy

CREATE_RATE = "torbox_create"
"""The name of the rate limit on adding content that is not cached."""

_MAX_JOBS = 1000


async def create(context: TorboxContext) -> Response:
    """Add a torrent to the account."""
    form = torbox_form(context.form)
    try:
        job = await _RateLimitedAdd(context).add(_wish(form))
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


@dataclass(frozen=True, slots=True)
class _RateLimitedAdd:
    """Adds a torrent within the rate limit; content that is cached does not count."""

    context: TorboxContext

    async def add(self, wish: JobRequest) -> Job:
        context, counted = self.context, False
        rate_limits = context.services.admission.rate_limits
        allowance = rate_limits.take(CREATE_RATE, context.principal, context.address)
        try:
            # Beyond the rate, content is added only where it is cached.
            cached_only = wish.only_if_cached or not allowance.granted
            job = await context.services.downloads.downloads.create(
                context.user.id, replace(wish, only_if_cached=cached_only)
            )
        except Refusal as refusal:
            if refusal.code == "not-cached" and not wish.only_if_cached:
                wait = ceil(allowance.reset - context.services.admission.clock())
                rate = rate_limits.rate_of(CREATE_RATE, context.principal)
                raise TorboxError(RATE_LIMIT, rate, wait=wait) from None
            raise
        else:
            counted = not job.content.complete
            return job
        finally:
            if not counted:
                rate_limits.refund(CREATE_RATE, context.principal, context.address)


async def _slots_full(context: TorboxContext, refusal: Refusal) -> TorboxError:
    """Return ACTIVE_LIMIT with the count of running downloads, for which clients wait."""
    jobs = await context.services.downloads.downloads.jobs(context.user.id, 0, _MAX_JOBS)
    running = sum(not job.content.complete and not job.paused for job in jobs)
    return TorboxError(
        ACTIVE_LIMIT, str(refusal), data={"active_limit": running, "current_active_downloads": running}
    )
