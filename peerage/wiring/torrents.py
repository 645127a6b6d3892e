"""Makes what hands torrents out and reads them again, beside what lets them in and takes them out."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.list_moderation import ListModeration
from actions.takedowns import Takedowns
from actions.torrent_files import TorrentFiles
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
    scrubber: Scrubber | None


def make_torrents(application: "Application") -> TorrentServices:
    """Return the torrents of an application."""
    return TorrentServices(
        cache=application.cache,
        files=_make_files(application),
        takedowns=application.takedowns,
        list_moderation=application.list_moderation,
        release_parser=application.release_parser,
        uploads=application.uploads,
        scrubber=_make_scrubber(application, application.cache),
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
        publishes=application.publishes,
        restricted=not application.settings.cache.anonymous_private,
        barred=(lambda account: account in application.standings.barred) if application.private else _nobody,
    )
