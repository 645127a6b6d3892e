"""What several dialects ask of the service, in groups."""

from collections.abc import Callable
from dataclasses import dataclass

from accounts.accounts import Accounts
from actions.access_moderation import AccessModeration
from actions.account_management import AccountManagement
from actions.bulk_uploads import BulkUploads
from actions.changes import Changes
from actions.crediting import Crediting
from actions.curation import Curation
from actions.diagnosis import Diagnosis
from actions.erasure import AccountErasure
from actions.invitations import Invitations
from actions.list_moderation import ListModeration
from actions.lookups import Lookups
from actions.lost_passwords import LostPasswords
from actions.membership import Membership
from actions.notices import Notices
from actions.torrent_files import TorrentFiles
from actions.webhooks import Webhooks
from bittorrent.infohash import InfoHash
from cache.torrents import TorrentCache
from catalogue.search import Search
from catalogue.store import CatalogueStore
from downloads.downloads import Downloads
from downloads.links import DownloadLinks
from tracker.census import Census
from tracker.figure_history import FigureHistory
from tracker.ledger import Ledger
from tracker.model import Counts, SwarmTotals
from tracker.standing import Standings


@dataclass(frozen=True, slots=True)
class CatalogueReading:
    """The records of torrents, and the search over them; `actions/curation.py` changes them."""

    store: CatalogueStore
    search: Search


@dataclass(frozen=True, slots=True)
class CatalogueWriting:
    """What uploads torrents and changes their records: one at a time, and uploads of many."""

    curation: Curation
    bulk: BulkUploads


@dataclass(frozen=True, slots=True)
class StoredFiles:
    """The `.torrent` files, and what of one a principal gets."""

    cache: TorrentCache
    served: TorrentFiles


@dataclass(frozen=True, slots=True)
class PrivateTerms:
    """What follows from what an account of a private tracker moves: credit, obligations, standing, invitations."""

    crediting: Crediting
    membership: Membership
    standings: Standings
    invitations: Invitations


@dataclass(frozen=True, slots=True)
class AccountAccess:
    """Accounts, changes to them, what each moved and what follows; a login's token lasts `token_lifetime` seconds."""

    accounts: Accounts
    management: AccountManagement
    erasure: AccountErasure
    lost_passwords: LostPasswords | None
    ledger: Ledger
    terms: PrivateTerms
    token_lifetime: int


@dataclass(frozen=True, slots=True)
class ModerationAccess:
    """What moderators and operators change and follow: lists, who may announce, webhooks, notices, the installation."""

    lists: ListModeration
    access: AccessModeration
    changes: Changes
    webhooks: Webhooks
    notices: Notices
    diagnosis: Diagnosis


@dataclass(frozen=True, slots=True)
class DownloadAccess:
    """Jobs and lookups, and the links to content, below `files_url` where that has a host of its own."""

    downloads: Downloads
    lookups: Lookups
    links: DownloadLinks
    files_url: str | None


@dataclass(frozen=True, slots=True)
class SwarmNumbers:
    """Peers in numbers: those of one swarm and of all at this moment, distinct ones by day, and figures of the past."""

    scrape: Callable[[InfoHash], Counts]
    totals: Callable[[], SwarmTotals]
    census: Census
    history: FigureHistory
