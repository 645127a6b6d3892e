"""The upload form for accounts, with the details of a torrent."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.refusal import NO_FIELDS, Refusal
from catalogue import fields
from catalogue.fields import TorrentDetails
from doors.languages import message
from web.catalogue_forms import GROUP_FIELDS, TORRENT_FIELDS
from web.page_context import PageContext
from web.page_router import PageRouter

_NAMES = ("title", "description", "category_id", "tags", "authors", "year", "season", "imdb", "anonymous")
_FIELDS = tuple(
    {field.name: field for field in (*GROUP_FIELDS, *TORRENT_FIELDS) if field.name in _NAMES}[name]
    for name in _NAMES
)


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of the upload with details."""
    return [
        router.page("/upload", _upload, right=Right.UPLOAD),
        router.form("/upload", _publish, right=Right.UPLOAD, file=True),
    ]


async def _upload(context: PageContext) -> Response:
    return await _render(context, dict.fromkeys(_NAMES, ""))


async def _publish(context: PageContext) -> Response:
    given = {name: text for name, text in context.form.items() if name in _NAMES and text.strip()}
    try:
        details = TorrentDetails.read(fields.from_form(given, fields.UPLOAD))
        torrent = await context.services.curation.publish(
            context.principal, context.file, "page", details, address=context.address
        )
    except Refusal as refusal:
        return await _render(context, dict.fromkeys(_NAMES, "") | given, refusal)
    return context.redirect(f"/t/{torrent.id}")


async def _render(context: PageContext, texts: Mapping[str, str], fault: Refusal | None = None) -> Response:
    return context.render(
        "upload",
        message("Upload a torrent"),
        status=fault.status if fault else 200,
        form_fields=_FIELDS,
        texts=texts,
        fault=fault,
        faults=fault.fields if fault else NO_FIELDS,
        categories=await context.services.catalogue.store.categories.all(),
        limit=context.services.admission.upload_limit,
    )
