"""The actions on torrents and their groups: torrent, torrentgroup, browse, download."""

import asyncio
import re
from collections.abc import Sequence

from msgspec import Raw
from starlette.responses import Response

from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.model import BookmarkKind, Contents, Freeleech, Torrent
from catalogue.query import SearchQuery, SortOrder
from doors.gazelle import browse_query, shapes
from doors.gazelle.context import GazelleContext
from doors.gazelle.envelope import BAD_HASH, BAD_ID, BAD_PARAMETERS, HEADERS, GazelleFailure
from doors.gazelle.formatting import file_list
from doors.gazelle.parameters import GazelleParameters
from doors.http_headers import attachment
from doors.origin import base_url

_HASH = re.compile(r"[0-9A-Fa-f]{40}")


async def torrent(context: GazelleContext) -> object:
    """Answer a torrent and its group, by `id` or `hash`."""
    infohash = _hash(context.parameters)
    key = infohash or context.parameters.number("id") or 0
    found = await context.services.catalogue.store.torrents.torrent(key, context.viewer)
    if found is None:
        raise GazelleFailure(BAD_HASH if infohash else BAD_ID)
    bookmarks = await context.bookmarked(BookmarkKind.GROUP, [found.group.id])
    [shaped] = await _with_files(context, [found])
    return {
        "group": shapes.group(found.group, bookmarked=found.group.id in bookmarks),
        "torrent": shaped,
    }


async def torrentgroup(context: GazelleContext) -> object:
    """Answer a group and its torrents, by `id` or the `hash` of one of these."""
    number = context.parameters.number("id") or 0
    if infohash := _hash(context.parameters):
        found = await context.services.catalogue.store.torrents.torrent(infohash, context.viewer)
        if found is None:
            raise GazelleFailure(BAD_HASH)
        number = found.group.id
    groups, torrents = await context.groups_with_torrents([number])
    if not groups:
        raise GazelleFailure(BAD_ID)
    bookmarks = await context.bookmarked(BookmarkKind.GROUP, [number])
    newest = torrents.get(number, ())[-context.services.limits.torrents :]
    return {
        "group": shapes.group(groups[0], bookmarked=number in bookmarks),
        "torrents": await _with_files(context, newest),
    }


async def browse(context: GazelleContext) -> object:
    """Answer a page of search hits: groups, or with `group_results=0` a row for each torrent."""
    filters = browse_query.parse(context.parameters)
    order, descending = browse_query.sort_order(context.parameters)
    # A random order is shuffled at each request, so it has one page.
    page = 1 if order is SortOrder.RANDOM else context.parameters.page()
    search = SearchQuery(
        query=filters.query,
        order=order,
        descending=descending,
        offset=(page - 1) * browse_query.PAGE_SIZE,
        limit=browse_query.PAGE_SIZE,
        moderates=context.viewer.moderates,
        seed=int(context.services.admission.clock() * 1000),
    )
    grouped = context.parameters.text("group_results") != "0"
    found = await (
        context.services.catalogue.search.groups if grouped else context.services.catalogue.search.torrents
    )(search)
    if not found.total:
        return {"results": []}
    pages = -(-found.total // browse_query.PAGE_SIZE)
    rows = await (_grouped(context, found.ids, filters) if grouped else _single(context, found.ids))
    return Raw(b'{"currentPage":%d,"pages":%d,"results":[%b]}' % (page, pages, b",".join(rows)))


async def download(context: GazelleContext) -> Response:
    """Answer the .torrent file; that of a private torrent with the account's own announce URL."""
    found = await context.services.catalogue.store.torrents.torrent(
        context.parameters.number("id") or 0, context.viewer
    )
    if found is None:
        raise GazelleFailure(BAD_ID)
    held = await context.services.files.cache.get(found.infohash)
    if held is None:
        raise Refusal("not-held")
    # A page of another site makes a browser with a session ask for links, and so spend nothing.
    if context.parameters.text("usetoken") == "1" and context.principal.session is None:
        await _use_token(context, found)
    base = base_url(context.request, context.services.admission.public_url)
    file = await context.services.files.served.serve(context.principal, held, base)
    headers = HEADERS | {"Content-Disposition": attachment(held.record.name)}
    return Response(file.data, 200, headers, "application/x-bittorrent")


async def _use_token(context: GazelleContext, torrent: Torrent) -> None:
    """Spend a token on a torrent where it is of use. Refusal: `no-token`."""
    crediting = context.services.accounts.terms.crediting
    if not crediting.counts:
        return
    free = torrent.infohash in await crediting.free_by_token(context.user.id)
    if not free and crediting.as_shown(torrent).freeleech is Freeleech.NORMAL:
        await crediting.spend(context.principal, torrent)


def _hash(parameters: GazelleParameters) -> InfoHash | None:
    """Return the parameter `hash`, in either case; Failure for a bad one, or an id beside it."""
    text = parameters.text("hash").replace(" ", "")
    if not text:
        return None
    if parameters.text("id").strip("0"):
        raise GazelleFailure(BAD_PARAMETERS)
    if not _HASH.fullmatch(text):
        raise GazelleFailure(BAD_HASH)
    return InfoHash.parse(text)


async def _with_files(context: GazelleContext, torrents: Sequence[Torrent]) -> list[shapes.JsonObject]:
    left, contents = context.services.limits.files, []
    for each in torrents:
        contents.append(await context.services.catalogue.store.torrents.contents(each.id, 0, left))
        left -= len(contents[-1].files)
    # Sorting thousands of names would block the event loop.
    lists = await asyncio.to_thread(_file_lists, contents)
    return [
        shapes.torrent(each, stats, files)
        for (each, stats), files in zip(context.with_swarm_stats(torrents), lists, strict=True)
    ]


def _file_lists(contents: Sequence[Contents]) -> list[str]:
    return [file_list(each.files) for each in contents]


async def _grouped(
    context: GazelleContext, ids: Sequence[int], filters: browse_query.BrowseQuery
) -> list[bytes]:
    groups, torrents = await context.groups_with_torrents(ids)
    bookmarks = await context.bookmarked(BookmarkKind.GROUP, ids)
    tokens = await context.own_tokens()
    rows = []
    for group in groups:
        matching = [each for each in torrents.get(group.id, ()) if filters.matches(each)]
        if matching:
            rows.append(
                shapes.browse_row(
                    context.services.rows,
                    group,
                    context.with_swarm_stats(matching),
                    bookmarked=group.id in bookmarks,
                    tokens=tokens,
                )
            )
    return rows


async def _single(context: GazelleContext, ids: Sequence[int]) -> list[bytes]:
    torrents = await context.services.catalogue.store.torrents.torrents(ids, context.viewer)
    bookmarks = await context.bookmarked(BookmarkKind.GROUP, [each.group.id for each in torrents])
    tokens = await context.own_tokens()
    return [
        shapes.browse_row(
            context.services.rows,
            each.group,
            [(each, stats)],
            bookmarked=each.group.id in bookmarks,
            tokens=tokens,
        )
        for each, stats in context.with_swarm_stats(torrents)
    ]
