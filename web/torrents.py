"""The pages of a torrent and of a group."""

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.infohash import V2_LENGTH, InfoHash
from bittorrent.magnet import Magnet
from bittorrent.refusal import Refusal
from catalogue.model import Bookmarked, Comment, Contents, Group, Page, Subject, Torrent
from doors.origin import base_url
from web import deeds
from web.browsing import rows_of
from web.door import Door
from web.visit import Visit, id_of

FILES_SHOWN = 1_000
TRACKERS_IN_LINK = 20
COMMENTS_PER_PAGE = 25


@dataclass(frozen=True, slots=True)
class Talk:
    """A page of a group's comments out of `last`, and what the reader may add."""

    comments: Page[Comment]
    page: int
    last: int
    bookmarked: bool
    may_comment: bool


def routes(door: Door) -> list[Route]:
    """Return the routes of torrents and groups, and of the forms that change them."""
    return [
        door.page("/t/{key}", _torrent),
        door.form("/t/{key}/lookup", _look_up),
        door.page("/g/{id}", _group),
        *deeds.routes(door),
    ]


async def _torrent(visit: Visit) -> Response:
    office, viewer = visit.office, visit.viewer()
    key = visit.request.path_params["key"]
    by_hash = len(key) >= 32
    torrent = await office.catalogue.torrent(InfoHash.parse(key) if by_hash else id_of(key), viewer)
    if torrent is None:
        if by_hash and visit.principal.id is not None:
            return _unknown(visit, InfoHash.parse(key))
        raise Refusal("not-found")
    if by_hash:
        return visit.go(f"/t/{torrent.id}")
    contents = await office.catalogue.contents(torrent.id)
    others = [each for each in await _torrents_of(visit, torrent.group) if each.id != torrent.id]
    return visit.draw(
        "torrent",
        torrent.title,
        torrent=torrent,
        group=torrent.group,
        contents=contents,
        files=contents.files[:FILES_SHOWN],
        counts=office.scrape(torrent.infohash),
        magnet=str(await _magnet(visit, torrent, contents)),
        others=rows_of(visit, others),
        owns=visit.may(Right.EDIT_OWN, torrent.uploader.id if torrent.uploader else None),
        subject=Subject.TORRENT,
        discussion=await _discussion(visit, torrent.group),
    )


async def _look_up(visit: Visit) -> Response:
    """Look up the metadata of a torrent that is not held, and show the torrent when found."""
    account, viewer = visit.user_id(), visit.viewer()
    key = visit.request.path_params["key"]
    name = InfoHash.parse(key) if len(key) >= 32 else id_of(key)
    torrent = await visit.office.catalogue.torrent(name, viewer)
    if torrent is None and not isinstance(name, InfoHash):
        raise Refusal("not-found")
    infohash = torrent.infohash if torrent is not None else InfoHash.parse(key)
    lookups = visit.office.lookups
    found = await lookups.find(infohash, seconds=lookups.terms.seconds, account=account)
    if found is None:
        return _unknown(visit, infohash, searched=True)
    return visit.go(f"/t/{found.metainfo.infohash.lower}")


def _unknown(visit: Visit, infohash: InfoHash, *, searched: bool = False) -> Response:
    """Answer 404 with the form that starts a lookup."""
    return visit.draw("unknown", "Not found", status=404, infohash=infohash, searched=searched)


async def _group(visit: Visit) -> Response:
    group = await visit.office.catalogue.group(visit.number(), visit.viewer())
    if group is None:
        raise Refusal("not-found")
    torrents = await _torrents_of(visit, group)
    return visit.draw(
        "group",
        group.name,
        group=group,
        rows=rows_of(visit, torrents),
        owns=any(visit.may(Right.EDIT_OWN, each.uploader.id) for each in torrents if each.uploader),
        subject=Subject.GROUP,
        discussion=await _discussion(visit, group),
    )


async def _torrents_of(visit: Visit, group: Group) -> tuple[Torrent, ...]:
    found = await visit.office.catalogue.torrents_of([group.id], visit.viewer())
    return found.get(group.id, ())


async def _discussion(visit: Visit, group: Group) -> Talk:
    """Return a page of comments on a group, and what the reader may add."""
    catalogue, page = visit.office.catalogue, visit.page_number()
    offset = (page - 1) * COMMENTS_PER_PAGE
    comments = await catalogue.comments(
        group.id, offset, COMMENTS_PER_PAGE, visit.viewer(), newest_first=True
    )
    bookmarked = await catalogue.bookmarked(visit.principal.id, Bookmarked.GROUP, [group.id])
    return Talk(
        comments,
        page,
        max(1, -(-comments.total // COMMENTS_PER_PAGE)),
        group.id in bookmarked,
        visit.may(Right.COMMENT) and (not group.locked or visit.may(Right.EDIT_ANY)),
    )


async def _magnet(visit: Visit, torrent: Torrent, contents: Contents) -> Magnet:
    record = await visit.office.cache.find(torrent.infohash) if torrent.held else None
    if record is not None:
        v1, v2 = record.v1, record.v2
    else:
        is_v2 = len(torrent.infohash) == V2_LENGTH
        v1, v2 = (None, torrent.infohash) if is_v2 else (torrent.infohash, None)
    trackers = tuple(dict.fromkeys(_trackers(visit, torrent, contents)))[:TRACKERS_IN_LINK]
    return Magnet(v1, v2, torrent.name, trackers, size=torrent.size or None)


def _trackers(visit: Visit, torrent: Torrent, contents: Contents) -> Iterator[str]:
    # The peers of a private torrent come from its own trackers alone (BEP 27).
    if not torrent.private:
        yield f"{base_url(visit.request, visit.office.public_url)}/announce"
    for tier in contents.trackers:
        yield from tier
