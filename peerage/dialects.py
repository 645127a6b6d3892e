"""Makes the services that every API dialect is given."""

import os
import time

from actions.verdicts import Verdicts
from doors.allowance import Allowances
from doors.client import ClientAddress
from doors.identity import Identity
from doors.limits import BodyMemory
from doors.office import Office
from doors.torbox.adding import RATE as TORBOX_CREATE
from doors.transfers import Transfers
from downloads.links import KEY_BYTES, Links
from peerage.wiring import Rooms


def make_office(rooms: Rooms, clients: ClientAddress, memory: BodyMemory) -> Office:
    """Return the services of every dialect; `memory` bounds the request bodies of all of them together."""
    settings = rooms.settings
    return Office(
        catalogue=rooms.catalogue,
        search=rooms.search,
        curation=rooms.curation,
        membership=rooms.membership,
        accounts=rooms.accounts,
        rights=rooms.rights,
        uploads=rooms.uploads,
        takedowns=rooms.takedowns,
        verdicts=Verdicts(rooms.takedowns, rooms.catalogue, rooms.rights),
        cache=rooms.cache,
        lookups=rooms.lookups,
        downloads=rooms.downloads,
        links=Links(
            rooms.folder.secret("downloads", KEY_BYTES, os.urandom),
            settings.downloads.link_lifetime,
            time.time,
        ),
        transfers=Transfers(settings.downloads.transfers, settings.downloads.transfers_per_account),
        files_url=settings.downloads.files_url,
        census=rooms.census,
        scrape=rooms.tracker.store.scrape,
        swarms=rooms.tracker.store.totals,
        identity=make_identity(rooms),
        allowances=Allowances(
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


def make_identity(rooms: Rooms) -> Identity:
    """Return the authentication of requests; cookies are `Secure` where `public_url` is https."""
    return Identity(rooms.accounts, secure=(rooms.settings.public_url or "").startswith("https://"))
