"""The services of every dialect over an application in this process."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from msgspec import structs

from accounts.accounts import Accounts
from accounts.rights import Right
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
from actions.takedowns import Takedowns
from actions.torrent_files import TorrentFiles
from actions.uploads import Uploads
from actions.webhooks import Webhooks
from bittorrent.infohash import InfoHash
from cache.torrents import TorrentCache
from catalogue.model import MetainfoSummary, ParsedRelease
from catalogue.search import Search
from catalogue.store import CatalogueStore
from doors.admission import Admission
from doors.page_layout import PageSite
from doors.qbittorrent.context import QbittorrentTerms
from doors.services import (
    AccountAccess,
    CatalogueReading,
    CatalogueWriting,
    DownloadAccess,
    ModerationAccess,
    PrivateTerms,
    StoredFiles,
    SwarmNumbers,
)
from doors.transfers import Transfers
from downloads.downloads import Downloads
from downloads.limits import DownloadLimits
from downloads.links import KEY_BYTES, DownloadLinks
from peerage.wiring.application import Application
from tests.support.admission import make_admission
from tests.support.application import open_test_application, settings_in
from tracker.census import Census
from tracker.figure_history import FigureHistory
from tracker.ledger import Ledger
from tracker.model import ZERO_COUNTS, Counts, SwarmTotals
from tracker.standing import Standings

S = TypeVar("S")
LIMITS = DownloadLimits()
TERMS = QbittorrentTerms("/downloads", dht=False, down_rate=0, up_rate=0)
ANYONE = frozenset({Right.READ, Right.DOWNLOAD})


class NameAsTitle:
    """A parser of release names that finds nothing but the name."""

    async def parse(self, sheet: MetainfoSummary) -> ParsedRelease:
        """Return the name as the title."""
        return ParsedRelease(sheet.name, "Unsorted")


async def _fetch_nothing(_: str) -> bytes | None:
    return None


@dataclass(frozen=True)
class AllServices:
    """Everything that any dialect asks of the service."""

    admission: Admission
    catalogue: CatalogueStore
    search: Search
    curation: Curation
    account_management: AccountManagement
    erasure: AccountErasure
    lost_passwords: LostPasswords | None
    accounts: Accounts
    uploads: Uploads
    bulk: BulkUploads
    takedowns: Takedowns
    changes: Changes
    webhooks: Webhooks
    notices: Notices
    diagnosis: Diagnosis
    list_moderation: ListModeration
    access: AccessModeration
    cache: TorrentCache
    files: TorrentFiles
    lookups: Lookups
    downloads: Downloads
    links: DownloadLinks
    transfers: Transfers
    files_url: str | None
    census: Census
    ledger: Ledger
    crediting: Crediting
    membership: Membership
    standings: Standings
    invitations: Invitations
    scrape: Callable[[InfoHash], Counts]
    swarms: Callable[[], SwarmTotals]
    history: FigureHistory
    site: PageSite
    site_name: str = "Peerage"
    token_lifetime: int = 86_400
    titles: Any = None
    download_limits: DownloadLimits = LIMITS
    qbittorrent_terms: QbittorrentTerms = TERMS
    fetch_torrent: Callable[[str], Awaitable[bytes | None]] = _fetch_nothing

    def of(self, dialect: type[S]) -> S:
        """Return what one dialect asks for."""
        terms = PrivateTerms(self.crediting, self.membership, self.standings, self.invitations)
        groups = {
            ModerationAccess: ModerationAccess(
                self.list_moderation, self.access, self.changes, self.webhooks, self.notices, self.diagnosis
            ),
            CatalogueReading: CatalogueReading(self.catalogue, self.search),
            CatalogueWriting: CatalogueWriting(self.curation, self.bulk),
            StoredFiles: StoredFiles(self.cache, self.files),
            AccountAccess: AccountAccess(
                self.accounts,
                self.account_management,
                self.erasure,
                self.lost_passwords,
                self.ledger,
                terms,
                self.token_lifetime,
            ),
            DownloadAccess: DownloadAccess(self.downloads, self.lookups, self.links, self.files_url),
            SwarmNumbers: SwarmNumbers(self.scrape, self.swarms, self.census, self.history),
        }
        asked = [each for each in fields(dialect) if each.default_factory is MISSING]
        return dialect(**{each.name: groups.get(each.type) or getattr(self, each.name) for each in asked})


def services_of(
    application: Application,
    swarms: Mapping[InfoHash, Counts],
    rates: Mapping[str, str],
    *,
    site_name: str = "Peerage",
) -> AllServices:
    """Return what dialects ask of an application; `swarms` are the live numbers."""
    accounts, torrents, catalogue = application.accounts, application.torrents, application.catalogue
    clock, limit = application.environment.clock, application.settings.cache.max_torrent_size
    return AllServices(
        admission=make_admission(accounts.accounts, application.rights, rates, clock, upload_limit=limit),
        catalogue=catalogue.catalogue.store,
        search=catalogue.search,
        curation=catalogue.curation,
        account_management=application.account_management,
        erasure=application.erasure,
        lost_passwords=application.lost_passwords,
        accounts=accounts.accounts,
        uploads=torrents.uploads,
        bulk=application.bulk_uploads,
        takedowns=torrents.takedowns,
        changes=catalogue.changes,
        webhooks=application.webhooks,
        notices=application.notices,
        diagnosis=application.diagnosis,
        list_moderation=torrents.list_moderation,
        access=application.access_moderation,
        cache=torrents.cache,
        files=torrents.files,
        lookups=application.downloads.lookups,
        downloads=application.downloads.downloads,
        links=DownloadLinks(bytes(KEY_BYTES), 3600, clock),
        transfers=Transfers(8, 8),
        files_url=None,
        census=application.tracker.census,
        ledger=application.ledger,
        crediting=application.crediting,
        membership=application.membership,
        standings=application.standings,
        invitations=application.invitations,
        scrape=lambda infohash: swarms.get(infohash, ZERO_COUNTS),
        swarms=lambda: SwarmTotals(3, 9, 5, 4),
        history=application.history,
        site=PageSite(site_name),
        site_name=site_name,
        titles=catalogue.titles,
    )


@dataclass
class OpenedServices:
    """The services of an application, and what closes it."""

    services: AllServices
    application: Application
    stack: AsyncExitStack

    async def close(self) -> None:
        """Close the application."""
        await self.stack.aclose()


async def open_services(
    folder: Path,
    clock: Callable[[], float],
    swarms: Mapping[InfoHash, Counts],
    *,
    rates: Mapping[str, str],
    anonymous: frozenset[Right] = ANYONE,
    registration: bool = False,
    keys_per_user: int = 100,
    limit: int = 10 << 20,
    site_name: str = "Peerage",
    public_url: str | None = None,
    mail: Mapping[str, Any] | None = None,
    **environment: Any,
) -> OpenedServices:
    """Open an application in a folder; `swarms` are the live numbers, `clock` gives unix seconds.

    `environment` replaces more of its surroundings; the name of a torrent is its title unless that says otherwise.
    """
    settings = settings_in(
        folder,
        accounts={
            "anonymous": sorted(anonymous),
            "registration": registration,
            "keys_per_user": keys_per_user,
        },
        cache={"max_torrent_size": limit},
        mail=mail or {},
    )
    if mail:
        public_url = public_url or "https://tracker.example"
    settings = structs.replace(settings, public_url=public_url)
    stack = AsyncExitStack()
    surroundings = {"release_parser": NameAsTitle()} | environment
    application = await stack.enter_async_context(open_test_application(settings, clock, **surroundings))
    services = services_of(application, swarms, rates, site_name=site_name)
    return OpenedServices(services, application, stack)
