"""Makes what follows another service."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from actions.catalogue_import import CatalogueImport
from actions.mirroring import Mirroring, MirrorSource, MirrorTarget
from bittorrent.refusal import Refusal
from storage.mirrors import SqlMirrors

if TYPE_CHECKING:
    from peerage.wiring.application import Application

_LONGEST_KEY = 256


def make_mirror_target(application: "Application") -> MirrorTarget:
    """Return where what is mirrored goes."""
    records, accounts = application.catalogue_records, application.accounts
    takedowns, clock = application.takedowns, application.environment.clock
    return MirrorTarget(
        store=SqlMirrors(application.stores.records),
        torrents=records.store.torrents,
        uploads=application.torrents.uploads,
        takedowns=takedowns,
        lists=application.lists,
        importer=lambda: CatalogueImport(records, accounts.store, takedowns, clock),
        clock=clock,
        turn=asyncio.Lock(),
        emit=application.webhooks.emit,
    )


def make_mirroring(application: "Application", source: MirrorSource) -> Mirroring:
    """Return what follows a service, past the outgoing filter."""
    # Its HTTP client takes a tenth of a second to import.
    from downloads.outgoing_filter import OutgoingFilter  # noqa: PLC0415
    from downloads.outgoing_http import OutgoingHttp  # noqa: PLC0415

    outgoing = OutgoingFilter(allow_private=application.settings.lookups.private_peers)
    return Mirroring(source, application.mirror_target, OutgoingHttp(outgoing))


def make_configured_mirroring(application: "Application") -> Mirroring | None:
    """Return what follows the service that the settings name, None where they name none. Refusal: `unreadable`."""
    wanted = application.settings.mirror
    if wanted.url is None:
        return None
    key = read_key(wanted.key_file) if wanted.key_file is not None else ""
    return make_mirroring(application, MirrorSource(wanted.url, key))


def read_key(path: Path) -> str:
    """Return the key in a file. Refusal: `unreadable`."""
    try:
        return path.read_text()[:_LONGEST_KEY].strip()
    except (OSError, UnicodeDecodeError):
        raise Refusal("unreadable", f"no key in {path}") from None
