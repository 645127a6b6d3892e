"""REST operations on torrents: search, upload, edit, delete, download and peer counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from types import MappingProxyType
from typing import Annotated

from msgspec import Meta, Raw
from starlette.responses import Response

from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.fields import TorrentDetails
from catalogue.model import BookmarkKind, Freeleech, Person, Torrent
from catalogue.query import MATCH_ALL, AllOf, CategoryTerm, Query, SearchQuery, SortOrder, UploaderTerm
from catalogue.syntax import parse
from catalogue.visibility import shown_contents, shown_uploader
from doors.http_headers import attachment, etag_matches
from doors.rest import request_fields
from doors.rest.bodies import file_refusal
from doors.rest.operation import Listing, Operation, RestContext
from doors.rest.parameters import parse_id_or_infohash, rename_keys
from doors.rest.shapes import (
    FileShape,
    TorrentDetail,
    TorrentShape,
    contents_fields,
    file_shapes,
    fill_template,
    torrent_fields,
    torrent_template,
)

_ORDERS: Mapping[str, SortOrder] = MappingProxyType(
    {
        "created_at": SortOrder.TIME,
        "id": SortOrder.ID,
        "title": SortOrder.NAME,
        "size": SortOrder.SIZE,
        "seeders": SortOrder.SEEDERS,
        "leechers": SortOrder.LEECHERS,
        "completed": SortOrder.SNATCHED,
        "year": SortOrder.YEAR,
        "relevance": SortOrder.RELEVANCE,
    }
)
FILES_SHOWN = 1000
"""Files that the record of a torrent lists; `/torrents/{torrent}/files` has all."""
# Refusals of an upload that are not about its file.
_NOT_ABOUT_FILE = frozenset(
    {
        "invalid",
        "owned",
        "group-locked",
        "blocked",
        "busy",
        "cache-full",
        "cache-share",
        "disk-full",
        "internal",
    }
    | {"unauthenticated", "forbidden", "not-found"}
)


async def torrent_rows(context: RestContext, torrents: Sequence[Torrent]) -> list[Raw]:
    """Return the objects of torrents, each a TorrentShape as JSON, with the current counts of their swarms."""
    services, viewer = context.services, context.viewer
    alive = await services.swarms.census.alive([torrent.infohash for torrent in torrents])
    rows = []
    for torrent in torrents:
        uploader = shown_uploader(torrent, viewer)
        template = services.rows.row(torrent, uploader is None, partial(torrent_template, torrent, uploader))
        counts = services.swarms.scrape(torrent.infohash)
        rows.append(
            Raw(
                fill_template(
                    template,
                    torrent,
                    counts,
                    services.accounts.terms.crediting.factors(torrent),
                    alive=torrent.infohash in alive,
                )
            )
        )
    return rows


async def torrent_of(context: RestContext) -> Torrent:
    """Return the torrent of the path, if it is visible. Refusal: `not-found`."""
    found = await context.services.catalogue.store.torrents.torrent(
        parse_id_or_infohash(context.path_parameter("torrent")), context.viewer
    )
    if found is None:
        raise Refusal("not-found")
    return found


async def _detail(context: RestContext, torrent: Torrent) -> TorrentDetail:
    services, viewer = context.services, context.viewer
    alive = await services.swarms.census.alive([torrent.infohash])
    bookmarked = await services.catalogue.store.collages.bookmarked(
        viewer.user_id, BookmarkKind.TORRENT, [torrent.id]
    )
    contents = await services.catalogue.store.torrents.contents(torrent.id, 0, FILES_SHOWN)
    announce = (await services.files.served.announce_urls(context.principal, context.base_url)).of(torrent)
    return TorrentDetail(
        **torrent_fields(
            torrent,
            shown_uploader(torrent, viewer),
            services.swarms.scrape(torrent.infohash),
            alive=bool(alive),
            factors=services.accounts.terms.crediting.factors(torrent),
        ),
        **contents_fields(shown_contents(torrent, contents, viewer, announce)),
        bookmarked=bool(bookmarked),
    )


def search_query(context: RestContext) -> SearchQuery:
    """Return the search query of the parameters: the search text and the filters."""
    given = context.query
    terms: list[Query] = [parse(given.text("search"))]
    if (category := given.optional_integer("category")) is not None:
        terms.append(CategoryTerm(frozenset({category})))
    if uploader := given.text("uploader"):
        terms.append(UploaderTerm(uploader))
    return SearchQuery(
        query=AllOf(tuple(terms)) if len(terms) > 1 else terms[0] if given.text("search") else MATCH_ALL,
        order=_ORDERS[given.text("sort", "created_at")],
        descending=given.text("order", "desc") == "desc",
        offset=context.offset,
        limit=context.per_page,
        as_of=given.optional_integer("as_of"),
        moderates=context.viewer.moderates,
    )


async def _list(context: RestContext) -> Listing:
    found = await context.services.catalogue.search.torrents(search_query(context))
    torrents = await context.services.catalogue.store.torrents.torrents(found.ids, context.viewer)
    rows = await torrent_rows(context, torrents)
    return context.listing(rows, found.total, exact=found.exact, as_of=found.as_of)


async def _show(context: RestContext) -> TorrentDetail:
    return await _detail(context, await torrent_of(context))


async def _files(context: RestContext) -> Listing:
    torrent = await torrent_of(context)
    contents = await context.services.catalogue.store.torrents.contents(
        torrent.id, context.offset, context.per_page
    )
    return context.listing(file_shapes(contents), contents.file_count)


async def _upload(context: RestContext) -> TorrentDetail:
    details = TorrentDetails.read(rename_keys(context.body, request_fields.CATALOGUE_NAMES))
    try:
        torrent = await context.services.curation.publish(
            context.principal, context.file, "rest", details, address=context.address
        )
    except Refusal as refusal:
        raise (refusal if refusal.code in _NOT_ABOUT_FILE else file_refusal(refusal)) from None
    return await _detail(context, torrent)


async def _edit(context: RestContext) -> TorrentDetail:
    torrent = await torrent_of(context)
    details = TorrentDetails.read(rename_keys(context.body, request_fields.CATALOGUE_NAMES))
    return await _detail(
        context, await context.services.curation.edit_torrent(context.principal, torrent.id, details)
    )


async def _delete(context: RestContext) -> None:
    torrent = await torrent_of(context)
    await context.services.curation.delete_torrent(
        context.principal, torrent.id, context.query.text("reason")
    )


async def _moderate(context: RestContext) -> TorrentDetail:
    torrent = await torrent_of(context)
    curation, given = context.services.curation, context.body
    if "hidden" in given or "locked" in given:
        torrent = await curation.mark_torrent(
            context.principal, torrent.id, hidden=given.flag("hidden"), locked=given.flag("locked")
        )
    if "freeleech" in given:
        torrent = await curation.set_freeleech(
            context.principal, torrent.id, Freeleech(given.integer("freeleech"))
        )
    return await _detail(context, torrent)


async def _assign(context: RestContext) -> TorrentDetail:
    torrent = await torrent_of(context)
    name, owner = context.body.text("username"), None
    if name:
        user = await context.services.accounts.accounts.user(name)
        if user is None:
            raise Refusal("invalid", fields={"username": ["The username field names no account."]})
        owner = Person(user.id, user.name)
    return await _detail(
        context, await context.services.curation.assign_torrent(context.principal, torrent.id, owner)
    )


async def _download(context: RestContext) -> Response:
    torrent = await torrent_of(context)
    held = await context.services.files.cache.get(torrent.infohash)
    if held is None:
        raise Refusal("not-held")
    file = await context.services.files.served.serve(context.principal, held, context.base_url)
    etag = f'"{file.digest.hex()}"'
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    if etag_matches(",".join(context.request.headers.getlist("if-none-match")), etag):
        return Response(status_code=304, headers=headers)
    headers["Content-Disposition"] = attachment(held.record.name)
    return Response(file.data, headers=headers, media_type="application/x-bittorrent")


@dataclass(frozen=True, slots=True)
class CountryShape:
    """How many distinct peers came from a country, `ZZ` where it is unknown."""

    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")]
    peers: int


@dataclass(frozen=True, slots=True)
class PeersShape:
    """The distinct peers of a torrent on a closed UTC day, by country."""

    day: Annotated[str, Meta(extra_json_schema={"format": "date"})]
    peers: int
    countries: list[CountryShape]


async def _peers(context: RestContext) -> PeersShape:
    torrent = await torrent_of(context)
    day, country = context.query.get("day"), context.query.text("country")
    report = await context.services.swarms.census.report(
        torrent.infohash, day if isinstance(day, date) else None
    )
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
        query=request_fields.SEARCH,
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
        body=request_fields.UPLOAD,
        required=("title",),
        form=True,
        answers=TorrentDetail,
        status=201,
        refusals=("owned", "group-locked", "blocked", "cache-full", "cache-share", "not-found"),
    ),
    Operation(
        "GET",
        "/torrents/{torrent}",
        "showTorrent",
        f"Show a torrent with its first {FILES_SHOWN} files",
        "torrents",
        _show,
        Right.READ,
        answers=TorrentDetail,
    ),
    Operation(
        "GET",
        "/torrents/{torrent}/files",
        "listFiles",
        "List the files of a torrent, in its own order",
        "torrents",
        _files,
        Right.READ,
        query=request_fields.PAGING,
        answers=FileShape,
        many=True,
    ),
    Operation(
        "PATCH",
        "/torrents/{torrent}",
        "editTorrent",
        "Change what is said of a torrent; category, tags and year are its group's",
        "torrents",
        _edit,
        Right.EDIT_OWN,
        body=request_fields.EDIT_TORRENT,
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
        query=request_fields.REASON,
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
        body=request_fields.MODERATE_TORRENT,
        answers=TorrentDetail,
    ),
    Operation(
        "PUT",
        "/torrents/{torrent}/owner",
        "assignTorrent",
        "Give a torrent to an account; an empty name leaves it to nobody",
        "torrents",
        _assign,
        Right.ACCOUNTS,
        body=request_fields.OWNER,
        required=("username",),
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
        query=request_fields.PEERS,
        answers=PeersShape,
    ),
)
