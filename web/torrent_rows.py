"""The rows of torrents in lists: HTML that is kept, with places for the counts of the moment."""

from collections.abc import Sequence
from functools import partial

from markupsafe import Markup

from catalogue.model import Torrent
from web.page_context import PageContext
from web.templating import RowTemplate, Templates

_SEEDERS, _LEECHERS = "\ue000", "\ue001"


def torrent_rows(context: PageContext, torrents: Sequence[Torrent]) -> Markup:
    """Return the rows of torrents with the present counts of their swarms, as a list shows them; empty for none."""
    services = context.services
    rows = []
    for torrent in torrents:
        row = services.rows.row(torrent, None, partial(_template, context.templates, torrent))
        counts = services.swarms.scrape(torrent.infohash)
        rows.append(row.fill(counts.complete, counts.incomplete))
    return Markup("".join(rows))  # noqa: S704 - the templates have escaped what they hold


def _template(templates: Templates, torrent: Torrent) -> RowTemplate:
    html = templates.render("list_row", {"torrent": torrent, "seeders": _SEEDERS, "leechers": _LEECHERS})
    return RowTemplate(html, (_SEEDERS, _LEECHERS))
