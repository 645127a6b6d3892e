"""Atom (RFC 4287), with the `torrent` namespace of ezRSS."""

from doors.feeds.items import Feed, FeedItem, moment
from doors.feeds.rss import add_torrent
from doors.feeds.xml_document import ATOM, Element, add, document, root

MEDIA_TYPE = "application/atom+xml; charset=utf-8"


def atom(feed: Feed, author: str) -> bytes:
    """Write a feed as Atom; `author` is who publishes it."""
    tree = feed_of(feed, author, feed.updated)
    for item in feed.items:
        _add_entry(tree, item)
    return document(tree)


def feed_of(feed: Feed, author: str, updated: int) -> Element:
    """Make the root of a feed, without entries."""
    # An attribute of the root, so that no element has a prefix: some readers know names without one alone.
    tree = root("feed", xmlns=ATOM)
    add(tree, "id", feed.address)
    add(tree, "title", feed.title)
    add(tree, "updated", date(updated))
    add(tree, "link", rel="self", type="application/atom+xml", href=feed.address)
    add(tree, "link", rel="alternate", type="text/html", href=feed.page)
    add(add(tree, "author"), "name", author)
    return tree


def _add_entry(tree: Element, item: FeedItem) -> None:
    entry = add(tree, "entry")
    add(entry, "id", item.guid)
    add(entry, "title", item.title or item.infohash)
    add(entry, "updated", date(max(item.added, item.updated)))
    add(entry, "published", date(item.added))
    add(entry, "link", rel="alternate", type="text/html", href=item.page)
    add(entry, "link", rel="enclosure", type=item.enclosure_type, length=item.size, href=item.download)
    add(entry, "summary", item.summary)
    for name in (item.category.name, *item.tags):
        add(entry, "category", term=name)
    add_torrent(entry, item)


def date(seconds: int) -> str:
    """Write a unix time as RFC 3339 does."""
    return moment(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")
