"""Hides the actions about what stands around torrents: comments, collages, artists, requests, announcements."""

from collections import Counter

from catalogue.markup import escape, render
from catalogue.model import Author, Bookmarked, CollageKind, Comment, News, Page, Torrent
from doors.gazelle import shapes
from doors.gazelle.envelope import BAD_ID, BAD_PARAMETERS, Failure
from doors.gazelle.spelling import moment
from doors.gazelle.visit import Visit

COMMENTS = 10
ANNOUNCEMENTS = 5
MOST_GROUPS = 500
"""Groups of an artist that are printed and counted; the newest of more."""

_KINDS = {CollageKind.PERSONAL: "Personal", CollageKind.THEME: "Theme", CollageKind.STAFF: "Staff Picks"}


async def tcomments(visit: Visit) -> object:
    """Answer a page of the comments on a torrent's group, the last one unless another is asked for."""
    number = visit.asked.number("id")
    if number is None:
        raise Failure(BAD_PARAMETERS)
    found = await visit.office.catalogue.torrent(number, visit.viewer)
    if found is None:
        return {"page": 1, "pages": 0, "comments": []}
    asked = visit.asked.page() if visit.asked.text("page") else None
    page, comments = await _comments(visit, found, asked)
    pages = -(-comments.total // COMMENTS)
    return {"page": page, "pages": pages, "comments": [_comment(each) for each in comments.items]}


async def collage(visit: Visit) -> object:
    """Answer a collage with its groups and their torrents."""
    found = await visit.office.catalogue.collage(visit.asked.number("id") or 0, visit.viewer)
    if found is None:
        raise Failure(BAD_PARAMETERS)
    groups, torrents = await visit.works(found.group_ids)
    bookmarks = await visit.bookmarked(Bookmarked.COLLAGE, [found.id])
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
            shapes.collected_group(group, visit.live(torrents.get(group.id, ()))) for group in groups
        ],
    }


async def artist(visit: Visit) -> object:
    """Answer an author by `id` or `artistname`, with the groups that they made."""
    found = await _author(visit)
    first_only = bool(visit.asked.text("artistreleases"))
    ids = await visit.office.catalogue.groups_of_author(found.id, visit.viewer, first_only=first_only)
    groups, torrents = await visit.works(ids[:MOST_GROUPS])
    own = await visit.bookmarked(Bookmarked.AUTHOR, [found.id])
    bookmarks = await visit.bookmarked(Bookmarked.GROUP, [group.id for group in groups])
    live = {group.id: visit.live(torrents.get(group.id, ())) for group in groups}
    numbers = [figures for each in live.values() for _, figures in each]
    used = Counter(tag for group in groups for tag in group.tags)
    return {
        "id": found.id,
        "name": escape(found.name),
        "notificationsEnabled": False,
        "hasBookmarked": found.id in own,
        "image": escape(found.picture),
        "body": render(found.description),
        "vanityHouse": False,
        "tags": [{"name": escape(name), "count": count} for name, count in used.items()],
        "statistics": {
            "numGroups": len(groups),
            "numTorrents": len(numbers),
            "numSeeders": sum(each.seeders for each in numbers),
            "numLeechers": sum(each.leechers for each in numbers),
            "numSnatches": sum(each.snatched for each in numbers),
        },
        "torrentgroup": [
            shapes.authored_group(group, live[group.id], bookmarked=group.id in bookmarks) for group in groups
        ],
        "requests": [],
    }


async def similar_artists(visit: Visit) -> object:
    """Answer who is like an author: nobody says so here."""
    if await visit.office.catalogue.author(visit.asked.number("id") or 0) is None:
        raise Failure(BAD_PARAMETERS)
    return []


async def requests(visit: Visit) -> object:
    """Answer what people ask for: requests are not offered here."""
    return {"currentPage": 1, "pages": 1, "results": []}


async def request(visit: Visit) -> object:
    """Refuse: there is no request of any id."""
    raise Failure(BAD_ID)


async def announcements(visit: Visit) -> object:
    """Answer the newest announcements of the operators; a blog is not kept."""
    news = await visit.office.catalogue.news(0, ANNOUNCEMENTS)
    return {"announcements": [_news(each) for each in news.items], "blogPosts": []}


async def _comments(visit: Visit, torrent: Torrent, page: int | None) -> tuple[int, Page[Comment]]:
    """Return a page of comments and its number; without one, the last, found by what the first one counts."""
    catalogue, group = visit.office.catalogue, torrent.group.id
    first = (page or 1) - 1
    comments = await catalogue.comments(group, first * COMMENTS, COMMENTS, visit.viewer)
    last = max(-(-comments.total // COMMENTS), 1)
    if page is None and last > 1:
        comments = await catalogue.comments(group, (last - 1) * COMMENTS, COMMENTS, visit.viewer)
    return page or last, comments


async def _author(visit: Visit) -> Author:
    identifier, name = visit.asked.text("id"), visit.asked.text("artistname")
    key = name or visit.asked.number("id")
    if not key or (identifier.strip("0") and name):
        raise Failure(BAD_PARAMETERS)
    found = await visit.office.catalogue.author(key)
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
