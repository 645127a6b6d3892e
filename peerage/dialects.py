"""Hides what the dialects are given: one office over the rooms, with the proofs and rates of this service."""

import time

from actions.verdicts import Verdicts
from doors.allowance import Allowances
from doors.client import ClientAddress
from doors.identity import Identity
from doors.limits import BodyMemory
from doors.office import Office
from peerage.wiring import Rooms


def make_office(rooms: Rooms, clients: ClientAddress, memory: BodyMemory) -> Office:
    """Return what every dialect shares; `memory` bounds the bodies of all of them together."""
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
        census=rooms.census,
        scrape=rooms.tracker.store.scrape,
        swarms=rooms.tracker.store.totals,
        identity=make_identity(rooms),
        allowances=Allowances(settings.limits.model_dump(exclude={"login"}), time.time),
        clients=clients,
        memory=memory,
        public_url=settings.public_url,
        site_name=settings.catalogue.site_name,
        token_lifetime=settings.accounts.token_lifetime,
        clock=time.time,
    )


def make_identity(rooms: Rooms) -> Identity:
    """Return what tells who is asking; cookies keep to HTTPS where the service is known by it."""
    return Identity(rooms.accounts, secure=(rooms.settings.public_url or "").startswith("https://"))
