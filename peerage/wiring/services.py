"""Makes what each dialect asks of the service."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from msgspec.structs import asdict

from doors.admission import Admission
from doors.authentication import Authenticator
from doors.client_address import ClientAddress
from doors.download_rate import CREATE_RATE
from doors.feeds.items import FeedServices
from doors.files import FileServices
from doors.gazelle.context import GazelleServices
from doors.languages import languages_with
from doors.logo import Logo
from doors.page_assets import PageAssets
from doors.page_layout import PageSite
from doors.qbittorrent.context import QbittorrentServices, QbittorrentTerms
from doors.rate_limits import RateLimits
from doors.rest.operation import RestServices
from doors.root_path import root_path
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
from doors.torbox.context import TorboxServices
from doors.torrent_api import TorrentApiServices
from doors.transfers import Transfers
from downloads.links import KEY_BYTES, DownloadLinks
from downloads.outgoing_filter import OutgoingFilter
from peerage.config import Settings
from peerage.wiring.application import Application
from peerage.wiring.jobs import download_limits
from web.page_context import PageServices


@dataclass(frozen=True, slots=True)
class DialectServices:
    """The services of every dialect; all of them share one admission."""

    rest: RestServices
    gazelle: GazelleServices
    torrent_api: TorrentApiServices
    torbox: TorboxServices
    qbittorrent: QbittorrentServices
    feeds: FeedServices
    files: FileServices
    pages: PageServices


def request_rates(settings: Settings) -> dict[str, str]:
    """Return the rates of every dialect by their names."""
    rates = asdict(settings.limits) | {CREATE_RATE: settings.downloads.create_rate}
    del rates["login"]  # which is asked by address alone
    return rates


def make_admission(application: Application, clients: ClientAddress) -> Admission:
    """Return the admission of all dialects; cookies are `Secure` where `public_url` is https."""
    settings = application.settings
    secure = (settings.public_url or "").startswith("https://")
    return Admission(
        clients=clients,
        authenticator=Authenticator(
            application.accounts.accounts, secure=secure, root=root_path(settings.public_url)
        ),
        rate_limits=RateLimits(request_rates(settings), application.environment.clock),
        rights=application.rights,
        upload_limit=application.torrents.uploads.limit,
        public_url=settings.public_url,
        clock=application.environment.clock,
        random=application.environment.random,
    )


def make_site(application: Application, admission: Admission) -> PageSite:
    """Return what every page says of the service."""
    wanted = application.settings.site
    logo = (
        Logo(wanted.logo.suffix.lower().removeprefix("."), wanted.logo.read_bytes()) if wanted.logo else None
    )
    return PageSite(
        application.settings.catalogue.site_name,
        admission.root_path,
        wanted.operator,
        wanted.contact,
        PageAssets(wanted.colour, logo),
        languages_with(wanted.languages),
    )


def make_services(application: Application, admission: Admission, site: PageSite) -> DialectServices:
    """Return the services of every dialect."""
    downloads, catalogue = _downloads(application), application.catalogue
    reading = CatalogueReading(catalogue.catalogue.store, catalogue.search)
    files = StoredFiles(application.torrents.cache, application.torrents.files)
    accounts, swarms, curation = _accounts(application), _swarms(application), catalogue.curation
    writing = CatalogueWriting(curation, application.bulk_uploads)
    moderation = ModerationAccess(
        application.torrents.list_moderation,
        application.access_moderation,
        catalogue.changes,
        application.webhooks,
        application.notices,
        application.diagnosis,
    )
    return DialectServices(
        rest=RestServices(admission, reading, curation, accounts, moderation, files, swarms, site),
        gazelle=GazelleServices(admission, reading, curation, accounts, files, swarms, site),
        torrent_api=TorrentApiServices(
            admission, reading, catalogue.titles, curation, downloads.lookups, swarms
        ),
        torbox=TorboxServices(admission, downloads, swarms),
        qbittorrent=_qbittorrent(application, admission),
        feeds=FeedServices(
            admission, reading, accounts, files, swarms, application.settings.catalogue.site_name
        ),
        files=_files(application, downloads),
        pages=PageServices(admission, reading, writing, accounts, moderation, files, downloads, swarms, site),
    )


def _accounts(application: Application) -> AccountAccess:
    return AccountAccess(
        accounts=application.accounts.accounts,
        management=application.account_management,
        erasure=application.erasure,
        lost_passwords=application.lost_passwords,
        ledger=application.ledger,
        terms=PrivateTerms(
            application.crediting, application.membership, application.standings, application.invitations
        ),
        token_lifetime=application.settings.accounts.token_lifetime,
    )


def _swarms(application: Application) -> SwarmNumbers:
    store, tracker = application.tracker.tracker.store, application.tracker
    return SwarmNumbers(store.scrape, store.totals, tracker.census, application.history)


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


def _qbittorrent(application: Application, admission: Admission) -> QbittorrentServices:
    wanted = application.settings.downloads
    return QbittorrentServices(
        admission=admission,
        accounts=application.accounts.accounts,
        downloads=application.downloads.downloads,
        download_limits=download_limits(wanted),
        qbittorrent_terms=QbittorrentTerms(
            application.settings.qbittorrent.save_path, wanted.dht, wanted.down_rate, wanted.up_rate
        ),
        fetch_torrent=_torrent_fetch(application),
    )


def _torrent_fetch(application: Application) -> Callable[[str], Awaitable[bytes | None]]:
    outgoing = OutgoingFilter(allow_private=application.settings.lookups.private_peers)
    limit, seconds = application.torrents.uploads.limit, application.settings.lookups.timeout

    async def fetch(url: str) -> bytes | None:
        # Its HTTP client takes a tenth of a second to import.
        from downloads.outgoing_http import OutgoingError, OutgoingHttp  # noqa: PLC0415

        try:
            answer = await OutgoingHttp(outgoing).get(url, limit=limit, seconds=seconds)
        except OutgoingError:
            return None
        return answer.body if answer.status == 200 else None

    return fetch
