"""`mylist`, `getqueued` and `checkcached`: an account's torrents, its queue, and what is cached."""

import asyncio
from collections.abc import Iterable, Sequence

from starlette.responses import Response

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from doors.torbox.bodies import read_json
from doors.torbox.context import TorboxContext
from doors.torbox.envelope import HEADERS, success
from doors.torbox.error_codes import (
    INVALID_OPTION,
    ITEM_NOT_FOUND,
    MISSING_PARAMETER,
    TOO_MANY_OPTIONS,
    TorboxError,
)
from doors.torbox.shapes import by_requested_hash
from doors.torbox.shapes import queued as shape_of
from downloads.model import Content, Job

MAX_HASHES = 1000
MAX_ROWS = 1000
# Rows and files from which a response is written in a thread, not on the event loop.
_LONG = 1000

_LISTED = "Torrent list retrieved successfully."
_CHECKED = "Torrent cache status retrieved successfully."
_QUEUED = "Queued downloads retrieved successfully."


async def torrents(context: TorboxContext) -> Response:
    """Answer an account's jobs, or one by `id`; without `bypass_cache` a list may be some seconds old."""
    fresh = context.query.flag("bypass_cache")
    number = context.query.number("id")
    if number is not None:
        return await _one(context, number)
    page = offset, limit = _page(context)
    account = context.user.id
    if not fresh and (body := context.list_cache.get(account, page)) is not None:
        return Response(body, headers=HEADERS, media_type="application/json")
    response = await _many(context, await context.services.downloads.downloads.jobs(account, offset, limit))
    context.list_cache.put(account, page, bytes(response.body))
    return response


async def queued(context: TorboxContext) -> Response:
    """Answer the queued jobs, or one by `id`."""
    account, number = context.user.id, context.query.number("id")
    # TorBox has other queues; here there is only that of torrents.
    if context.query.text("type").strip().lower() not in {"", "torrent"}:
        return success([], _QUEUED)
    if number is not None:
        job = await context.services.downloads.downloads.job(account, number)
        if job is None or not job.queued:
            raise Refusal("not-found")
        return success(shape_of(job), _QUEUED)
    offset, limit = _page(context)
    jobs = await context.services.downloads.downloads.jobs(account, offset, limit, queued=True)
    return success([shape_of(job) for job in jobs], _QUEUED)


async def cached(context: TorboxContext) -> Response:
    """Answer which of the hashes are cached; a text that is no hash is skipped."""
    response_format = context.query.one_of("format", ("object", "list"), "object")
    files = context.query.flag("list_files")
    hashes = await _hashes(context)
    contents = await context.services.downloads.downloads.cached(context.user.id, hashes) if hashes else []
    if sum(len(content.files) for content in contents) > _LONG:
        return await asyncio.to_thread(_cached, context, hashes, contents, response_format, files=files)
    return _cached(context, hashes, contents, response_format, files=files)


def _cached(
    context: TorboxContext,
    hashes: Sequence[InfoHash],
    contents: Sequence[Content],
    response_format: str,
    *,
    files: bool,
) -> Response:
    found = {
        name: context.shapes.cached_row(name, content, files=files)
        for name, content in by_requested_hash(hashes, contents).items()
    }
    return success(found if response_format == "object" else list(found.values()), _CHECKED)


async def _one(context: TorboxContext, number: int) -> Response:
    job = await context.services.downloads.downloads.job(context.user.id, number)
    if job is None or job.queued:
        raise TorboxError(ITEM_NOT_FOUND, "No torrents found for this user.")
    return await asyncio.to_thread(lambda: success(context.shapes.torrent(job), _LISTED))


async def _many(context: TorboxContext, jobs: Sequence[Job]) -> Response:
    def render() -> Response:
        return success([context.shapes.row(job) for job in jobs], _LISTED)

    files = sum(len(job.content.files) for job in jobs)
    return await asyncio.to_thread(render) if files + len(jobs) > _LONG else render()


def _page(context: TorboxContext) -> tuple[int, int]:
    offset, limit = context.query.number("offset", 0), context.query.number("limit", MAX_ROWS)
    assert offset is not None
    assert limit is not None
    if offset < 0 or limit < 0:
        raise TorboxError(INVALID_OPTION, "The options offset and limit are not negative.")
    return offset, min(limit, MAX_ROWS)


async def _hashes(context: TorboxContext) -> list[InfoHash]:
    """Return the distinct hashes of the query and the body, separated by commas, repeated or both."""
    texts = list(context.query.all("hash"))
    if context.request.method == "POST":
        texts += await _body_hashes(context)
    words = dict.fromkeys(word for text in texts for part in text.split(",") if (word := part.strip()))
    if not words:
        raise TorboxError(MISSING_PARAMETER, "The option hash is required.")
    if len(words) > MAX_HASHES:
        raise TorboxError(TOO_MANY_OPTIONS, f"At most {MAX_HASHES} hashes can be asked for at once.")
    return list(dict.fromkeys(_parse(words)))


async def _body_hashes(context: TorboxContext) -> list[str]:
    hashes = (await read_json(context.body)).get("hashes", [])
    texts = [hashes] if isinstance(hashes, str) else hashes
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        raise TorboxError(INVALID_OPTION, "The option hashes is a list of texts.")
    return texts


def _parse(words: Iterable[str]) -> Iterable[InfoHash]:
    for word in words:
        try:
            yield InfoHash.parse(word)
        except Refusal:
            continue
