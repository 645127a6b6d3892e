"""Hides what the dialects share: the services behind them, and how a request is let in."""

from collections.abc import Callable
from dataclasses import dataclass

from accounts.accounts import Accounts
from accounts.rights import Rights
from actions.curation import Curation
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
from tracker.census import Census
from tracker.model import Counts, Totals


@dataclass(frozen=True, slots=True)
class Office:
    """Everything that a dialect reads from, writes to and asks.

    `scrape` gives a swarm's live numbers; `token_lifetime` is the seconds that a login of a program lasts.
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
