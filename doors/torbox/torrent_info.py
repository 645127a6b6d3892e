"""`/torrents/torrentinfo`: a torrent's metadata by its hash, magnet link or file."""

import asyncio

from starlette.responses import Response

from bittorrent.infohash import InfoHash
from bittorrent.magnet import Magnet
from bittorrent.metainfo import Metainfo
from doors.torbox.bodies import torbox_form
from doors.torbox.context import TorboxContext
from doors.torbox.envelope import success
from doors.torbox.error_codes import ITEM_NOT_FOUND, MISSING_OPTION, TorboxError
from doors.torbox.parameters import TorboxParameters
from doors.torbox.shapes import torrent_info

MAX_TIMEOUT = 30
_DEFAULT = 10
_FOUND = "Successfully retrieved torrent metadata for the hash."


async def by_hash(context: TorboxContext) -> Response:
    """Answer the metadata of a hash, looked up where the cache lacks it and the account may cause that."""
    infohash = InfoHash.parse(context.query.required("hash"))
    return await _look_up(context, infohash, _seconds(context.query), ())


async def by_form(context: TorboxContext) -> Response:
    """Answer the metadata of a hash, a magnet link or a file, whichever is sent first in this order."""
    form = torbox_form(context.form)
    texts = form.texts
    seconds = _seconds(texts if texts.text("timeout") else context.query)
    if text := texts.text("hash").strip():
        return await _look_up(context, InfoHash.parse(text), seconds, ())
    if text := texts.text("magnet").strip():
        magnet = Magnet.parse(text)
        infohash = magnet.v1 or magnet.v2
        assert infohash is not None
        return await _look_up(context, infohash, seconds, magnet.trackers)
    if form.file is None:
        raise TorboxError(MISSING_OPTION, "Send a hash, a magnet link or a .torrent file.")
    return await _respond(context, await context.services.downloads.lookups.read(form.file), None)


def _seconds(parameters: TorboxParameters) -> int:
    seconds = parameters.number("timeout", _DEFAULT)
    assert seconds is not None
    return max(1, min(seconds, MAX_TIMEOUT))


async def _look_up(
    context: TorboxContext, infohash: InfoHash, seconds: int, trackers: tuple[str, ...]
) -> Response:
    found = await context.services.downloads.lookups.find(
        infohash, seconds=seconds, account=context.principal.id, trackers=trackers
    )
    if found is None:
        raise TorboxError(ITEM_NOT_FOUND, "Nobody gave the metadata of this hash in time.")
    return await _respond(context, found.metainfo, infohash)


async def _respond(context: TorboxContext, metainfo: Metainfo, infohash: InfoHash | None) -> Response:
    def render() -> Response:
        return success(torrent_info(metainfo, infohash, counts), _FOUND)

    counts = context.services.swarms.scrape(metainfo.infohash)
    return await asyncio.to_thread(render)
