"""The pages of a torrent and of a group."""

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.infohash import InfoHash
from bittorrent.magnet import Magnet
from bittorrent.refusal import Refusal
from catalogue.model import BookmarkKind, Comment, Contents, Group, Page, Subject, Torrent
from catalogue.visibility import shown_contents, shown_uploader
from doors.origin import base_url
from doors.torrent_links import magnet_of
from web import catalogue_forms
from web.page_context import FeedLinks, PageContext, parse_id
from web.page_router import PageRouter
from web.torrent_rows import torrent_rows

FILES_SHOWN = 1_000
TRACKERS_IN_LINK = 20
COMMENTS_PER_PAGE = 25


@dataclass(frozen=True, slots=True)
class Discussion:
    """A page of a group's comments out of `last`, their feeds, and what the reader may add."""

    comments: Page[Comment]
    feeds: FeedLinks
    page: int
    last: int
    bookmarked: bool
    may_comment: bool


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of torrents and groups, and of the forms that change them."""
    return [
        router.page("/t/{key}", _torrent),
        router.form("/t/{key}/lookup", _look_up),
        router.page("/g/{id}", _group),
        *catalogue_forms.routes(router),
    ]


async def _torrent(context: PageContext) -> Response:
    services, viewer = context.services, context.viewer()
    key = context.request.path_params["key"]
    by_hash = len(key) >= 32
    torrent = await services.catalogue.store.torrents.torrent(
        InfoHash.parse(key) if by_hash else parse_id(key), viewer
    )
    if torrent is None:
        if by_hash and context.principal.id is not None:
            return _unknown(context, InfoHash.parse(key))
        raise Refusal("not-found")
    if by_hash:
        return context.redirect(f"/t/{torrent.id}")
    announce = await services.files.served.announce_url(
        context.principal, base_url(context.request, services.admission.public_url)
    )
    contents = shown_contents(
        torrent,
        await services.catalogue.store.torrents.contents(torrent.id, 0, FILES_SHOWN),
        viewer,
        announce,
    )
    others = [each for each in await _torrents_of(context, torrent.group) if each.id != torrent.id]
    return context.render(
        "torrent",
        torrent.title,
        torrent=torrent,
        group=torrent.group,
        contents=contents,
        files=contents.files,
        counts=services.swarms.scrape(torrent.infohash),
        uploader=shown_uploader(torrent, viewer),
        magnet=str(await _magnet(context, torrent, contents, announce)),
        others=torrent_rows(context, others),
        owns=context.may(Right.EDIT_OWN, torrent.uploader.id if torrent.uploader else None),
        subject=Subject.TORRENT,
        discussion=await _discussion(context, torrent.group),
    )


async def _look_up(context: PageContext) -> Response:
    """Look up the metadata of a torrent that is not held, and show the torrent when found."""
    account, viewer = context.user_id(), context.viewer()
    key = context.request.path_params["key"]
    name = InfoHash.parse(key) if len(key) >= 32 else parse_id(key)
    torrent = await context.services.catalogue.store.torrents.torrent(name, viewer)
    if torrent is None and not isinstance(name, InfoHash):
        raise Refusal("not-found")
    infohash = torrent.infohash if torrent is not None else InfoHash.parse(key)
    lookups = context.services.downloads.lookups
    found = await lookups.find(infohash, seconds=lookups.terms.seconds, account=account)
    if found is None:
        return _unknown(context, infohash, searched=True)
    return context.redirect(f"/t/{found.metainfo.infohash.lower}")


def _unknown(context: PageContext, infohash: InfoHash, *, searched: bool = False) -> Response:
    """Answer 404 with the form that starts a lookup."""
    return context.render("unknown", "Not found", status=404, infohash=infohash, searched=searched)


async def _group(context: PageContext) -> Response:
    group = await context.services.catalogue.store.groups.group(context.number(), context.viewer())
    if group is None:
        raise Refusal("not-found")
    torrents = await _torrents_of(context, group)
    return context.render(
        "group",
        group.name,
        feeds=context.feeds(f"/g/{group.id}"),
        group=group,
        rows=torrent_rows(context, torrents),
        may_edit=context.services.curation.may_edit_group(context.principal, group, torrents),
        subject=Subject.GROUP,
        discussion=await _discussion(context, group),
    )


async def _torrents_of(context: PageContext, group: Group) -> tuple[Torrent, ...]:
    found = await context.services.catalogue.store.groups.torrents_of([group.id], context.viewer())
    return found.get(group.id, ())


async def _discussion(context: PageContext, group: Group) -> Discussion:
    """Return a page of comments on a group, and what the reader may add."""
    catalogue, page = context.services.catalogue.store, context.page_number()
    offset = (page - 1) * COMMENTS_PER_PAGE
    comments = await catalogue.comments.comments(
        group.id, offset, COMMENTS_PER_PAGE, context.viewer(), newest_first=True
    )
    bookmarked = await catalogue.collages.bookmarked(context.principal.id, BookmarkKind.GROUP, [group.id])
    return Discussion(
        comments,
        context.feeds(f"/g/{group.id}/comments"),
        page,
        max(1, -(-comments.total // COMMENTS_PER_PAGE)),
        group.id in bookmarked,
        context.may(Right.COMMENT) and (not group.locked or context.may(Right.EDIT_ANY)),
    )


async def _magnet(context: PageContext, torrent: Torrent, contents: Contents, announce: str) -> Magnet:
    record = await context.services.files.cache.find(torrent.infohash) if torrent.held else None
    trackers = tuple(dict.fromkeys(_trackers(torrent, contents, announce)))[:TRACKERS_IN_LINK]
    return magnet_of(torrent, record, trackers)


def _trackers(torrent: Torrent, contents: Contents, announce: str) -> Iterator[str]:
    # The peers of a private torrent come from its own trackers alone (BEP 27).
    if not torrent.private:
        yield announce
    for tier in contents.trackers:
        yield from tier
