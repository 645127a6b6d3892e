"""The pages of a torrent and of a group."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

import segno
from markupsafe import Markup
from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.infohash import InfoHash
from bittorrent.magnet import Magnet
from bittorrent.refusal import Refusal
from cache.torrents import CacheRecord
from catalogue.model import (
    BookmarkKind,
    CatalogueFile,
    Comment,
    Contents,
    Freeleech,
    Group,
    Page,
    Subject,
    Torrent,
)
from catalogue.visibility import shown_contents, shown_uploader
from doors.languages import message
from doors.origin import base_url
from doors.torrent_links import magnet_of
from tracker.figure_history import DAY
from web import catalogue_forms
from web.file_tree import file_tree, matching
from web.page_context import FeedLinks, PageContext, parse_id
from web.page_router import PageRouter
from web.plots import PlotLine, plot
from web.torrent_rows import LONGEST_NAME_IN_LINK, RowKind, names_other_than_title, torrent_rows

FEW_FILES = 25
"""Files that are shown beside the description."""
FILES_PER_PAGE = 1_000
MOST_FILES = 50_000
"""Files that are read for a filter and for the sizes of folders."""
LONGEST_FILTER = 200
DAYS_PLOTTED = 30
MOST_COUNTRIES = 25
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


@dataclass(frozen=True, slots=True)
class TorrentCredit:
    """What counts of a torrent now, whether a token makes it free for the reader, and how many could, for how long."""

    freeleech: Freeleech
    own: bool
    tokens: int
    days: int


@dataclass(frozen=True, slots=True)
class ShownTorrent:
    """A torrent, what the cache knows of it, its first files and trackers as they are shown, and our own tracker."""

    torrent: Torrent
    record: CacheRecord | None
    contents: Contents
    announce: str


Tab = Callable[[PageContext, ShownTorrent], Awaitable[Mapping[str, object]]]
"""Returns what one tab of a torrent's page shows beside what every tab does."""


def routes(router: PageRouter) -> list[Route]:
    """Return the routes of torrents and groups, and of the forms that change them."""
    return [
        router.page("/t/{key}", _torrent),
        router.page("/t/{id}/qr.svg", _qr),
        router.form("/t/{key}/lookup", _look_up),
        router.form("/t/{id}/token", _spend_token, account=True, right=Right.DOWNLOAD),
        router.page("/g/{id}", _group),
        *catalogue_forms.routes(router),
    ]


async def _torrent(context: PageContext) -> Response:
    viewer, key = context.viewer(), context.request.path_params["key"]
    by_hash = len(key) >= 32
    torrent = await context.services.catalogue.store.torrents.torrent(
        InfoHash.parse(key) if by_hash else parse_id(key), viewer
    )
    if torrent is None:
        if by_hash and context.principal.id is not None:
            return _unknown(context, InfoHash.parse(key))
        raise Refusal("not-found")
    if by_hash:
        return context.redirect(f"/t/{torrent.id}")
    shown = await _shown(context, torrent)
    tab = context.request.query_params.get("tab", "")
    values = await _TABS.get(tab, _about)(context, shown)
    return context.render(
        "torrent",
        torrent.title,
        preview=context.preview(_summary(context, torrent)),
        tab=tab if tab in _TABS else "",
        torrent=torrent,
        group=torrent.group,
        versions=_versions(torrent, shown.record),
        renamed=names_other_than_title(torrent),
        counts=context.services.swarms.scrape(torrent.infohash),
        uploader=shown_uploader(torrent, viewer),
        magnet=str(_magnet(torrent, shown)),
        announce=shown.announce,
        credit=await _credit(context, torrent),
        owns=context.may(Right.EDIT_OWN, torrent.uploader.id if torrent.uploader else None),
        subject=Subject.TORRENT,
        discussion=await _discussion(context, torrent.group),
        contents=shown.contents,
        of_tab=values,
    )


async def _credit(context: PageContext, torrent: Torrent) -> TorrentCredit:
    services, account = context.services, context.principal.id
    shown = services.accounts.terms.crediting.as_shown(torrent)
    free = torrent.infohash in await services.accounts.terms.crediting.free_by_token(account)
    of_use = services.accounts.terms.crediting.counts and not free and shown.freeleech is Freeleech.NORMAL
    tokens = (
        (await services.accounts.terms.crediting.balance(account)).tokens
        if account is not None and of_use
        else 0
    )
    return TorrentCredit(
        shown.freeleech, free, tokens, services.accounts.terms.crediting.token_lifetime // 86_400
    )


async def _spend_token(context: PageContext) -> Response:
    torrent = await context.services.catalogue.store.torrents.torrent(context.number(), context.viewer())
    if torrent is None:
        raise Refusal("not-found")
    await context.services.accounts.terms.crediting.spend(context.principal, torrent)
    return context.redirect(f"/t/{torrent.id}")


async def _shown(context: PageContext, torrent: Torrent) -> ShownTorrent:
    services = context.services
    base = base_url(context.request, services.admission.public_url)
    announce = (await services.files.served.announce_urls(context.principal, base)).of(torrent)
    contents = await services.catalogue.store.torrents.contents(torrent.id, 0, FEW_FILES + 1)
    return ShownTorrent(
        torrent,
        await services.files.cache.find(torrent.infohash) if torrent.held else None,
        shown_contents(torrent, contents, context.viewer(), announce),
        announce,
    )


async def _about(context: PageContext, shown: ShownTorrent) -> dict[str, object]:
    group = shown.torrent.group
    others = [each for each in await _torrents_of(context, group) if each.id != shown.torrent.id]
    # Of a single file there is no more to say than its name.
    few = shown.torrent.file_count <= FEW_FILES and (shown.torrent.root or shown.torrent.file_count > 1)
    files = shown.contents.files if few else ()
    return {
        "others": await torrent_rows(context, others, RowKind.EDITION),
        "tree": file_tree(files, files) if files else None,
    }


async def _files(context: PageContext, shown: ShownTorrent) -> dict[str, object]:
    """Return a page of the files; sizes of folders are those of the whole torrent, as far as it is read."""
    text, page = context.request.query_params.get("q", "")[:LONGEST_FILTER].strip(), context.page_number()
    contents = await context.services.catalogue.store.torrents.contents(shown.torrent.id, 0, MOST_FILES)
    return await asyncio.to_thread(_page_of_files, contents.files, text, page)


def _page_of_files(every: Sequence[CatalogueFile], text: str, page: int) -> dict[str, object]:
    found = matching(every, text) if text else every
    last = max(1, -(-len(found) // FILES_PER_PAGE))
    page = min(page, last)
    shown = found[(page - 1) * FILES_PER_PAGE : page * FILES_PER_PAGE]
    return {
        "tree": file_tree(every, shown),
        "filter": text,
        "found": len(found),
        "page": page,
        "last": last,
        "left_out": len(every) == MOST_FILES,
        "unfolded": bool(text) or len(shown) <= 2 * FEW_FILES,
    }


async def _peers(context: PageContext, shown: ShownTorrent) -> dict[str, object]:
    services, infohash = context.services, shown.torrent.infohash
    now, live = services.admission.clock(), services.swarms.scrape(infohash)
    days = await services.swarms.history.days(shown.torrent.id)
    today = int(now) // DAY
    past = [each for each in days if each.day < today]
    seeders = [(each.day * DAY, float(each.seeders)) for each in past]
    leechers = [(each.day * DAY, float(each.leechers)) for each in past]
    drawn = plot(
        [
            PlotLine(context.language.text(message("seeders")), [*seeders, (now, float(live.complete))]),
            PlotLine(context.language.text(message("leechers")), [*leechers, (now, float(live.incomplete))]),
        ],
        (today - DAYS_PLOTTED) * DAY,
        now,
        title=context.language.text(message("Seeders and leechers of the last 30 days")),
        number=context.language.count,
        moment=context.language.day,
    )
    report = await services.swarms.census.report(infohash) if services.swarms.census is not None else None
    return {"plot": drawn if past else Markup(), "report": report, "most": MOST_COUNTRIES}


async def _trackers_tab(_: PageContext, __: ShownTorrent) -> dict[str, object]:
    return {}


_TABS: Mapping[str, Tab] = {"files": _files, "peers": _peers, "trackers": _trackers_tab}


async def _qr(context: PageContext) -> Response:
    """Answer a QR code of the magnet link, with our own tracker alone, so that it can be read from a screen."""
    torrent = await context.services.catalogue.store.torrents.torrent(context.number(), context.viewer())
    if torrent is None:
        raise Refusal("not-found")
    shown = await _shown(context, torrent)
    link = magnet_of(torrent, shown.record, () if torrent.private else (shown.announce,))
    text = str(replace(link, name=torrent.name[:LONGEST_NAME_IN_LINK]))
    headers = {"Cache-Control": "private, max-age=3600", "Vary": "Cookie"}
    return Response(await asyncio.to_thread(_qr_drawing, text), headers=headers, media_type="image/svg+xml")


def _qr_drawing(text: str) -> bytes:
    """Return the QR code of a text as an SVG."""
    drawn = BytesIO()
    code = segno.make(text, error="l", micro=False)
    code.save(drawn, kind="svg", scale=4, border=2, dark="#000", light="#fff", xmldecl=False)
    return drawn.getvalue()


def _versions(torrent: Torrent, record: CacheRecord | None) -> str:
    """Return the versions of the format that a torrent is of (BEP 52)."""
    names = (record.v1, record.v2) if record is not None else (torrent.infohash, torrent.alias)
    if all(names):
        return "hybrid"
    return "v2" if record is not None and record.v1 is None else "v1"


def _summary(context: PageContext, torrent: Torrent) -> str:
    counts = context.services.swarms.scrape(torrent.infohash)
    language = context.language
    files = language.plural(
        "%(number)s file", "%(number)s files", torrent.file_count, number=language.count(torrent.file_count)
    )
    seeding = language.text(message("%(number)s seeding"), number=language.count(counts.complete))
    category = language.sentence(torrent.group.category.name)
    return f"{language.size(torrent.size)}, {files}, {seeding}. {category}"


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
    return context.render("unknown", message("Not found"), status=404, infohash=infohash, searched=searched)


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
        rows=await torrent_rows(context, torrents, RowKind.EDITION),
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


def _magnet(torrent: Torrent, shown: ShownTorrent) -> Magnet:
    trackers = tuple(dict.fromkeys(_trackers(torrent, shown.contents, shown.announce)))[:TRACKERS_IN_LINK]
    return magnet_of(torrent, shown.record, trackers)


def _trackers(torrent: Torrent, contents: Contents, announce: str) -> Iterator[str]:
    # The peers of a private torrent come from its own trackers alone (BEP 27).
    if not torrent.private:
        yield announce
    for tier in contents.trackers:
        yield from tier
