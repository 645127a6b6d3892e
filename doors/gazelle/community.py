"""The actions on comments, collages, bookmarks, artists, requests and announcements."""

from collections import Counter

from catalogue.bbcode import escape, render
from catalogue.model import Author, BookmarkKind, CollageKind, Comment, News, Page, Torrent
from doors.gazelle import shapes
from doors.gazelle.context import GazelleContext
from doors.gazelle.envelope import BAD_ID, BAD_PARAMETERS, GazelleFailure
from doors.gazelle.formatting import timestamp

COMMENTS_PER_PAGE = 10
MAX_ANNOUNCEMENTS = 5

_KINDS = {CollageKind.PERSONAL: "Personal", CollageKind.THEME: "Theme", CollageKind.STAFF: "Staff Picks"}


async def tcomments(context: GazelleContext) -> object:
    """Answer a page of the comments on a torrent's group, the last one unless another is asked for."""
    number = context.parameters.number("id")
    if number is None:
        raise GazelleFailure(BAD_PARAMETERS)
    found = await context.services.catalogue.store.torrents.torrent(number, context.viewer)
    if found is None:
        return {"page": 1, "pages": 0, "comments": []}
    wish = context.parameters.page() if context.parameters.text("page") else None
    page, comments = await _comments(context, found, wish)
    pages = -(-comments.total // COMMENTS_PER_PAGE)
    return {"page": page, "pages": pages, "comments": [_comment(each) for each in comments.items]}


async def collage(context: GazelleContext) -> object:
    """Answer a collage with its groups and their torrents."""
    found = await context.services.catalogue.store.collages.collage(
        context.parameters.number("id") or 0, context.viewer
    )
    if found is None:
        raise GazelleFailure(BAD_PARAMETERS)
    groups, torrents = await context.groups_with_torrents(found.group_ids)
    bookmarks = await context.bookmarked(BookmarkKind.COLLAGE, [found.id])
    return {
        "id": found.id,
        "name": escape(found.name),
        "description": render(found.description),
        "creatorID": found.creator.id,
        "deleted": found.hidden,
        "collageCategoryID": int(found.kind),
        "collageCategoryName": _KINDS[found.kind],
        "locked": found.locked,
        "maxGroups": 0,
        "maxGroupsPerUser": 0,
        "hasBookmarked": found.id in bookmarks,
        "subscriberCount": found.subscribers,
        "torrentGroupIDList": [group.id for group in groups],
        "torrentgroups": [
            shapes.collage_group(group, context.with_swarm_stats(torrents.get(group.id, ())))
            for group in groups
        ],
    }


async def artist(context: GazelleContext) -> object:
    """Answer an author by `id` or `artistname`, with their groups."""
    found = await _author(context)
    first_only = bool(context.parameters.text("artistreleases"))
    ids = await context.services.catalogue.store.authors.groups_of(
        found.id, context.viewer, first_only=first_only
    )
    groups, torrents = await context.groups_with_torrents(ids[: context.services.limits.groups])
    bookmarked = await context.bookmarked(BookmarkKind.AUTHOR, [found.id])
    bookmarks = await context.bookmarked(BookmarkKind.GROUP, [group.id for group in groups])
    with_stats = {group.id: context.with_swarm_stats(torrents.get(group.id, ())) for group in groups}
    swarms = [stats for each in with_stats.values() for _, stats in each]
    used = Counter(tag for group in groups for tag in group.tags)
    return {
        "id": found.id,
        "name": escape(found.name),
        "notificationsEnabled": False,
        "hasBookmarked": found.id in bookmarked,
        "image": escape(found.picture),
        "body": render(found.description),
        "vanityHouse": False,
        "tags": [{"name": escape(name), "count": count} for name, count in used.items()],
        "statistics": {
            "numGroups": len(groups),
            "numTorrents": len(swarms),
            "numSeeders": sum(each.seeders for each in swarms),
            "numLeechers": sum(each.leechers for each in swarms),
            "numSnatches": sum(each.snatched for each in swarms),
        },
        "torrentgroup": [
            shapes.artist_group(group, with_stats[group.id], bookmarked=group.id in bookmarks)
            for group in groups
        ],
        "requests": [],
    }


async def bookmarks(context: GazelleContext) -> object:
    """Answer what the account bookmarked, newest first: its groups, with `type=artists` its authors."""
    kind = context.parameters.text("type") or "torrents"
    if kind not in {"torrents", "artists"}:
        raise GazelleFailure(BAD_PARAMETERS)
    of = BookmarkKind.GROUP if kind == "torrents" else BookmarkKind.AUTHOR
    catalogue, most = context.services.catalogue.store, context.services.limits.groups
    ids = (await catalogue.collages.bookmarks(context.user.id, of, 0, most)).items
    if kind == "artists":
        authors = [await catalogue.authors.author(each) for each in ids]
        return {"artists": [shapes.bookmarked_author(each) for each in authors if each is not None]}
    groups, torrents = await context.groups_with_torrents(ids)
    return {
        "bookmarks": [
            shapes.bookmarked_group(group, context.with_swarm_stats(torrents.get(group.id, ())))
            for group in groups
        ]
    }


async def similar_artists(context: GazelleContext) -> object:
    """Answer similar authors: always none, they are not recorded."""
    if await context.services.catalogue.store.authors.author(context.parameters.number("id") or 0) is None:
        raise GazelleFailure(BAD_PARAMETERS)
    return []


async def requests(context: GazelleContext) -> object:
    """Answer the requests: always none, they are not supported."""
    return {"currentPage": 1, "pages": 1, "results": []}


async def request(context: GazelleContext) -> object:
    """Fail: requests are not supported."""
    raise GazelleFailure(BAD_ID)


async def announcements(context: GazelleContext) -> object:
    """Answer the newest announcements of the operators; there are no blog posts."""
    news = await context.services.catalogue.store.comments.news(0, MAX_ANNOUNCEMENTS)
    return {"announcements": [_news(each) for each in news.items], "blogPosts": []}


async def _comments(context: GazelleContext, torrent: Torrent, page: int | None) -> tuple[int, Page[Comment]]:
    """Return a page of comments and its number; the last page for None, found from the total of the first."""
    catalogue, group = context.services.catalogue.store, torrent.group.id
    first = (page or 1) - 1
    comments = await catalogue.comments.comments(
        group, first * COMMENTS_PER_PAGE, COMMENTS_PER_PAGE, context.viewer
    )
    last = max(-(-comments.total // COMMENTS_PER_PAGE), 1)
    if page is None and last > 1:
        comments = await catalogue.comments.comments(
            group, (last - 1) * COMMENTS_PER_PAGE, COMMENTS_PER_PAGE, context.viewer
        )
    return page or last, comments


async def _author(context: GazelleContext) -> Author:
    identifier, name = context.parameters.text("id"), context.parameters.text("artistname")
    key = name or context.parameters.number("id")
    if not key or (identifier.strip("0") and name):
        raise GazelleFailure(BAD_PARAMETERS)
    found = await context.services.catalogue.store.authors.author(key)
    if found is None:
        raise GazelleFailure(BAD_PARAMETERS)
    return found


def _comment(comment: Comment) -> shapes.JsonObject:
    editor = comment.editor
    return {
        "postId": comment.id,
        "addedTime": timestamp(comment.added),
        "bbBody": comment.body,
        "body": render(comment.body),
        "editedUserId": editor.id if editor else 0,
        "editedTime": timestamp(comment.edited),
        "editedUsername": escape(editor.name) if editor else "",
        "userinfo": {
            "authorId": comment.author.id,
            "authorName": escape(comment.author.name),
            "artist": False,
            "donor": False,
            "warned": False,
            "avatar": "",
            "enabled": comment.author_enabled,
            "userTitle": None,
        },
    }


def _news(news: News) -> shapes.JsonObject:
    return {
        "newsId": news.id,
        "title": escape(news.title),
        "bbBody": news.body,
        "body": render(news.body),
        "newsTime": timestamp(news.added),
    }
