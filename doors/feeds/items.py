"""Items of feeds: what every format says of a torrent, with the links that open to whoever reads the feed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import urlencode

from accounts.model import Principal, Scope
from actions.torrent_files import AnnounceUrls, TorrentFiles
from cache.torrents import CacheRecord
from catalogue.model import Category, Torrent
from doors.admission import Admission, Exchange
from doors.byte_sizes import size
from doors.origin import base_url
from doors.services import AccountAccess, CatalogueReading, StoredFiles, SwarmNumbers
from doors.torrent_links import magnet_of
from tracker.credit import Factors
from tracker.model import Counts

ITEMS = 100
"""Items of a feed, and of a page of Torznab."""
TORRENT_TYPE = "application/x-bittorrent"
MAGNET_TYPE = "application/x-bittorrent;x-scheme-handler/magnet"
KEY_PARAMETERS = frozenset({"key", "apikey"})
"""Names under which a feed key is sent; they are left out of what a feed says of its own address."""

_LAST_SECOND = 253_402_300_799  # of the year 9999, the last that datetime knows
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class FeedServices:
    """What the feeds ask of the service."""

    admission: Admission
    catalogue: CatalogueReading
    accounts: AccountAccess
    files: StoredFiles
    swarms: SwarmNumbers
    site_name: str


@dataclass(frozen=True, slots=True)
class FeedItem:
    """A torrent as feeds show it; `download` is the URL of its .torrent file, or the magnet link where that is closed.

    `size` counts the bytes of its content, times are unix seconds. `counts` are the live ones.
    """

    infohash: str
    title: str
    name: str
    page: str
    download: str
    magnet: str
    size: int
    files: int
    added: int
    updated: int
    category: Category
    tags: tuple[str, ...]
    authors: tuple[str, ...]
    year: int | None
    season: int | None
    imdb: int | None
    factors: Factors
    counts: Counts = field(repr=False)

    @property
    def guid(self) -> str:
        """The name of the item, the same at every address of the service and after every edit."""
        return f"urn:btih:{self.infohash}"

    @property
    def enclosure_type(self) -> str:
        """The media type of `download`, as programs look for it."""
        return MAGNET_TYPE if self.download.startswith("magnet:") else TORRENT_TYPE

    @property
    def summary(self) -> str:
        """What people read of it in a line; programs find the size in it."""
        files = f"{self.files} file{'' if self.files == 1 else 's'}"
        said = [f"Size: {size(self.size)}", files, f"Category: {self.category.name}"]
        return ". ".join([*said, *([f"Tags: {', '.join(self.tags)}"] if self.tags else ())])


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed: its title, the page for people that shows the same, its own address, and its items, newest first."""

    title: str
    page: str
    address: str
    items: tuple[FeedItem, ...]

    @property
    def updated(self) -> int:
        """When the newest of its items changed, 0 without items."""
        return max((max(item.added, item.updated) for item in self.items), default=0)

    def etag(self, now: float) -> str:
        """Return the weak validator of all that is said but the counts of swarms, which may be an hour old."""
        said = repr((self.title, self.page, self.address, self.items, int(now) // _HOUR))
        digest = hashlib.blake2b(said.encode("utf-8", "replace"), digest_size=16)
        return f'W/"{digest.hexdigest()}"'


def moment(seconds: int) -> datetime:
    """Return a unix time as a datetime in UTC, within the years that it knows."""
    return datetime.fromtimestamp(min(max(seconds, 0), _LAST_SECOND), UTC)


def own_address(exchange: Exchange, services: FeedServices) -> str:
    """Return the address of a request without the key in it."""
    given = exchange.request.query_params.multi_items()
    query = urlencode(
        [(name, value) for name, value in given if name not in KEY_PARAMETERS], errors="replace"
    )
    path = f"{_base(exchange, services)}{exchange.request.url.path}"
    return f"{path}?{query}" if query else path


async def items_of(
    services: FeedServices, exchange: Exchange, torrents: Sequence[Torrent], key_parameter: str
) -> tuple[FeedItem, ...]:
    """Return the items of torrents, in their order, by two queries however many there are.

    `key_parameter` is under which name the dialect takes a feed key.
    """
    links = _Links(
        _base(exchange, services),
        exchange.principal,
        services.files.served,
        await services.files.served.announce_urls(exchange.principal, _base(exchange, services)),
        _secret(exchange, key_parameter),
    )
    records = await services.files.cache.find_all([each.infohash for each in torrents if each.held])
    return tuple(
        _item(
            each,
            links,
            records.get(each.infohash),
            services.swarms.scrape(each.infohash),
            services.accounts.terms.crediting.factors(each),
        )
        for each in torrents
    )


@dataclass(frozen=True, slots=True)
class _Links:
    """What links for one reader are made of; `secret` is the feed key that was sent, "" for none."""

    base: str
    principal: Principal
    files: TorrentFiles
    announce: AnnounceUrls
    secret: str

    def magnet(self, torrent: Torrent, record: CacheRecord | None) -> str:
        """Return the magnet link, with our own tracker for whom the torrent's peers may come from it."""
        # The peers of a private torrent come from its own trackers alone (BEP 27).
        mine = not torrent.private or (record is not None and self.files.may_serve(self.principal, record))
        return str(magnet_of(torrent, record, (self.announce.of(torrent),) if mine else ()))

    def file(self, record: CacheRecord | None) -> str | None:
        """Return the URL of the .torrent file, None where the reader does not get it."""
        if record is None or not self.files.may_serve(self.principal, record):
            return None
        url = f"{self.base}/torrent/{record.infohash.upper}.torrent"
        if not self.secret or self.files.open_to_all(record):
            return url
        return f"{url}?{urlencode({'key': self.secret})}"


def _item(
    torrent: Torrent, links: _Links, record: CacheRecord | None, counts: Counts, factors: Factors
) -> FeedItem:
    group, magnet = torrent.group, links.magnet(torrent, record)
    return FeedItem(
        infohash=torrent.infohash.lower,
        title=torrent.title,
        name=torrent.name or torrent.title,
        page=f"{links.base}/t/{torrent.id}",
        download=links.file(record) or magnet,
        magnet=magnet,
        size=torrent.size,
        files=torrent.file_count,
        added=torrent.added,
        updated=torrent.updated,
        category=group.category,
        tags=group.tags,
        authors=tuple(author.name for author in group.authors),
        year=group.year,
        season=group.season,
        imdb=group.imdb,
        factors=factors,
        counts=Counts(
            counts.complete, torrent.completed(counts.downloaded), counts.incomplete, counts.downloaders
        ),
    )


def _base(exchange: Exchange, services: FeedServices) -> str:
    return base_url(exchange.request, services.admission.public_url)


def _secret(exchange: Exchange, key_parameter: str) -> str:
    """Return the key that a request was admitted by, "" where it was by a session or by nothing."""
    key = exchange.principal.key
    if key is None or key.scope not in {Scope.FEED, Scope.QBITTORRENT}:
        return ""
    return exchange.values(key_parameter)[0].strip()
