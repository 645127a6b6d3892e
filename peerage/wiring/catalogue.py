"""Makes what changes, searches, imports and exports the records of torrents."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.catalogue_dump import CatalogueDump
from actions.catalogue_sync import CatalogueSync
from actions.changes import Changes
from actions.curation import Curation
from catalogue.catalogue import Catalogue
from catalogue.imdb_titles import ImdbTitles
from catalogue.search import Search

if TYPE_CHECKING:
    from peerage.wiring.application import Application


@dataclass(frozen=True, slots=True)
class CatalogueServices:
    """The records of torrents, and what changes and searches them."""

    catalogue: Catalogue
    search: Search
    curation: Curation
    sync: CatalogueSync
    dump: CatalogueDump
    changes: Changes
    titles: ImdbTitles


def make_catalogue(application: "Application") -> CatalogueServices:
    """Return the catalogue of an application."""
    records, torrents, accounts = application.catalogue_records, application.torrents, application.accounts
    stores, environment = application.stores, application.environment
    return CatalogueServices(
        catalogue=records,
        search=Search(application.search_index),
        curation=Curation(
            records,
            torrents.uploads,
            torrents.takedowns,
            application.rights,
            settle=application.ledger.flush if application.private else None,
            emit=application.webhooks.emit,
        ),
        sync=CatalogueSync(
            torrents.cache,
            records,
            torrents.takedowns,
            torrents.release_parser,
            reader=torrents.uploads.reader,
        ),
        dump=CatalogueDump(records, accounts.store, torrents.takedowns, environment.clock),
        changes=Changes(
            records.store,
            application.lists,
            environment.clock,
            keep=application.settings.catalogue.history_days * 86_400,
            note=application.note_maintenance,
        ),
        titles=environment.titles or stores.titles,
    )
