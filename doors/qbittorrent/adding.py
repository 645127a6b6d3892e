"""`torrents/add`: magnet links, infohashes, URLs and files, each a job within the rate of new content."""

from dataclasses import replace

import structlog
from starlette.responses import Response

from bittorrent.infohash import InfoHash
from bittorrent.magnet import LONGEST_MAGNET
from bittorrent.refusal import Refusal
from doors.bodies import MULTIPART, URLENCODED, FormRules
from doors.download_rate import add_within_rate
from doors.qbittorrent.context import QbittorrentContext, text
from doors.qbittorrent.parameters import QbittorrentParameters
from downloads.job_labelling import MOST_NAMES, require_labels
from downloads.model import Job, JobLabels, JobRequest
from downloads.store import LabelKind

MOST_AT_ONCE = 50
"""Links, and files, of one request."""
MAX_TEXT = 16 * LONGEST_MAGNET
FORM = FormRules(
    media=frozenset({MULTIPART, URLENCODED}),
    max_fields=100,
    max_files=MOST_AT_ONCE,
    max_text=MAX_TEXT,
    untyped=True,
    empty=True,
)

_MINUTE = 60
_LONGEST_SEEDING = 10 * 366 * 86_400
_MOST_RATIO = 10_000.0
# Said with a status of its own, since a client should wait or give up, and not try another torrent.
_TOLD = frozenset({"too-many-requests", "slots-full", "downloads-full", "busy", "no-downloads"})

log = structlog.get_logger()


async def add(context: QbittorrentContext) -> Response:
    """Add everything that was sent; `Fails.` where nothing of it could be, for the reason that the log tells."""
    requests = [
        *(JobRequest(torrent=data) for _, data in context.exchange.form.files),
        *[await _of_link(context, link) for link in _links(context.parameters)],
    ]
    if not requests:
        raise Refusal("nothing-wished")
    labels = await _labels(context)
    paused = context.parameters.flag("stopped") or context.parameters.flag("paused")
    named = context.parameters.text("rename") if len(requests) == 1 else ""
    added, refused = 0, None
    for request in requests:
        try:
            await _add(context, replace(request, labels=labels, paused=paused, name=named))
            added += 1
        except Refusal as refusal:
            log.info("qbittorrent.not_added", account=context.user.name, code=refusal.code)
            refused = refusal
    if refused is not None and not added and refused.code in _TOLD:
        raise refused
    return text("Ok." if added else "Fails.")


async def _add(context: QbittorrentContext, request: JobRequest) -> Job:
    """Add one torrent; where the account has it already, that one takes the labels."""
    services = context.services
    try:
        job = await add_within_rate(
            services.downloads,
            services.admission.rate_limits,
            context.principal,
            context.exchange.address,
            request,
        )
    except Refusal as refusal:
        if refusal.code != "already-held":
            raise
        job = await services.downloads.held(context.user.id, request)
    if job.labels != request.labels:
        labelling, account = services.downloads.labelling, context.user.id
        await labelling.categorize(account, [job.id], request.labels.category or job.labels.category)
        await labelling.tag(account, [job.id], request.labels.tags)
    return job


def _links(parameters: QbittorrentParameters) -> list[str]:
    links = [line.strip() for line in parameters.values.get("urls", "").splitlines()]
    links = [link for link in links if link]
    if len(links) > MOST_AT_ONCE:
        raise Refusal("bad-request", f"at most {MOST_AT_ONCE} links")
    return links


async def _of_link(context: QbittorrentContext, link: str) -> JobRequest:
    """Return the request for a link; what is at an http or https URL is fetched, past the outgoing filter."""
    if link.lower().startswith(("http://", "https://")):
        # A request that nobody answers is refused as what it is then: no torrent.
        return JobRequest(torrent=await context.services.fetch_torrent(link) or b"")
    if not link.lower().startswith("magnet:"):
        try:
            infohash = InfoHash.parse(link)
        except Refusal:
            return JobRequest(magnet=link)  # and is refused as that
        kind = f"urn:btmh:1220{infohash.lower}" if infohash.is_v2 else f"urn:btih:{infohash.lower}"
        return JobRequest(magnet=f"magnet:?xt={kind}")
    return JobRequest(magnet=link)


async def _labels(context: QbittorrentContext) -> JobLabels:
    """Return the labels that were asked for, which the account keeps from now on. Refusal: `invalid`, `full`."""
    parameters, labelling = context.parameters, context.downloads.labelling
    labels = JobLabels(
        parameters.text("category"),
        tuple(sorted(parameters.words("tags", ",")[:MOST_NAMES])),
        *share_limits(parameters),
    )
    require_labels(labels)
    if labels.category:
        await labelling.keep(context.user.id, LabelKind.CATEGORY, [labels.category])
    if labels.tags:
        await labelling.keep(context.user.id, LabelKind.TAG, labels.tags)
    return labels


def share_limits(parameters: QbittorrentParameters) -> tuple[int | None, int | None]:
    """Return the ratio in thousandths and the seconds of `ratioLimit` and `seedingTimeLimit` (minutes).

    What is below 0 leaves it to the operator's settings, which no account can exceed.
    """
    ratio, minutes = parameters.number("ratioLimit"), parameters.number("seedingTimeLimit")
    return (
        int(min(ratio, _MOST_RATIO) * 1000) if ratio is not None and ratio >= 0 else None,
        int(min(minutes * _MINUTE, _LONGEST_SEEDING)) if minutes is not None and minutes >= 0 else None,
    )
