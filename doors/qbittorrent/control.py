"""What changes torrents: delete, pause, resume, the queue, share limits, categories and tags."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

from starlette.responses import Response

from bittorrent.refusal import Refusal
from doors.qbittorrent.adding import share_limits
from doors.qbittorrent.context import QbittorrentContext, QbittorrentHandler, as_json, text
from doors.qbittorrent.listing import label_names, one_job
from doors.qbittorrent.shapes import category
from downloads.store import LabelKind

# What qBittorrent takes; 0 is not to fetch a file.
_PRIORITIES = frozenset({1, 6, 7})


async def _ids(context: QbittorrentContext) -> list[int]:
    """Return the ids of the jobs that `hashes` names. Refusal: `bad-request` where it is missing."""
    context.parameters.required("hashes")
    jobs = await context.downloads.all_jobs(context.user.id, context.parameters.hashes())
    return [job.id for job in jobs]


def _each(operation: Callable[[QbittorrentContext, int], Awaitable[object]]) -> QbittorrentHandler:
    """Return a handler that does something with each of the torrents; one that is gone meanwhile is left out.

    Every one is tried before the last Refusal is raised.
    """

    async def answer(context: QbittorrentContext) -> Response:
        refused: Refusal | None = None
        for number in await _ids(context):
            try:
                await operation(context, number)
            except Refusal as refusal:
                refused = refusal if refusal.code != "not-found" else refused
        if refused is not None:
            raise refused
        return text("")

    return answer


delete = _each(lambda context, job: context.downloads.delete(context.user.id, job))
"""Delete torrents; content goes with the last of its jobs, whatever `deleteFiles` says."""
pause = _each(lambda context, job: context.downloads.pause(context.user.id, job))
resume = _each(lambda context, job: context.downloads.resume(context.user.id, job))
reannounce = _each(lambda context, job: context.downloads.reannounce(context.user.id, job))
recheck = _each(lambda context, job: context.downloads.recheck(context.user.id, job))
advance = _each(lambda context, job: context.downloads.advance(context.user.id, job))


async def force_start(context: QbittorrentContext) -> Response:
    """Resume torrents and move them to the front of the queue; slots and quotas bind as for anybody."""
    forced = context.parameters.flag("value")
    for number in await _ids(context):
        with suppress(Refusal):
            if forced:
                await context.downloads.resume(context.user.id, number)
                await context.downloads.advance(context.user.id, number)
    return text("")


async def file_priority(context: QbittorrentContext) -> Response:
    """Take a priority of files that there are. Refusal: `fixed` for leaving files out, content is fetched whole."""
    parameters, job = context.parameters, await one_job(context)
    priority = parameters.integer("priority", -1)
    wanted, known = parameters.words("id", "|"), {str(file.index) for file in job.content.files}
    if priority not in {0, *_PRIORITIES} or not wanted or not all(each.isdecimal() for each in wanted):
        raise Refusal("bad-request", "id and priority name files and 0, 1, 6 or 7")
    if priority == 0 or not known.issuperset(wanted):
        raise Refusal("fixed", "content is fetched whole")
    return text("")


async def limit_sharing(context: QbittorrentContext) -> Response:
    """Say when torrents have seeded enough."""
    ratio, seconds = share_limits(context.parameters)
    await context.downloads.labelling.limit_seeding(context.user.id, await _ids(context), ratio, seconds)
    return text("")


async def set_category(context: QbittorrentContext) -> Response:
    """Give torrents a category. Refusal: `fixed` where there is none by that name."""
    ids = await _ids(context)
    try:
        await context.downloads.labelling.categorize(
            context.user.id, ids, context.parameters.text("category")
        )
    except Refusal as refusal:
        raise (
            Refusal("fixed", "there is no such category") if refusal.code == "not-found" else refusal
        ) from None
    return text("")


async def categories(context: QbittorrentContext) -> Response:
    """Answer the categories by name."""
    return as_json({name: category(name) for name in await label_names(context, LabelKind.CATEGORY)})


async def create_category(context: QbittorrentContext) -> Response:
    """Keep a category; its path is not taken. Refusal: `bad-request`, `taken`, `invalid`, `full`."""
    name = context.parameters.required("category")
    if name in await label_names(context, LabelKind.CATEGORY):
        raise Refusal("taken")
    await context.downloads.labelling.keep(context.user.id, LabelKind.CATEGORY, [name])
    return text("")


async def edit_category(context: QbittorrentContext) -> Response:
    """Take the path of a category for said: it is not an account's to choose. Refusal: `fixed` where there is none."""
    if context.parameters.required("category") not in await label_names(context, LabelKind.CATEGORY):
        raise Refusal("fixed", "there is no such category")
    return text("")


async def remove_categories(context: QbittorrentContext) -> Response:
    """Delete categories, and take them from torrents."""
    names = context.parameters.words("categories", "\n")
    await context.downloads.labelling.forget(context.user.id, LabelKind.CATEGORY, names)
    return text("")


async def tags(context: QbittorrentContext) -> Response:
    """Answer the tags."""
    return as_json(await label_names(context, LabelKind.TAG))


async def create_tags(context: QbittorrentContext) -> Response:
    """Keep tags."""
    await context.downloads.labelling.keep(
        context.user.id, LabelKind.TAG, context.parameters.words("tags", ",")
    )
    return text("")


async def delete_tags(context: QbittorrentContext) -> Response:
    """Delete tags, and take them from torrents."""
    await context.downloads.labelling.forget(
        context.user.id, LabelKind.TAG, context.parameters.words("tags", ",")
    )
    return text("")


async def add_tags(context: QbittorrentContext) -> Response:
    """Give torrents tags."""
    ids, names = await _ids(context), context.parameters.words("tags", ",")
    await context.downloads.labelling.tag(context.user.id, ids, names)
    return text("")


async def remove_tags(context: QbittorrentContext) -> Response:
    """Take tags from torrents, all where none is named."""
    ids, names = await _ids(context), context.parameters.words("tags", ",")
    await context.downloads.labelling.untag(context.user.id, ids, names)
    return text("")


async def refuse_location(context: QbittorrentContext) -> Response:
    """Refuse to move content. Refusal: `forbidden`: where it lies is not an account's to choose."""
    await _ids(context)
    raise Refusal("forbidden", "where content lies is not an account's to choose")
