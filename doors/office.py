"""The services that every API dialect and the pages are given."""

from collections.abc import Callable
from dataclasses import dataclass

from accounts.accounts import Accounts
from accounts.rights import Rights
from actions.curation import Curation
from actions.lookups import Lookups
from actions.membership import Membership
from actions.takedowns import Takedowns
from actions.uploads import Uploads
from actions.verdicts import Verdicts
from bittorrent.infohash import InfoHash
from cache.torrents import TorrentCache
from catalogue.catalogue import Catalogue
from catalogue.search import Search
from doors.allowance import Allowances
from doors.client import ClientAddress
from doors.identity import Identity
from doors.limits import BodyMemory
from doors.transfers import Transfers
from downloads.downloads import Downloads
from downloads.links import Links
from tracker.census import Census
from tracker.model import Counts, Totals


@dataclass(frozen=True, slots=True)
class Office:
    """The services and settings of the dialects.

    `scrape` returns a swarm's current counts; `token_lifetime` is the lifetime of a login token in seconds.
    """

    catalogue: Catalogue
    search: Search
    curation: Curation
    membership: Membership
    accounts: Accounts
    rights: Rights
    uploads: Uploads
    takedowns: Takedowns
    verdicts: Verdicts
    cache: TorrentCache
    lookups: Lookups
    downloads: Downloads
    links: Links
    transfers: Transfers
    files_url: str | None
    census: Census
    scrape: Callable[[InfoHash], Counts]
    swarms: Callable[[], Totals]
    identity: Identity
    allowances: Allowances
    clients: ClientAddress
    memory: BodyMemory
    public_url: str | None
    site_name: str
    token_lifetime: int
    clock: Callable[[], float]
