"""Makes what brings torrents into the cache, takes them out and hands them out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.list_moderation import ListModeration
from actions.release_parser import ImdbReleaseParser
from actions.takedowns import Takedowns
from actions.torrent_files import TorrentFiles
from actions.transfer import Transfer
from actions.uploads import ReleaseParser, Uploads
from cache.scrubber import Scrubber
from cache.torrents import TorrentCache

if TYPE_CHECKING:
    from peerage.wiring.application import Application


@dataclass(frozen=True, slots=True)
class TorrentServices:
    """The `.torrent` files, and what may come in."""

    cache: TorrentCache
    files: TorrentFiles
    takedowns: Takedowns
    list_moderation: ListModeration
    release_parser: ReleaseParser
    uploads: Uploads
    transfer: Transfer
    scrubber: Scrubber | None


def make_torrents(application: "Application") -> TorrentServices:
    """Return the torrents of an application."""
    cache, takedowns = application.cache, application.takedowns
    environment, records = application.environment, application.catalogue_records
    parser = environment.release_parser or ImdbReleaseParser(environment.titles or application.stores.titles)
    limit = application.settings.cache.max_torrent_size
    uploads = Uploads(
        cache,
        takedowns,
        records,
        parser,
        environment.clock,
        limit=limit,
        emit=application.webhooks.emit,
        children=application.children,
    )
    application.stack.push_async_callback(uploads.drain)
    return TorrentServices(
        cache=cache,
        files=_make_files(application),
        takedowns=takedowns,
        list_moderation=application.list_moderation,
        release_parser=parser,
        uploads=uploads,
        transfer=Transfer(uploads, cache),
        scrubber=_make_scrubber(application, cache),
    )


def _make_scrubber(application: "Application", cache: TorrentCache) -> Scrubber | None:
    days = application.settings.cache.scrub_days
    return Scrubber(cache, application.environment.clock, days * 86_400) if days else None


def _nobody(_account: int) -> bool:
    return False


def _make_files(application: "Application") -> TorrentFiles:
    return TorrentFiles(
        application.rights,
        application.accounts.accounts.passkeys.passkey if application.private else None,
        restricted=not application.settings.cache.anonymous_private,
        barred=(lambda account: account in application.standings.barred) if application.private else _nobody,
    )
