"""Hides the operations on torrents: finding, showing, bringing, changing and fetching them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Annotated

from pydantic import Field
from starlette.responses import Response

from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.model import Bookmarked, Torrent
from catalogue.query import EVERYTHING, AllOf, By, InCategory, Order, Query, Wanted
from catalogue.syntax import parse
from doors.negotiation import attachment, has_tag
from doors.rest import requests
from doors.rest.bodies import file_refusal
from doors.rest.operation import Call, Listing, Operation
from doors.rest.parameters import as_torrent, renamed
from doors.rest.shapes import TorrentDetail, TorrentShape, contents_fields, torrent_fields

_ORDERS: Mapping[str, Order] = MappingProxyType(
    {
        "created_at": Order.TIME,
        "id": Order.ID,
        "title": Order.NAME,
        "size": Order.SIZE,
        "seeders": Order.SEEDERS,
        "leechers": Order.LEECHERS,
        "completed": Order.SNATCHED,
        "year": Order.YEAR,
        "relevance": Order.RELEVANCE,
    }
)
# What is said of an upload that is not about its file.
_NOT_OF_THE_FILE = frozenset(
    {"invalid", "owned", "group-locked", "blocked", "busy", "cache-full", "disk-full", "internal"}
    | {"unauthenticated", "forbidden", "not-found"}
)


async def shape_torrents(call: Call, torrents: Sequence[Torrent]) -> list[TorrentShape]:
    """Shape torrents with the numbers that their swarms have now."""
    alive = await call.office.census.alive([torrent.infohash for torrent in torrents])
    return [
        TorrentShape(
            **torrent_fields(
                torrent, call.viewer, call.office.scrape(torrent.infohash), alive=torrent.infohash in alive
            )
        )
        for torrent in torrents
    ]


async def torrent_of(call: Call) -> Torrent:
    """Return the torrent that the path names, if it is seen. Refusal: `not-found`."""
    found = await call.office.catalogue.torrent(as_torrent(call.word("torrent")), call.viewer)
    if found is None:
        raise Refusal("not-found")
    return found


async def _detail(call: Call, torrent: Torrent) -> TorrentDetail:
    office, viewer = call.office, call.viewer
    alive = await office.census.alive([torrent.infohash])
    marked = await office.catalogue.bookmarked(viewer.user_id, Bookmarked.TORRENT, [torrent.id])
    return TorrentDetail(
        **torrent_fields(torrent, viewer, office.scrape(torrent.infohash), alive=bool(alive)),
        **contents_fields(torrent, await office.catalogue.contents(torrent.id), viewer),
        bookmarked=bool(marked),
    )


def wanted(call: Call) -> Wanted:
    """Return the search that the parameters ask for: the words, and the filters beside them."""
    given = call.query
    terms: list[Query] = [parse(given.text("search"))]
    if (category := given.number("category")) is not None:
        terms.append(InCategory(frozenset({category})))
    if uploader := given.text("uploader"):
        terms.append(By(uploader))
    return Wanted(
        query=AllOf(tuple(terms)) if len(terms) > 1 else terms[0] if given.text("search") else EVERYTHING,
        order=_ORDERS[given.text("sort", "created_at")],
        descending=given.text("order", "desc") == "desc",
        offset=call.offset,
        limit=call.per_page,
        as_of=given.number("as_of"),
        moderates=call.viewer.moderates,
    )


async def _list(call: Call) -> Listing:
    found = await call.office.search.torrents(wanted(call))
    torrents = await call.office.catalogue.torrents(found.ids, call.viewer)
    shapes = await shape_torrents(call, torrents)
    return call.listing(shapes, found.total, exact=found.exact, as_of=found.as_of)


async def _show(call: Call) -> TorrentDetail:
    return await _detail(call, await torrent_of(call))


async def _upload(call: Call) -> TorrentDetail:
    details = renamed(call.body, requests.NAMES)
    try:
        torrent = await call.office.curation.publish(call.principal, call.file, "rest", details)
    except Refusal as refusal:
        raise (refusal if refusal.code in _NOT_OF_THE_FILE else file_refusal(refusal)) from None
    return await _detail(call, torrent)


async def _edit(call: Call) -> TorrentDetail:
    torrent = await torrent_of(call)
    changes = renamed(call.body, requests.NAMES)
    return await _detail(call, await call.office.curation.edit_torrent(call.principal, torrent.id, changes))


async def _delete(call: Call) -> None:
    torrent = await torrent_of(call)
    await call.office.curation.delete_torrent(call.principal, torrent.id, call.query.text("reason"))


async def _moderate(call: Call) -> TorrentDetail:
    torrent = await torrent_of(call)
    curation, given = call.office.curation, call.body
    if "hidden" in given or "locked" in given:
        torrent = await curation.mark_torrent(
            call.principal, torrent.id, hidden=given.flag("hidden"), locked=given.flag("locked")
        )
    if "freeleech" in given:
        torrent = await curation.set_freeleech(call.principal, torrent.id, given.whole("freeleech"))
    return await _detail(call, torrent)


async def _download(call: Call) -> Response:
    torrent = await torrent_of(call)
    if torrent.private and call.principal.user is None:
        raise Refusal("unauthenticated")
    held = await call.office.cache.get(torrent.infohash)
    if held is None:
        raise Refusal("not-held")
    etag = f'"{held.record.digest.hex()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if has_tag(",".join(call.request.headers.getlist("if-none-match")), etag):
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = attachment(held.record.name)
    data = await asyncio.to_thread(held.plain)
    return Response(data, headers=headers, media_type="application/x-bittorrent")


@dataclass(frozen=True, slots=True)
class CountryShape:
    """How many distinct peers came from a country, `ZZ` where it is unknown."""

    country: Annotated[str, Field(pattern="^[A-Z]{2}$")]
    peers: int


@dataclass(frozen=True, slots=True)
class PeersShape:
    """The distinct peers of a torrent on a closed UTC day, by country."""

    day: Annotated[str, Field(json_schema_extra={"format": "date"})]
    peers: int
    countries: list[CountryShape]


async def _peers(call: Call) -> PeersShape:
    torrent = await torrent_of(call)
    day, country = call.query.get("day"), call.query.text("country")
    report = await call.office.census.report(torrent.infohash, day if isinstance(day, date) else None)
    rows = [CountryShape(code, peers) for code, peers in report.countries if country in ("", code)]
    return PeersShape(report.day.isoformat(), sum(row.peers for row in rows), rows)


OPERATIONS = (
    Operation(
        "GET",
        "/torrents",
        "listTorrents",
        "Find torrents",
        "torrents",
        _list,
        Right.READ,
        query=requests.SEARCH,
        answers=TorrentShape,
        many=True,
        refusals=("bad-search", "search-too-slow"),
    ),
    Operation(
        "POST",
        "/torrents",
        "uploadTorrent",
        "Bring a .torrent file, and what is said of it",
        "torrents",
        _upload,
        Right.UPLOAD,
        body=requests.UPLOAD,
        required=("title",),
        form=True,
        answers=TorrentDetail,
        status=201,
        refusals=("owned", "group-locked", "blocked", "cache-full", "not-found"),
    ),
    Operation(
        "GET",
        "/torrents/{torrent}",
        "showTorrent",
        "Show a torrent with its files",
        "torrents",
        _show,
        Right.READ,
        answers=TorrentDetail,
    ),
    Operation(
        "PATCH",
        "/torrents/{torrent}",
        "editTorrent",
        "Change what is said of a torrent; category, tags and year are its group's",
        "torrents",
        _edit,
        Right.EDIT_OWN,
        body=requests.EDIT_TORRENT,
        answers=TorrentDetail,
        refusals=("torrent-locked", "group-locked"),
    ),
    Operation(
        "DELETE",
        "/torrents/{torrent}",
        "deleteTorrent",
        "Delete a torrent, record and file",
        "torrents",
        _delete,
        Right.EDIT_OWN,
        query=requests.REASON,
        refusals=("torrent-locked",),
    ),
    Operation(
        "PATCH",
        "/torrents/{torrent}/moderation",
        "moderateTorrent",
        "Hide or lock a torrent, or say what of its traffic counts",
        "torrents",
        _moderate,
        Right.MODERATE,
        body=requests.MODERATE_TORRENT,
        answers=TorrentDetail,
    ),
    Operation(
        "GET",
        "/torrents/{torrent}/download",
        "downloadTorrent",
        "Fetch the .torrent file; that of a private torrent needs an account",
        "torrents",
        _download,
        Right.DOWNLOAD,
        media="application/x-bittorrent",
        refusals=("not-held",),
    ),
    Operation(
        "GET",
        "/torrents/{torrent}/peers",
        "countPeers",
        "Count the distinct peers of a closed day by country; the last one unless a day is given",
        "torrents",
        _peers,
        Right.READ,
        query=requests.PEERS,
        answers=PeersShape,
    ),
)
