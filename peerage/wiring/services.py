"""Makes the services that every API dialect is given."""

import os
import time

from doors.authentication import Authenticator
from doors.client_address import ClientAddress
from doors.rate_limits import RateLimits
from doors.request_limits import BodyMemory
from doors.services import Services
from doors.torbox.create_torrent import CREATE_RATE as TORBOX_CREATE
from doors.transfers import Transfers
from downloads.links import KEY_BYTES, DownloadLinks
from peerage.wiring.application import Application


def make_services(application: Application, clients: ClientAddress, memory: BodyMemory) -> Services:
    """Return the services of every dialect; `memory` bounds the request bodies of all of them together."""
    settings = application.settings
    return Services(
        catalogue=application.catalogue.catalogue.store,
        search=application.catalogue.search,
        curation=application.catalogue.curation,
        account_management=application.accounts.management,
        accounts=application.accounts.accounts,
        rights=application.accounts.rights,
        uploads=application.torrents.uploads,
        takedowns=application.torrents.takedowns,
        list_moderation=application.torrents.list_moderation,
        cache=application.torrents.cache,
        lookups=application.downloads.lookups,
        downloads=application.downloads.downloads,
        links=DownloadLinks(
            application.stores.folder.secret("downloads", KEY_BYTES, os.urandom),
            settings.downloads.link_lifetime,
            time.time,
        ),
        transfers=Transfers(settings.downloads.transfers, settings.downloads.transfers_per_account),
        files_url=settings.downloads.files_url,
        census=application.tracker.census,
        scrape=application.tracker.tracker.store.scrape,
        swarms=application.tracker.tracker.store.totals,
        authenticator=make_identity(application),
        rate_limits=RateLimits(
            settings.limits.model_dump(exclude={"login"}) | {TORBOX_CREATE: settings.downloads.create_rate},
            time.time,
        ),
        clients=clients,
        memory=memory,
        public_url=settings.public_url,
        site_name=settings.catalogue.site_name,
        token_lifetime=settings.accounts.token_lifetime,
        clock=time.time,
    )


def make_identity(application: Application) -> Authenticator:
    """Return the authentication of requests; cookies are `Secure` where `public_url` is https."""
    return Authenticator(
        application.accounts.accounts, secure=(application.settings.public_url or "").startswith("https://")
    )
