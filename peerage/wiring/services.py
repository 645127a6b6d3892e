"""Makes what each dialect asks of the service."""

from dataclasses import dataclass

from msgspec.structs import asdict

from doors.admission import Admission
from doors.authentication import Authenticator
from doors.bodies import BodyMemory
from doors.client_address import ClientAddress
from doors.feeds.items import FeedServices
from doors.files import FileServices
from doors.gazelle.context import GazelleServices
from doors.rate_limits import RateLimits
from doors.rest.operation import RestServices
from doors.root_path import root_path
from doors.services import AccountAccess, CatalogueReading, DownloadAccess, StoredFiles, SwarmNumbers
from doors.torbox.context import TorboxServices
from doors.torbox.create_torrent import CREATE_RATE as TORBOX_CREATE
from doors.torrent_api import TorrentApiServices
from doors.transfers import Transfers
from downloads.links import KEY_BYTES, DownloadLinks
from peerage.wiring.application import Application
from web.page_context import PageServices

_BODIES = 16  # uploads of the largest size whose bodies are in memory at once


@dataclass(frozen=True, slots=True)
class DialectServices:
    """The services of every dialect; all of them share one admission."""

    rest: RestServices
    gazelle: GazelleServices
    torrent_api: TorrentApiServices
    torbox: TorboxServices
    feeds: FeedServices
    files: FileServices
    pages: PageServices


def make_admission(application: Application, clients: ClientAddress) -> Admission:
    """Return the admission of all dialects; cookies are `Secure` where `public_url` is https."""
    settings = application.settings
    secure = (settings.public_url or "").startswith("https://")
    rates = asdict(settings.limits) | {TORBOX_CREATE: settings.downloads.create_rate}
    del rates["login"]  # which is asked by address alone
    return Admission(
        clients=clients,
        authenticator=Authenticator(
            application.accounts.accounts, secure=secure, root=root_path(settings.public_url)
        ),
        rate_limits=RateLimits(rates, application.environment.clock),
        rights=application.rights,
        memory=BodyMemory(_BODIES * application.torrents.uploads.limit),
        upload_limit=application.torrents.uploads.limit,
        public_url=settings.public_url,
        clock=application.environment.clock,
    )


def make_services(application: Application, admission: Admission) -> DialectServices:
    """Return the services of every dialect."""
    downloads, catalogue = _downloads(application), application.catalogue
    reading = CatalogueReading(catalogue.catalogue.store, catalogue.search)
    files = StoredFiles(application.torrents.cache, application.torrents.files)
    accounts = _accounts(application)
    swarms = _swarms(application)
    site_name = application.settings.catalogue.site_name
    moderation = application.torrents.list_moderation
    curation = catalogue.curation
    return DialectServices(
        rest=RestServices(admission, reading, curation, accounts, moderation, files, swarms, site_name),
        gazelle=GazelleServices(admission, reading, curation, accounts, files, swarms, site_name),
        torrent_api=TorrentApiServices(
            admission, reading, catalogue.titles, curation, downloads.lookups, swarms
        ),
        torbox=TorboxServices(admission, downloads, swarms),
        feeds=FeedServices(admission, reading, accounts.accounts, files, swarms, site_name),
        files=_files(application, downloads),
        pages=PageServices(
            admission, reading, curation, accounts, moderation, files, downloads, swarms, site_name
        ),
    )


def _accounts(application: Application) -> AccountAccess:
    return AccountAccess(
        accounts=application.accounts.accounts,
        management=application.account_management,
        ledger=application.ledger,
        token_lifetime=application.settings.accounts.token_lifetime,
    )


def _swarms(application: Application) -> SwarmNumbers:
    store = application.tracker.tracker.store
    return SwarmNumbers(store.scrape, store.totals, application.tracker.census)


def _downloads(application: Application) -> DownloadAccess:
    settings = application.settings.downloads
    key = application.stores.folder.secret("downloads", KEY_BYTES, application.environment.random)
    return DownloadAccess(
        downloads=application.downloads.downloads,
        lookups=application.downloads.lookups,
        links=DownloadLinks(key, settings.link_lifetime, application.environment.clock),
        files_url=settings.files_url,
    )


def _files(application: Application, downloads: DownloadAccess) -> FileServices:
    settings = application.settings.downloads
    return FileServices(
        accounts=application.accounts.accounts,
        downloads=downloads.downloads,
        links=downloads.links,
        transfers=Transfers(settings.transfers, settings.transfers_per_account),
        files_url=downloads.files_url,
    )
