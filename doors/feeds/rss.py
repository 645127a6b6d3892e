"""RSS 2.0, with the `torrent` namespace of ezRSS, as torrent clients and media managers read it.

Sonarr takes the enclosure's length for the size of the content, and loses an item without `infoHash` or `magnetURI`
where the namespace is declared (`TorrentRssSettingsDetector.cs`, `EzrssTorrentRssParser.cs`).
"""

from email.utils import format_datetime

from doors.feeds.items import Feed, FeedItem, moment
from doors.feeds.xml_document import ATOM, EZRSS, Element, add, document, qualified, root

MEDIA_TYPE = "application/rss+xml; charset=utf-8"
_MINUTES = 15


def rss(feed: Feed) -> bytes:
    """Write a feed as RSS 2.0."""
    tree, channel = channel_of(feed)
    for item in feed.items:
        element = add_item(channel, item, item.title, item.page)
        for name in (item.category.name, *item.tags):
            add(element, "category", name)
        add_torrent(element, item)
    return document(tree)


def channel_of(feed: Feed) -> tuple[Element, Element]:
    """Make the root and the channel of a feed, without items."""
    tree = root("rss", version="2.0")
    channel = add(tree, "channel")
    add(channel, "title", feed.title)
    add(channel, "link", feed.page)
    add(channel, "description", feed.title)
    add(channel, qualified(ATOM, "link"), rel="self", type="application/rss+xml", href=feed.address)
    add(channel, "ttl", _MINUTES)
    if feed.items:
        add(channel, "lastBuildDate", date(feed.updated))
    return tree, channel


def add_item(channel: Element, item: FeedItem, title: str, link: str) -> Element:
    """Append an item, with what every reader of RSS needs: its date never changes, its name is that of the torrent."""
    element = add(channel, "item")
    add(element, "title", title or item.infohash)
    add(element, "link", link)
    add(element, "guid", item.guid, isPermaLink="false")
    add(element, "pubDate", date(item.added))
    add(element, "description", item.summary)
    add(element, "comments", item.page)
    add(element, "size", item.size)
    add(element, "enclosure", url=item.download, length=item.size, type=item.enclosure_type)
    return element


def add_torrent(element: Element, item: FeedItem) -> None:
    """Append the elements of the `torrent` namespace."""
    add(element, qualified(EZRSS, "fileName"), item.name)
    add(element, qualified(EZRSS, "contentLength"), item.size)
    add(element, qualified(EZRSS, "infoHash"), item.infohash)
    add(element, qualified(EZRSS, "magnetURI"), item.magnet)
    add(element, qualified(EZRSS, "seeds"), item.counts.complete)
    add(element, qualified(EZRSS, "peers"), item.counts.complete + item.counts.incomplete)


def date(seconds: int) -> str:
    """Write a unix time as RFC 822 does."""
    return format_datetime(moment(seconds), usegmt=True)
