"""What reads torrents: the list, its filters and order, and one torrent's details, trackers, files and .torrent."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from starlette.responses import Response

from bittorrent.refusal import Refusal
from doors.http_headers import attachment
from doors.qbittorrent.context import HEADERS, QbittorrentContext, as_json, text
from doors.qbittorrent.shapes import JsonObject, TorrentShapes, job_hash, trackers
from downloads.model import Job
from downloads.store import LabelKind

_LONG = 100  # torrents, or files, from which an answer is made in a thread

_ACTIVE = frozenset({"downloading", "uploading", "metaDL"})
_FILTERS: Mapping[str, Callable[[str], bool]] = MappingProxyType(
    {
        "downloading": lambda state: state.endswith("DL") or state == "downloading",
        "seeding": lambda state: state in {"uploading", "stalledUP"},
        "completed": lambda state: state.endswith("UP") or state == "uploading",
        "paused": lambda state: state.startswith("paused"),
        "stopped": lambda state: state.startswith("paused"),
        "resumed": lambda state: not state.startswith("paused"),
        "running": lambda state: not state.startswith("paused"),
        "active": lambda state: state in _ACTIVE,
        "inactive": lambda state: state not in _ACTIVE,
        "stalled": lambda state: state.startswith("stalled"),
        "stalled_uploading": lambda state: state == "stalledUP",
        "stalled_downloading": lambda state: state == "stalledDL",
        "checking": lambda state: state.startswith("checking"),
        "errored": lambda state: state in {"error", "missingFiles"},
        "moving": lambda _: False,
    }
)


def shapes(context: QbittorrentContext) -> TorrentShapes:
    """Return what builds the objects of the account's torrents."""
    services = context.services
    place = f"{services.qbittorrent_terms.save_path}/{context.user.name}"
    return TorrentShapes(place, services.download_limits, context.now())


async def torrents_of(context: QbittorrentContext, jobs: list[Job]) -> list[JsonObject]:
    """Return jobs as torrents of the list, with what is gone from the disk told apart."""
    missing, made = await context.downloads.missing(jobs), shapes(context)

    def build() -> list[JsonObject]:
        return [made.torrent(job, missing=job.id in missing) for job in jobs]

    return build() if len(jobs) < _LONG else await asyncio.to_thread(build)


async def info(context: QbittorrentContext) -> Response:
    """Answer the torrents by hash, state, category and tag, in the order and the part that was asked for."""
    chosen = context.parameters.hashes() if context.parameters.text("hashes") else None
    jobs = [
        job for job in await context.downloads.all_jobs(context.user.id, chosen) if _has_labels(context, job)
    ]
    found = [each for each in await torrents_of(context, jobs) if _has_state(context, each)]
    page = _page(context, _ordered(context, found))
    return as_json(page) if len(page) < _LONG else await asyncio.to_thread(as_json, page)


async def count(context: QbittorrentContext) -> Response:
    """Answer how many torrents there are."""
    return text(str(len(await context.downloads.all_jobs(context.user.id))))


async def properties(context: QbittorrentContext) -> Response:
    """Answer one torrent's details."""
    job = await one_job(context)
    return as_json(shapes(context).properties(job))


async def files(context: QbittorrentContext) -> Response:
    """Answer one torrent's files, those of some indexes where these are named."""
    job, made = await one_job(context), shapes(context)
    wanted = frozenset(context.parameters.words("indexes", "|"))
    chosen = [file for file in job.content.files if not wanted or str(file.index) in wanted]

    def build() -> Response:
        return as_json([made.file(job, file) for file in chosen])

    return build() if len(chosen) < _LONG else await asyncio.to_thread(build)


async def tracker_list(context: QbittorrentContext) -> Response:
    """Answer one torrent's trackers."""
    return as_json(trackers(await one_job(context)))


async def web_seeds(context: QbittorrentContext) -> Response:
    """Answer that no web seeds are told."""
    await one_job(context)
    return as_json([])


async def export(context: QbittorrentContext) -> Response:
    """Answer one torrent's .torrent file. Refusal: `not-held` while it is not known."""
    job = await one_job(context)
    data = await context.downloads.torrent_of(context.user.id, job.id)
    if data is None:
        raise Refusal("not-held")
    headers = {**HEADERS, "Content-Disposition": attachment(f"{job_hash(job)}.torrent")}
    return Response(data, headers=headers, media_type="application/x-bittorrent")


async def one_job(context: QbittorrentContext) -> Job:
    """Return the job that `hash` names. Refusal: `bad-request`, `not-found`."""
    jobs = await context.downloads.all_jobs(context.user.id, [context.parameters.infohash()])
    if not jobs:
        raise Refusal("not-found")
    return jobs[0]


async def label_names(context: QbittorrentContext, kind: LabelKind, used: Iterable[str] = ()) -> list[str]:
    """Return the categories or tags that the account keeps, and those in use."""
    kept = await context.downloads.labelling.names(context.user.id, kind)
    return sorted({*kept, *used})


def _has_labels(context: QbittorrentContext, job: Job) -> bool:
    parameters, labels = context.parameters, job.labels
    if "category" in parameters and parameters.text("category") != labels.category:
        return False
    if "tag" in parameters:
        tag = parameters.text("tag")
        return tag in labels.tags if tag else not labels.tags
    return True


def _has_state(context: QbittorrentContext, torrent: JsonObject) -> bool:
    asked = _FILTERS.get(context.parameters.text("filter").lower())
    return asked is None or asked(str(torrent["state"]))


def _ordered(context: QbittorrentContext, found: list[JsonObject]) -> list[JsonObject]:
    field = context.parameters.text("sort")
    if found and field in found[0]:
        # A field has values of one type alone.
        found = sorted(found, key=lambda each: (each[field], each["hash"]))
    return found[::-1] if context.parameters.flag("reverse") else found


def _page(context: QbittorrentContext, found: list[JsonObject]) -> list[JsonObject]:
    offset, limit = context.parameters.integer("offset"), context.parameters.integer("limit")
    first = max(0, len(found) + offset) if offset < 0 else offset
    return found[first : first + limit] if limit > 0 else found[first:]
