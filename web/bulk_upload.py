"""The page on which many files or magnet links are read, edited in place, and sent."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from actions.bulk_uploads import EDITED, DraftRow, SentRow
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from cache.drafts import MOST_DRAFTS
from doors.bodies import FormRules
from doors.languages import message
from web.page_context import PageContext
from web.page_router import MAX_FORM, PageRouter

_PART = "rows"
_ALL = "all"
# Beyond the most rows a form is still read, so that what is too much is told.
_RULES = FormRules(
    max_fields=MOST_DRAFTS * (len(EDITED) + 1) + 16,
    max_files=2 * MOST_DRAFTS,
    max_text=MAX_FORM,
    max_urlencoded=MAX_FORM,
    wrong_type="it is no form",
)


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of the upload of many."""
    return [
        router.page("/upload/many", _show, right=Right.UPLOAD),
        router.form("/upload/many", _read, right=Right.UPLOAD, file=True, rules=_RULES),
        router.form("/upload/many/send", _send, right=Right.UPLOAD, rules=_RULES),
        router.form("/upload/many/drop", _drop, right=Right.UPLOAD, rules=_RULES),
    ]


async def _show(context: PageContext) -> Response:
    return await _page(context, await _waiting(context))


async def _read(context: PageContext) -> Response:
    files = [
        (name, data) for name, data in context.files if name or data
    ]  # a picker without a choice sends neither
    bulk = context.services.writing.bulk
    try:
        read = await bulk.read(context.principal, files, context.form.get("magnets", ""))
    except Refusal as refusal:
        if _is_part(context):
            raise
        return await _page(context, await _waiting(context), fault=refusal)
    if _is_part(context):
        return await _part(context, _unsent(read))
    new = {row.infohash for row in read if row.kept}
    before = [row for row in await bulk.waiting(context.principal) if row.infohash not in new]
    return await _page(context, _unsent([*read, *before]))


async def _send(context: PageContext) -> Response:
    sent = await context.services.writing.bulk.send(
        context.principal, _sent_texts(context.form), address=context.address
    )
    if _is_part(context):
        return await _part(context, sent)
    # Those that did not go stand first: there is something to do.
    return await _page(context, sorted(sent, key=lambda each: each.torrent is not None))


async def _drop(context: PageContext) -> Response:
    named, sent = context.form.get("drop", ""), _sent_texts(context.form)
    dropped = list(sent) if named == _ALL else [*_infohash(named)]
    await context.services.writing.bulk.drop(context.principal, dropped)
    if _is_part(context):
        return await _part(context, [])
    rows = await context.services.writing.bulk.waiting(context.principal)
    return await _page(context, _unsent(_edited(row, sent) for row in rows))


def _is_part(context: PageContext) -> bool:
    return context.form.get("part") == _PART


async def _waiting(context: PageContext) -> list[SentRow]:
    return _unsent(await context.services.writing.bulk.waiting(context.principal))


def _unsent(rows: Iterable[DraftRow]) -> list[SentRow]:
    return [SentRow(row) for row in rows]


def _edited(row: DraftRow, sent: Mapping[InfoHash, Mapping[str, str]]) -> DraftRow:
    """Return a row with the texts that a form has of it."""
    if row.infohash is None or row.texts is None:
        return row
    return replace(row, texts={**row.texts, **sent.get(row.infohash, {})})


def _infohash(text: str) -> Iterable[InfoHash]:
    try:
        yield InfoHash.parse(text)
    except Refusal:
        return


def _sent_texts(form: Mapping[str, str]) -> dict[InfoHash, dict[str, str]]:
    """Return what a form says of each draft: the fields of a row are named `title.INFOHASH`."""
    common = {"anonymous": "1" if form.get("anonymous") == "1" else "0"}
    found: dict[InfoHash, dict[str, str]] = {}
    for name in form:
        field, _, hashed = name.partition(".")
        for infohash in _infohash(hashed) if field == "draft" else ():
            texts = {each: form[key] for each in EDITED if (key := f"{each}.{hashed}") in form}
            found[infohash.truncated] = common | texts
    return found


async def _part(context: PageContext, rows: Sequence[SentRow]) -> Response:
    return context.render_part("bulk_rows", rows=rows, categories=await _categories(context))


async def _page(context: PageContext, rows: Sequence[SentRow], fault: Refusal | None = None) -> Response:
    return context.render(
        "bulk_upload",
        message("Upload many"),
        status=fault.status if fault else 200,
        sends=True,
        rows=rows,
        sendable=sum(each.torrent is None and each.row.kept for each in rows),
        refused=sum(each.row.fault is not None for each in rows),
        sent=sum(each.torrent is not None for each in rows),
        fault=fault,
        categories=await _categories(context),
        most=MOST_DRAFTS,
        limit=context.services.admission.upload_limit,
    )


async def _categories(context: PageContext) -> Sequence[object]:
    return await context.services.catalogue.store.categories.all()
