"""The services that every API dialect and the pages are given."""

from collections.abc import Callable
from dataclasses import dataclass

from accounts.accounts import Accounts
from accounts.rights import Rights
from actions.account_management import AccountManagement
from actions.curation import Curation
from actions.list_moderation import ListModeration
from actions.lookups import Lookups
from actions.takedowns import Takedowns
from actions.uploads import Uploads
from bittorrent.infohash import InfoHash
from cache.torrents import TorrentCache
from catalogue.search import Search
from catalogue.store import CatalogueStore
from doors.authentication import Authenticator
from doors.client_address import ClientAddress
from doors.rate_limits import RateLimits
from doors.request_limits import BodyMemory
from doors.transfers import Transfers
from downloads.downloads import Downloads
from downloads.links import DownloadLinks
from tracker.census import Census
from tracker.model import Counts, SwarmTotals


@dataclass(frozen=True, slots=True)
class Services:
    """The services and settings of the dialects.

    `catalogue` is for reading: changes go through `curation`. `scrape` returns a swarm's current counts;
    `token_lifetime` is the lifetime of a login token in seconds.
    """

    catalogue: CatalogueStore
    search: Search
    curation: Curation
    account_management: AccountManagement
    accounts: Accounts
    rights: Rights
    uploads: Uploads
    takedowns: Takedowns
    list_moderation: ListModeration
    cache: TorrentCache
    lookups: Lookups
    downloads: Downloads
    links: DownloadLinks
    transfers: Transfers
    files_url: str | None
    census: Census
    scrape: Callable[[InfoHash], Counts]
    swarms: Callable[[], SwarmTotals]
    authenticator: Authenticator
    rate_limits: RateLimits
    clients: ClientAddress
    memory: BodyMemory
    public_url: str | None
    site_name: str
    token_lifetime: int
    clock: Callable[[], float]
