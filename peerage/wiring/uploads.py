"""Makes what lets torrents in."""

from typing import TYPE_CHECKING

from actions.release_parser import ImdbReleaseParser
from actions.uploads import ReleaseParser, Uploads

if TYPE_CHECKING:
    from peerage.wiring.application import Application


def make_release_parser(application: "Application") -> ReleaseParser:
    """Return the parser of release names, over the operator's titles unless the surroundings bring one."""
    environment = application.environment
    return environment.release_parser or ImdbReleaseParser(environment.titles or application.stores.titles)


def make_uploads(application: "Application") -> Uploads:
    """Return the uploads of an application."""
    uploads = Uploads(
        application.cache,
        application.takedowns,
        application.catalogue_records,
        application.release_parser,
        application.environment.clock,
        limit=application.settings.cache.max_torrent_size,
        emit=application.webhooks.emit,
        children=application.children,
    )
    application.stack.push_async_callback(uploads.drain)
    return uploads
