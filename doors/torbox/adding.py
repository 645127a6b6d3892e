"""Hides how content is asked for: what a form wishes, and how many of them an account may add."""

from dataclasses import dataclass, replace
from math import ceil

from starlette.responses import Response

from bittorrent.refusal import Refusal
from doors.torbox.bodies import Form, read_form
from doors.torbox.codes import ACTIVE_LIMIT, INVALID_OPTION, RATE_LIMIT, Failure
from doors.torbox.envelope import success
from doors.torbox.shapes import auth_id, name_of
from doors.torbox.visit import Visit
from downloads.model import Job, Seed, Wish

RATE = "torbox_create"
"""The name of the rate at which content may be added that is not here yet."""

_ACTIVE = 1000


async def create(visit: Visit) -> Response:
    """Hold content for the account."""
    form = await read_form(visit.request, visit.office.uploads.limit, visit.office.memory)
    try:
        job = await _Adding(visit).add(_wish(form))
    except Refusal as refusal:
        if refusal.code == "slots-full":
            raise await _slots(visit, refusal) from None
        raise
    finally:
        visit.recent.forget(visit.user.id)
    data: dict[str, object] = {"hash": job.content.key.infohash.cut.lower, "auth_id": auth_id(job.account)}
    if job.queued:
        return success({"queued_id": job.id} | data, "Torrent queued successfully.")
    # Clients look for how the first of these sentences begins.
    detail = "Found Cached Torrent. Using Cached Torrent." if job.cached else "Torrent added successfully."
    return success({"torrent_id": job.id, "name": name_of(job)} | data, detail)


def _wish(form: Form) -> Wish:
    texts = form.texts
    seed = texts.number("seed", Seed.DEFAULT)
    if seed not in tuple(Seed):
        raise Failure(INVALID_OPTION, "The option seed is 1, 2 or 3.")
    return Wish(
        torrent=form.file,
        magnet=texts.text("magnet").strip() or None,
        name=texts.text("name"),
        seed=Seed(seed),
        allow_zip=texts.flag("allow_zip", default=True),
        as_queued=texts.flag("as_queued"),
        only_if_cached=texts.flag("add_only_if_cached"),
    )


@dataclass(frozen=True, slots=True)
class _Adding:
    """Adds at the operator's rate; what is here already does not count."""

    visit: Visit

    async def add(self, wish: Wish) -> Job:
        visit, counts = self.visit, False
        allowances = visit.office.allowances
        allowance = allowances.take(RATE, visit.principal, visit.address)
        try:
            # Beyond the rate only what costs nothing is taken.
            only = wish.only_if_cached or not allowance.granted
            job = await visit.office.downloads.create(visit.user.id, replace(wish, only_if_cached=only))
        except Refusal as refusal:
            if refusal.code == "not-cached" and not wish.only_if_cached:
                wait = ceil(allowance.reset - visit.office.clock())
                rate = allowances.rate_of(RATE, visit.principal)
                raise Failure(RATE_LIMIT, rate, wait=wait) from None
            raise
        else:
            counts = not job.cached
            return job
        finally:
            if not counts:
                allowances.give_back(RATE, visit.principal, visit.address)


async def _slots(visit: Visit, refusal: Refusal) -> Failure:
    """Return what clients wait upon: how many downloads run."""
    jobs = await visit.office.downloads.jobs(visit.user.id, 0, _ACTIVE)
    running = sum(not job.content.complete and not job.paused for job in jobs)
    return Failure(
        ACTIVE_LIMIT, str(refusal), data={"active_limit": running, "current_active_downloads": running}
    )
