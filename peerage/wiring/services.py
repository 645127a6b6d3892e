"""Makes what each dialect asks of the service."""

import os
import time
from dataclasses import dataclass

from doors.admission import Admission
from doors.authentication import Authenticator
from doors.bodies import BodyMemory
from doors.client_address import ClientAddress
from doors.files import FileServices
from doors.gazelle.context import GazelleServices
from doors.rate_limits import RateLimits
from doors.rest.operation import RestServices
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
    files: FileServices
    pages: PageServices


def make_admission(application: Application, clients: ClientAddress) -> Admission:
    """Return the admission of all dialects; cookies are `Secure` where `public_url` is https."""
    settings = application.settings
    secure = (settings.public_url or "").startswith("https://")
    rates = settings.limits.model_dump(exclude={"login"}) | {TORBOX_CREATE: settings.downloads.create_rate}
    return Admission(
        clients=clients,
        authenticator=Authenticator(application.accounts, secure=secure),
        rate_limits=RateLimits(rates, time.time),
        rights=application.rights,
        memory=BodyMemory(_BODIES * application.uploads.limit),
        upload_limit=application.uploads.limit,
        public_url=settings.public_url,
        clock=time.time,
    )


def make_services(application: Application, admission: Admission) -> DialectServices:
    """Return the services of every dialect."""
    settings = application.settings
    scrape, swarms = application.tracker.store.scrape, application.tracker.store.totals
    site_name, files_url = settings.catalogue.site_name, settings.downloads.files_url
    key = application.folder.secret("downloads", KEY_BYTES, os.urandom)
    links = DownloadLinks(key, settings.downloads.link_lifetime, time.time)
    return DialectServices(
        rest=RestServices(
            admission=admission,
            catalogue=application.catalogue,
            search=application.search,
            curation=application.curation,
            accounts=application.accounts,
            account_management=application.account_management,
            takedowns=application.takedowns,
            list_moderation=application.list_moderation,
            cache=application.cache,
            census=application.census,
            scrape=scrape,
            swarms=swarms,
            site_name=site_name,
            token_lifetime=settings.accounts.token_lifetime,
        ),
        gazelle=GazelleServices(
            admission=admission,
            catalogue=application.catalogue,
            search=application.search,
            curation=application.curation,
            accounts=application.accounts,
            cache=application.cache,
            scrape=scrape,
            swarms=swarms,
            site_name=site_name,
        ),
        torrent_api=TorrentApiServices(
            admission=admission,
            catalogue=application.catalogue,
            search=application.search,
            titles=application.titles,
            takedowns=application.takedowns,
            lookups=application.lookups,
            census=application.census,
            scrape=scrape,
        ),
        torbox=TorboxServices(
            admission=admission,
            downloads=application.downloads,
            links=links,
            files_url=files_url,
            lookups=application.lookups,
            scrape=scrape,
        ),
        files=FileServices(
            accounts=application.accounts,
            downloads=application.downloads,
            links=links,
            transfers=Transfers(settings.downloads.transfers, settings.downloads.transfers_per_account),
            files_url=files_url,
        ),
        pages=PageServices(
            admission=admission,
            catalogue=application.catalogue,
            search=application.search,
            curation=application.curation,
            accounts=application.accounts,
            account_management=application.account_management,
            list_moderation=application.list_moderation,
            cache=application.cache,
            lookups=application.lookups,
            downloads=application.downloads,
            links=links,
            files_url=files_url,
            scrape=scrape,
            swarms=swarms,
            site_name=site_name,
        ),
    )
