"""Feeds of the comments on a group, newest first, as RSS and Atom."""

import asyncio
import hashlib
from dataclasses import dataclass

from starlette.responses import Response
from starlette.routing import Route

from accounts.rights import Right
from bittorrent.refusal import Refusal
from catalogue.bbcode import render
from catalogue.model import PUBLIC_VIEWER, Comment
from doors.admission import AdmittedRoute, ApiDialect, Endpoint, Exchange, Handler
from doors.feeds.atom import MEDIA_TYPE as ATOM_TYPE
from doors.feeds.atom import date as atom_date
from doors.feeds.atom import feed_of
from doors.feeds.conditional import unchanged, whole
from doors.feeds.items import Feed, FeedServices, own_address
from doors.feeds.rss import MEDIA_TYPE as RSS_TYPE
from doors.feeds.rss import channel_of
from doors.feeds.rss import date as rss_date
from doors.feeds.xml_document import DUBLIN_CORE, add, document, qualified
from doors.origin import base_url
from doors.path_ids import path_id

COMMENTS = 25
_FORMS = ("rss", "atom")


@dataclass(frozen=True, slots=True)
class CommentFeed:
    """The newest comments on a group, and the feed that holds them; `name` is the group's."""

    feed: Feed
    name: str
    comments: tuple[Comment, ...]

    def address(self, comment: Comment) -> str:
        """Return the address of a comment on the page of its group, which is also its name."""
        return f"{self.feed.page}#c{comment.id}"

    def title(self, comment: Comment) -> str:
        """Return the title of a comment."""
        return f"{comment.author.name} on {self.name}"


def routes(services: FeedServices, dialect: ApiDialect) -> list[Route]:
    """Return the routes of comments."""
    endpoint = Endpoint(name=dialect.name, right=Right.READ)
    return [
        AdmittedRoute(
            f"/g/{{id}}/comments.{form}",
            services.admission,
            dialect,
            {"GET": (endpoint, _handler(services, form))},
        )
        for form in _FORMS
    ]


def _handler(services: FeedServices, form: str) -> Handler:
    async def answer(exchange: Exchange) -> Response:
        found = await _find(services, exchange)
        digest = hashlib.blake2b(repr(found).encode("utf-8", "replace"), digest_size=16)
        etag = f'"{digest.hexdigest()}"'
        if (response := unchanged(exchange.request, etag)) is not None:
            return response
        if form == "rss":
            return whole(await asyncio.to_thread(_rss, found), RSS_TYPE, etag)
        return whole(await asyncio.to_thread(_atom, found, services.site_name), ATOM_TYPE, etag)

    return answer


async def _find(services: FeedServices, exchange: Exchange) -> CommentFeed:
    """Find a group with its comments that nobody hid. Refusal: `not-found`."""
    group = await services.catalogue.store.groups.group(path_id(exchange.request), PUBLIC_VIEWER)
    if group is None:
        raise Refusal("not-found")
    page = await services.catalogue.store.comments.comments(
        group.id, 0, COMMENTS, PUBLIC_VIEWER, newest_first=True
    )
    title = f"Comments on {group.name} \u2013 {services.site_name}"
    where = f"{base_url(exchange.request, services.admission.public_url)}/g/{group.id}"
    return CommentFeed(Feed(title, where, own_address(exchange, services), ()), group.name, page.items)


def _rss(found: CommentFeed) -> bytes:
    tree, channel = channel_of(found.feed)
    for comment in found.comments:
        item = add(channel, "item")
        add(item, "title", found.title(comment))
        add(item, "link", found.address(comment))
        add(item, "guid", found.address(comment), isPermaLink="true")
        add(item, "pubDate", rss_date(comment.added))
        add(item, qualified(DUBLIN_CORE, "creator"), comment.author.name)
        add(item, "description", render(comment.body))
    return document(tree)


def _atom(found: CommentFeed, author: str) -> bytes:
    updated = max((comment.edited or comment.added for comment in found.comments), default=0)
    tree = feed_of(found.feed, author, updated)
    for comment in found.comments:
        entry = add(tree, "entry")
        add(entry, "id", found.address(comment))
        add(entry, "title", found.title(comment))
        add(entry, "updated", atom_date(comment.edited or comment.added))
        add(entry, "published", atom_date(comment.added))
        add(entry, "link", rel="alternate", type="text/html", href=found.address(comment))
        add(add(entry, "author"), "name", comment.author.name)
        add(entry, "content", render(comment.body), type="html")
    return document(tree)
