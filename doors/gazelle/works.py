"""Hides the actions about torrents and their groups: torrent, torrentgroup, browse, download."""

import asyncio
import re
from collections.abc import Sequence

from starlette.responses import Response

from accounts.rights import Right
from bittorrent.infohash import InfoHash
from bittorrent.refusal import Refusal
from catalogue.model import Bookmarked, Contents, Torrent
from catalogue.query import Order, Wanted
from doors.gazelle import shapes, wanted
from doors.gazelle.envelope import BAD_HASH, BAD_ID, BAD_PARAMETERS, HEADERS, Failure
from doors.gazelle.parameters import Parameters
from doors.gazelle.spelling import file_list
from doors.gazelle.visit import Visit
from doors.negotiation import attachment

MOST_TORRENTS = 500
"""Torrents of a group that are printed with their files; the newest of more."""

_HASH = re.compile(r"[0-9A-Fa-f]{40}")


async def torrent(visit: Visit) -> object:
    """Answer a torrent and its group, by `id` or `hash`."""
    infohash = _hash(visit.asked)
    key = infohash or visit.asked.number("id") or 0
    found = await visit.office.catalogue.torrent(key, visit.viewer)
    if found is None:
        raise Failure(BAD_HASH if infohash else BAD_ID)
    bookmarks = await visit.bookmarked(Bookmarked.GROUP, [found.group.id])
    [printed] = await _printed(visit, [found])
    return {
        "group": shapes.group(found.group, bookmarked=found.group.id in bookmarks),
        "torrent": printed,
    }


async def torrentgroup(visit: Visit) -> object:
    """Answer a group and its torrents, by `id` or the `hash` of one of these."""
    number = visit.asked.number("id") or 0
    if infohash := _hash(visit.asked):
        found = await visit.office.catalogue.torrent(infohash, visit.viewer)
        if found is None:
            raise Failure(BAD_HASH)
        number = found.group.id
    groups, torrents = await visit.works([number])
    if not groups:
        raise Failure(BAD_ID)
    bookmarks = await visit.bookmarked(Bookmarked.GROUP, [number])
    return {
        "group": shapes.group(groups[0], bookmarked=number in bookmarks),
        "torrents": await _printed(visit, torrents.get(number, ())[-MOST_TORRENTS:]),
    }


async def browse(visit: Visit) -> object:
    """Answer a page of what a search finds: groups, or with `group_results=0` a row for each torrent."""
    asked = wanted.read(visit.asked)
    order, descending = wanted.order(visit.asked)
    # Each answer is shuffled anew, so it has one page.
    page = 1 if order is Order.RANDOM else visit.asked.page()
    search = Wanted(
        query=asked.query,
        order=order,
        descending=descending,
        offset=(page - 1) * wanted.PAGE_SIZE,
        limit=wanted.PAGE_SIZE,
        moderates=visit.viewer.moderates,
        seed=int(visit.office.clock() * 1000),
    )
    grouped = visit.asked.text("group_results") != "0"
    found = await (visit.office.search.groups if grouped else visit.office.search.torrents)(search)
    if not found.total:
        return {"results": []}
    rows = await (_grouped(visit, found.ids, asked) if grouped else _single(visit, found.ids))
    return {"currentPage": page, "pages": -(-found.total // wanted.PAGE_SIZE), "results": rows}


async def download(visit: Visit) -> Response:
    """Answer the .torrent file, byte for byte as it was uploaded."""
    visit.office.rights.require(visit.principal, Right.DOWNLOAD)
    found = await visit.office.catalogue.torrent(visit.asked.number("id") or 0, visit.viewer)
    if found is None:
        raise Failure(BAD_ID)
    held = await visit.office.cache.get(found.infohash)
    if held is None:
        raise Refusal("not-held")
    headers = HEADERS | {"Content-Disposition": attachment(held.record.name)}
    return Response(await asyncio.to_thread(held.plain), 200, headers, "application/x-bittorrent")


def _hash(asked: Parameters) -> InfoHash | None:
    """Return the hash asked for, in either case; an id beside it is one parameter too many."""
    text = asked.text("hash").replace(" ", "")
    if not text:
        return None
    if asked.text("id").strip("0"):
        raise Failure(BAD_PARAMETERS)
    if not _HASH.fullmatch(text):
        raise Failure(BAD_HASH)
    return InfoHash.parse(text)


async def _printed(visit: Visit, torrents: Sequence[Torrent]) -> list[shapes.Shape]:
    contents = [await visit.office.catalogue.contents(each.id) for each in torrents]
    # Sorting a hundred thousand names takes its time.
    lists = await asyncio.to_thread(_lists, contents)
    return [
        shapes.torrent(each, live, files)
        for (each, live), files in zip(visit.live(torrents), lists, strict=True)
    ]


def _lists(contents: Sequence[Contents]) -> list[str]:
    return [file_list(each.files) for each in contents]


async def _grouped(visit: Visit, ids: Sequence[int], asked: wanted.Asked) -> list[shapes.Shape]:
    groups, torrents = await visit.works(ids)
    bookmarks = await visit.bookmarked(Bookmarked.GROUP, ids)
    rows = []
    for group in groups:
        shown = [each for each in torrents.get(group.id, ()) if asked.shows(each)]
        if shown:
            rows.append(shapes.hit_group(group, visit.live(shown), bookmarked=group.id in bookmarks))
    return rows


async def _single(visit: Visit, ids: Sequence[int]) -> list[shapes.Shape]:
    torrents = await visit.office.catalogue.torrents(ids, visit.viewer)
    bookmarks = await visit.bookmarked(Bookmarked.GROUP, [each.group.id for each in torrents])
    return [
        shapes.hit_group(each.group, [(each, live)], bookmarked=each.group.id in bookmarks)
        for each, live in visit.live(torrents)
    ]
