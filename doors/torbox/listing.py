"""Hides how what an account holds, what waits and what is here already are listed."""

import asyncio
from collections.abc import Iterable, Sequence

from starlette.responses import Response

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from doors.torbox.bodies import read_json
from doors.torbox.codes import INVALID_OPTION, ITEM_NOT_FOUND, MISSING_PARAMETER, TOO_MANY_OPTIONS, Failure
from doors.torbox.envelope import HEADERS, success
from doors.torbox.shapes import by_asked
from doors.torbox.shapes import queued as shape_of
from doors.torbox.visit import Visit
from downloads.model import Content, Job

MOST_HASHES = 1000
MOST_ROWS = 1000
# From here on, writing an answer takes longer than the event loop should stand still.
_LONG = 1000

_LISTED = "Torrent list retrieved successfully."
_CHECKED = "Torrent cache status retrieved successfully."
_QUEUED = "Queued downloads retrieved successfully."


async def torrents(visit: Visit) -> Response:
    """Answer an account's jobs, or the one that is named; a list may be some seconds old unless that is refused."""
    fresh = visit.query.flag("bypass_cache")
    number = visit.query.number("id")
    if number is not None:
        return await _one(visit, number)
    page = offset, limit = _page(visit)
    account = visit.user.id
    if not fresh and (kept := visit.recent.find(account, page)) is not None:
        return Response(kept, headers=HEADERS, media_type="application/json")
    answer = await _many(visit, await visit.office.downloads.jobs(account, offset, limit))
    visit.recent.keep(account, page, bytes(answer.body))
    return answer


async def queued(visit: Visit) -> Response:
    """Answer the jobs that wait for a slot, or the one that is named."""
    account, number = visit.user.id, visit.query.number("id")
    # Of the kinds of queue that the service knows, there is one here.
    if visit.query.text("type").strip().lower() not in {"", "torrent"}:
        return success([], _QUEUED)
    if number is not None:
        job = await visit.office.downloads.job(account, number)
        if job is None or not job.queued:
            raise Refusal("not-found")
        return success(shape_of(job), _QUEUED)
    offset, limit = _page(visit)
    jobs = await visit.office.downloads.jobs(account, offset, limit, queued=True)
    return success([shape_of(job) for job in jobs], _QUEUED)


async def cached(visit: Visit) -> Response:
    """Answer which of the hashes are here whole; a text that is no hash is of nothing that is here."""
    form = visit.query.one_of("format", ("object", "list"), "object")
    files = visit.query.flag("list_files")
    asked = await _hashes(visit)
    contents = await visit.office.downloads.cached(visit.user.id, asked) if asked else []
    if sum(len(content.files) for content in contents) > _LONG:
        return await asyncio.to_thread(_cached, visit, asked, contents, form, files=files)
    return _cached(visit, asked, contents, form, files=files)


def _cached(
    visit: Visit, asked: Sequence[InfoHash], contents: Sequence[Content], form: str, *, files: bool
) -> Response:
    found = {
        name: visit.shapes.cached(name, content, files=files)
        for name, content in by_asked(asked, contents).items()
    }
    return success(found if form == "object" else list(found.values()), _CHECKED)


async def _one(visit: Visit, number: int) -> Response:
    job = await visit.office.downloads.job(visit.user.id, number)
    if job is None or job.queued:
        raise Failure(ITEM_NOT_FOUND, "No torrents found for this user.")
    return await asyncio.to_thread(lambda: success(visit.shapes.torrent(job), _LISTED))


async def _many(visit: Visit, jobs: Sequence[Job]) -> Response:
    def render() -> Response:
        return success([visit.shapes.torrent(job) for job in jobs], _LISTED)

    files = sum(len(job.content.files) for job in jobs)
    return await asyncio.to_thread(render) if files + len(jobs) > _LONG else render()


def _page(visit: Visit) -> tuple[int, int]:
    offset, limit = visit.query.number("offset", 0), visit.query.number("limit", MOST_ROWS)
    assert offset is not None
    assert limit is not None
    if offset < 0 or limit < 0:
        raise Failure(INVALID_OPTION, "The options offset and limit are not negative.")
    return offset, min(limit, MOST_ROWS)


async def _hashes(visit: Visit) -> list[InfoHash]:
    """Return the hashes of the query and of a body, commas and repetitions in any mix, each one once."""
    texts = list(visit.query.all("hash"))
    if visit.request.method == "POST":
        texts += await _sent(visit)
    words = dict.fromkeys(word for text in texts for part in text.split(",") if (word := part.strip()))
    if not words:
        raise Failure(MISSING_PARAMETER, "The option hash is required.")
    if len(words) > MOST_HASHES:
        raise Failure(TOO_MANY_OPTIONS, f"At most {MOST_HASHES} hashes can be asked for at once.")
    return list(dict.fromkeys(_read(words)))


async def _sent(visit: Visit) -> list[str]:
    hashes = (await read_json(visit.request, visit.office.memory)).get("hashes", [])
    given = [hashes] if isinstance(hashes, str) else hashes
    if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
        raise Failure(INVALID_OPTION, "The option hashes is a list of texts.")
    return given


def _read(words: Iterable[str]) -> Iterable[InfoHash]:
    for word in words:
        try:
            yield InfoHash.parse(word)
        except Refusal:
            continue
