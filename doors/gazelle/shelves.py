"""The actions on comments, collages, artists, requests and announcements."""

from collections import Counter

from catalogue.bbcode import escape, render
from catalogue.model import Author, BookmarkKind, CollageKind, Comment, News, Page, Torrent
from doors.gazelle import shapes
from doors.gazelle.envelope import BAD_ID, BAD_PARAMETERS, Failure
from doors.gazelle.spelling import moment
from doors.gazelle.visit import Visit

COMMENTS = 10
ANNOUNCEMENTS = 5
MOST_GROUPS = 500
"""The most groups of an artist that are listed and counted; the newest of more."""

_KINDS = {CollageKind.PERSONAL: "Personal", CollageKind.THEME: "Theme", CollageKind.STAFF: "Staff Picks"}


async def tcomments(context: Visit) -> object:
    """Answer a page of the comments on a torrent's group, the last one unless another is asked for."""
    number = context.asked.number("id")
    if number is None:
        raise Failure(BAD_PARAMETERS)
    found = await context.services.catalogue.torrent(number, context.viewer)
    if found is None:
        return {"page": 1, "pages": 0, "comments": []}
    wish = context.asked.page() if context.asked.text("page") else None
    page, comments = await _comments(context, found, wish)
    pages = -(-comments.total // COMMENTS)
    return {"page": page, "pages": pages, "comments": [_comment(each) for each in comments.items]}


async def collage(context: Visit) -> object:
    """Answer a collage with its groups and their torrents."""
    found = await context.services.catalogue.collage(context.asked.number("id") or 0, context.viewer)
    if found is None:
        raise Failure(BAD_PARAMETERS)
    groups, torrents = await context.works(found.group_ids)
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
            shapes.collected_group(group, context.live(torrents.get(group.id, ()))) for group in groups
        ],
    }


async def artist(context: Visit) -> object:
    """Answer an author by `id` or `artistname`, with their groups."""
    found = await _author(context)
    first_only = bool(context.asked.text("artistreleases"))
    ids = await context.services.catalogue.groups_of_author(found.id, context.viewer, first_only=first_only)
    groups, torrents = await context.works(ids[:MOST_GROUPS])
    bookmarked = await context.bookmarked(BookmarkKind.AUTHOR, [found.id])
    bookmarks = await context.bookmarked(BookmarkKind.GROUP, [group.id for group in groups])
    with_stats = {group.id: context.live(torrents.get(group.id, ())) for group in groups}
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
            shapes.authored_group(group, with_stats[group.id], bookmarked=group.id in bookmarks)
            for group in groups
        ],
        "requests": [],
    }


async def similar_artists(context: Visit) -> object:
    """Answer similar authors: always none, they are not recorded."""
    if await context.services.catalogue.author(context.asked.number("id") or 0) is None:
        raise Failure(BAD_PARAMETERS)
    return []


async def requests(context: Visit) -> object:
    """Answer the requests: always none, they are not supported."""
    return {"currentPage": 1, "pages": 1, "results": []}


async def request(context: Visit) -> object:
    """Fail: requests are not supported."""
    raise Failure(BAD_ID)


async def announcements(context: Visit) -> object:
    """Answer the newest announcements of the operators; there are no blog posts."""
    news = await context.services.catalogue.news(0, ANNOUNCEMENTS)
    return {"announcements": [_news(each) for each in news.items], "blogPosts": []}


async def _comments(context: Visit, torrent: Torrent, page: int | None) -> tuple[int, Page[Comment]]:
    """Return a page of comments and its number; the last page for None, found from the total of the first."""
    catalogue, group = context.services.catalogue, torrent.group.id
    first = (page or 1) - 1
    comments = await catalogue.comments(group, first * COMMENTS, COMMENTS, context.viewer)
    last = max(-(-comments.total // COMMENTS), 1)
    if page is None and last > 1:
        comments = await catalogue.comments(group, (last - 1) * COMMENTS, COMMENTS, context.viewer)
    return page or last, comments


async def _author(context: Visit) -> Author:
    identifier, name = context.asked.text("id"), context.asked.text("artistname")
    key = name or context.asked.number("id")
    if not key or (identifier.strip("0") and name):
        raise Failure(BAD_PARAMETERS)
    found = await context.services.catalogue.author(key)
    if found is None:
        raise Failure(BAD_PARAMETERS)
    return found


def _comment(comment: Comment) -> shapes.Shape:
    editor = comment.editor
    return {
        "postId": comment.id,
        "addedTime": moment(comment.added),
        "bbBody": comment.body,
        "body": render(comment.body),
        "editedUserId": editor.id if editor else 0,
        "editedTime": moment(comment.edited),
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


def _news(news: News) -> shapes.Shape:
    return {
        "newsId": news.id,
        "title": escape(news.title),
        "bbBody": news.body,
        "body": render(news.body),
        "newsTime": moment(news.added),
    }
