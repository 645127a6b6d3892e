"""Makes what each dialect asks of the service."""

from dataclasses import dataclass

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
from doors.torbox.context import TorboxServices
from doors.torbox.create_torrent import CREATE_RATE as TORBOX_CREATE
from doors.torrent_api import TorrentApiServices
from doors.transfers import Transfers
from downloads.links import KEY_BYTES, DownloadLinks
from peerage.config import Settings
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


def request_rates(settings: Settings) -> dict[str, str]:
    """Return the rates of every dialect by their names."""
    return settings.limits.model_dump(exclude={"login"}) | {TORBOX_CREATE: settings.downloads.create_rate}


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


def make_services(application: Application, admission: Admission) -> DialectServices:
    """Return the services of every dialect."""
    settings = application.settings.downloads
    key = application.stores.folder.secret("downloads", KEY_BYTES, application.environment.random)
    links = DownloadLinks(key, settings.link_lifetime, application.environment.clock)
    return DialectServices(
        rest=_rest(application, admission),
        gazelle=_gazelle(application, admission),
        torrent_api=_torrent_api(application, admission),
        torbox=TorboxServices(
            admission=admission,
            downloads=application.downloads.downloads,
            links=links,
            files_url=settings.files_url,
            lookups=application.downloads.lookups,
            scrape=application.tracker.tracker.store.scrape,
        ),
        feeds=_feeds(application, admission),
        files=FileServices(
            accounts=application.accounts.accounts,
            downloads=application.downloads.downloads,
            links=links,
            transfers=Transfers(settings.transfers, settings.transfers_per_account),
            files_url=settings.files_url,
        ),
        pages=_pages(application, admission, links),
    )


def _rest(application: Application, admission: Admission) -> RestServices:
    store = application.tracker.tracker.store
    return RestServices(
        admission=admission,
        catalogue=application.catalogue.catalogue.store,
        search=application.catalogue.search,
        curation=application.catalogue.curation,
        accounts=application.accounts.accounts,
        account_management=application.accounts.management,
        takedowns=application.torrents.takedowns,
        list_moderation=application.torrents.list_moderation,
        cache=application.torrents.cache,
        files=application.torrents.files,
        census=application.tracker.census,
        ledger=application.ledger,
        scrape=store.scrape,
        swarms=store.totals,
        site_name=application.settings.catalogue.site_name,
        token_lifetime=application.settings.accounts.token_lifetime,
    )


def _gazelle(application: Application, admission: Admission) -> GazelleServices:
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
        scrape=store.scrape,
        swarms=store.totals,
        site_name=application.settings.catalogue.site_name,
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


def _feeds(application: Application, admission: Admission) -> FeedServices:
    return FeedServices(
        admission=admission,
        catalogue=application.catalogue.catalogue.store,
        search=application.catalogue.search,
        accounts=application.accounts.accounts,
        cache=application.torrents.cache,
        files=application.torrents.files,
        scrape=application.tracker.tracker.store.scrape,
        site_name=application.settings.catalogue.site_name,
    )


def _pages(application: Application, admission: Admission, links: DownloadLinks) -> PageServices:
    store = application.tracker.tracker.store
    return PageServices(
        admission=admission,
        catalogue=application.catalogue.catalogue.store,
        search=application.catalogue.search,
        curation=application.catalogue.curation,
        accounts=application.accounts.accounts,
        account_management=application.accounts.management,
        list_moderation=application.torrents.list_moderation,
        cache=application.torrents.cache,
        files=application.torrents.files,
        lookups=application.downloads.lookups,
        downloads=application.downloads.downloads,
        links=links,
        files_url=application.settings.downloads.files_url,
        ledger=application.ledger,
        scrape=store.scrape,
        swarms=store.totals,
        site_name=application.settings.catalogue.site_name,
    )
