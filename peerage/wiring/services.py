"""Makes what each dialect asks of the service."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from msgspec.structs import asdict

from doors.admission import Admission
from doors.authentication import Authenticator
from doors.bodies import BodyMemory
from doors.client_address import ClientAddress
from doors.download_rate import CREATE_RATE
from doors.feeds.items import FeedServices
from doors.files import FileServices
from doors.gazelle.context import GazelleServices
from doors.logo import Logo
from doors.page_assets import PageAssets
from doors.page_layout import PageSite
from doors.qbittorrent.context import QbittorrentServices, QbittorrentTerms
from doors.rate_limits import RateLimits
from doors.rest.operation import RestServices
from doors.root_path import root_path
from doors.torbox.context import TorboxServices
from doors.torrent_api import TorrentApiServices
from doors.transfers import Transfers
from downloads.links import KEY_BYTES, DownloadLinks
from downloads.outgoing_filter import OutgoingFilter
from peerage.config import Settings
from peerage.wiring.application import Application
from peerage.wiring.downloads import download_limits
from web.page_context import PageServices

_BODIES = 16  # uploads of the largest size whose bodies are in memory at once


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
        memory=BodyMemory(_BODIES * application.torrents.uploads.limit),
        upload_limit=application.torrents.uploads.limit,
        public_url=settings.public_url,
        clock=application.environment.clock,
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
    )


def make_services(application: Application, admission: Admission, site: PageSite) -> DialectServices:
    """Return the services of every dialect."""
    settings = application.settings.downloads
    key = application.stores.folder.secret("downloads", KEY_BYTES, application.environment.random)
    links = DownloadLinks(key, settings.link_lifetime, application.environment.clock)
    return DialectServices(
        rest=_rest(application, admission, site),
        gazelle=_gazelle(application, admission, site),
        torrent_api=_torrent_api(application, admission),
        torbox=TorboxServices(
            admission=admission,
            downloads=application.downloads.downloads,
            links=links,
            files_url=settings.files_url,
            lookups=application.downloads.lookups,
            scrape=application.tracker.tracker.store.scrape,
        ),
        qbittorrent=_qbittorrent(application, admission),
        feeds=_feeds(application, admission),
        files=FileServices(
            accounts=application.accounts.accounts,
            downloads=application.downloads.downloads,
            links=links,
            transfers=Transfers(settings.transfers, settings.transfers_per_account),
            files_url=settings.files_url,
        ),
        pages=_pages(application, admission, links, site),
    )


def _rest(application: Application, admission: Admission, site: PageSite) -> RestServices:
    store = application.tracker.tracker.store
    return RestServices(
        admission=admission,
        catalogue=application.catalogue.catalogue.store,
        search=application.catalogue.search,
        curation=application.catalogue.curation,
        accounts=application.accounts.accounts,
        account_management=application.account_management,
        takedowns=application.torrents.takedowns,
        changes=application.catalogue.changes,
        webhooks=application.webhooks,
        list_moderation=application.torrents.list_moderation,
        cache=application.torrents.cache,
        files=application.torrents.files,
        census=application.tracker.census,
        ledger=application.ledger,
        crediting=application.crediting,
        membership=application.membership,
        standings=application.standings,
        invitations=application.invitations,
        scrape=store.scrape,
        swarms=store.totals,
        site=site,
        token_lifetime=application.settings.accounts.token_lifetime,
    )


def _gazelle(application: Application, admission: Admission, site: PageSite) -> GazelleServices:
    store = application.tracker.tracker.store
    return GazelleServices(
        admission=admission,
        catalogue=application.catalogue.catalogue.store,
        search=application.catalogue.search,
        curation=application.catalogue.curation,
        accounts=application.accounts.accounts,
        cache=application.torrents.cache,
        files=application.torrents.files,
        ledger=application.ledger,
        crediting=application.crediting,
        standings=application.standings,
        scrape=store.scrape,
        swarms=store.totals,
        site=site,
    )


def _torrent_api(application: Application, admission: Admission) -> TorrentApiServices:
    return TorrentApiServices(
        admission=admission,
        catalogue=application.catalogue.catalogue.store,
        search=application.catalogue.search,
        titles=application.catalogue.titles,
        curation=application.catalogue.curation,
        lookups=application.downloads.lookups,
        census=application.tracker.census,
        scrape=application.tracker.tracker.store.scrape,
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


def _feeds(application: Application, admission: Admission) -> FeedServices:
    return FeedServices(
        admission=admission,
        catalogue=application.catalogue.catalogue.store,
        search=application.catalogue.search,
        accounts=application.accounts.accounts,
        cache=application.torrents.cache,
        files=application.torrents.files,
        crediting=application.crediting,
        scrape=application.tracker.tracker.store.scrape,
        site_name=application.settings.catalogue.site_name,
    )


def _pages(
    application: Application, admission: Admission, links: DownloadLinks, site: PageSite
) -> PageServices:
    store = application.tracker.tracker.store
    return PageServices(
        admission=admission,
        catalogue=application.catalogue.catalogue.store,
        search=application.catalogue.search,
        curation=application.catalogue.curation,
        accounts=application.accounts.accounts,
        account_management=application.account_management,
        list_moderation=application.torrents.list_moderation,
        webhooks=application.webhooks,
        cache=application.torrents.cache,
        files=application.torrents.files,
        lookups=application.downloads.lookups,
        downloads=application.downloads.downloads,
        links=links,
        files_url=application.settings.downloads.files_url,
        ledger=application.ledger,
        crediting=application.crediting,
        membership=application.membership,
        census=application.tracker.census,
        history=application.history,
        standings=application.standings,
        invitations=application.invitations,
        scrape=store.scrape,
        swarms=store.totals,
        site=site,
    )
