"""The rows of torrents in lists: HTML that is kept, with places for the counts of the moment."""

from collections.abc import Sequence
from enum import Enum
from functools import partial
from urllib.parse import quote

from markupsafe import Markup

from accounts.rights import Right
from cache.torrents import CacheRecord
from catalogue.model import Torrent
from doors.origin import base_url
from doors.torrent_links import magnet_of
from web.page_context import PageContext
from web.templating import RowTemplate

LONGEST_NAME_IN_LINK = 80
TAGS_SHOWN = 2

_ANNOUNCE, _AGE = "\ue002", "\ue003"
_SEEDERS, _LEECHERS, _COMPLETED = "\ue000", "\ue001", "\ue004"


class RowKind(Enum):
    """How much a row says: a whole one, with a box to choose it too, a title with counts, or an edition of a work."""

    WHOLE = "list_row"
    CHOICE = "choice_row"
    SHORT = "short_row"
    EDITION = "edition_row"


async def torrent_rows(
    context: PageContext, torrents: Sequence[Torrent], kind: RowKind = RowKind.WHOLE
) -> Markup:
    """Return the rows of torrents with the present counts of their swarms, as a list shows them; empty for none."""
    services = context.services
    language = context.language
    variant = kind, context.may(Right.DOWNLOAD), language.code
    torrents = [services.accounts.terms.crediting.as_shown(each) for each in torrents]
    kept = [services.rows.kept(each, variant) for each in torrents]
    missing = [torrent for torrent, row in zip(torrents, kept, strict=True) if row is None]
    records = (
        await services.files.cache.find_all([each.infohash for each in missing if each.held])
        if missing
        else {}
    )
    urls = await services.files.served.announce_urls(
        context.principal, base_url(context.request, services.admission.public_url)
    )
    now, rows = services.admission.clock(), []
    for torrent, known in zip(torrents, kept, strict=True):
        render = partial(_template, context, torrent, records.get(torrent.infohash), variant)
        row = known or services.rows.row(torrent, variant, render)
        counts = services.swarms.scrape(torrent.infohash)
        numbers = [language.count(counts.complete), language.count(counts.incomplete)]
        if kind is RowKind.SHORT:
            rows.append(row.fill(*numbers))
        else:
            completed = language.count(torrent.completed(counts.downloaded))
            tracker = quote(urls.of(torrent), safe="")
            rows.append(row.fill(tracker, language.age(now - torrent.added), *numbers, completed))
    return Markup("".join(rows))  # noqa: S704 - the templates have escaped what they hold


def names_other_than_title(torrent: Torrent) -> bool:
    """Return whether a torrent's name says more than its title."""
    return _plain(torrent.name) != _plain(torrent.title)


def _template(
    context: PageContext, torrent: Torrent, record: CacheRecord | None, variant: tuple[RowKind, bool, str]
) -> RowTemplate:
    kind, may_download, _ = variant
    values = {
        "torrent": torrent,
        "magnet": _magnet(torrent, record),
        "may_download": may_download,
        "tags": torrent.group.tags[:TAGS_SHOWN],
        "free": torrent.freeleech,
        "announce": _ANNOUNCE,
        "age": _AGE,
        "seeders": _SEEDERS,
        "leechers": _LEECHERS,
        "completed": _COMPLETED,
    }
    html = context.templates.render(kind.value, values)
    counts = (_SEEDERS, _LEECHERS)
    return RowTemplate(html, counts if kind is RowKind.SHORT else (_ANNOUNCE, _AGE, *counts, _COMPLETED))


def _magnet(torrent: Torrent, record: CacheRecord | None) -> str:
    """Return the magnet link but for our own tracker, which is put in for whoever reads it; "" of a private torrent.

    The peers of a private torrent come from its own trackers alone (BEP 27).
    """
    if torrent.private:
        return ""
    link = magnet_of(torrent, record, ())
    return str(type(link)(link.v1, link.v2, link.name[:LONGEST_NAME_IN_LINK], size=link.size))


def _plain(text: str) -> str:
    return "".join(each for each in text.casefold() if each.isalnum())
