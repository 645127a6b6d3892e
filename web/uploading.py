"""The upload form for accounts, with the details of a torrent."""

from collections.abc import Mapping

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.refusal import NO_FIELDS, Refusal
from catalogue import fields
from web.deeds import OF_GROUP, OF_TORRENT
from web.door import Door
from web.visit import Visit

_NAMES = ("title", "description", "category_id", "tags", "authors", "year", "season", "imdb", "anonymous")
_FIELDS = tuple(
    {entry.name: entry for entry in (*OF_GROUP, *OF_TORRENT) if entry.name in _NAMES}[name] for name in _NAMES
)


def routes(door: Door) -> list[Route]:
    """Return the routes of the upload with details."""
    return [door.page("/upload", _upload), door.form("/upload", _publish)]


async def _upload(visit: Visit) -> Response:
    visit.office.rights.require(visit.principal, Right.UPLOAD)
    return await _render(visit, dict.fromkeys(_NAMES, ""))


async def _publish(visit: Visit) -> Response:
    visit.office.rights.require(visit.principal, Right.UPLOAD)
    given = {name: text for name, text in visit.form.items() if name in _NAMES and text.strip()}
    try:
        details = fields.from_form(given, fields.UPLOAD)
        torrent = await visit.office.curation.publish(visit.principal, visit.file, "page", details)
    except Refusal as refusal:
        return await _render(visit, dict.fromkeys(_NAMES, "") | given, refusal)
    return visit.go(f"/t/{torrent.id}")


async def _render(visit: Visit, texts: Mapping[str, str], fault: Refusal | None = None) -> Response:
    return visit.draw(
        "upload",
        "Upload a torrent",
        status=fault.status if fault else 200,
        form_fields=_FIELDS,
        texts=texts,
        fault=fault,
        faults=fault.fields if fault else NO_FIELDS,
        categories=await visit.office.catalogue.categories(),
        limit=visit.office.uploads.limit,
    )
