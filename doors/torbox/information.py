"""Hides how anyone is told of a torrent by its hash, its magnet link or its file."""

import asyncio

from starlette.responses import Response

from bittorrent.infohash import InfoHash
from bittorrent.magnet import Magnet
from bittorrent.metainfo import Metainfo
from doors.torbox.bodies import read_form
from doors.torbox.codes import ITEM_NOT_FOUND, MISSING_OPTION, Failure
from doors.torbox.envelope import success
from doors.torbox.parameters import Parameters
from doors.torbox.shapes import information
from doors.torbox.visit import Visit

LONGEST = 30
_USUAL = 10
_FOUND = "Successfully retrieved torrent metadata for the hash."


async def by_hash(visit: Visit) -> Response:
    """Answer what is known of a hash, looked up where it is not held and whoever asks may cause that."""
    infohash = InfoHash.parse(visit.query.required("hash"))
    return await _look_up(visit, infohash, _seconds(visit.query), ())


async def by_form(visit: Visit) -> Response:
    """Answer what is known of a hash, of a magnet link, or what a file tells, in this order."""
    form = await read_form(visit.request, visit.office.uploads.limit, visit.office.memory)
    texts = form.texts
    seconds = _seconds(texts if texts.text("timeout") else visit.query)
    if text := texts.text("hash").strip():
        return await _look_up(visit, InfoHash.parse(text), seconds, ())
    if text := texts.text("magnet").strip():
        magnet = Magnet.parse(text)
        infohash = magnet.v1 or magnet.v2
        assert infohash is not None
        return await _look_up(visit, infohash, seconds, magnet.trackers)
    if form.file is None:
        raise Failure(MISSING_OPTION, "Send a hash, a magnet link or a .torrent file.")
    return await _tell(visit, await asyncio.to_thread(Metainfo.parse, form.file), None)


def _seconds(sent: Parameters) -> int:
    seconds = sent.number("timeout", _USUAL)
    assert seconds is not None
    return max(1, min(seconds, LONGEST))


async def _look_up(visit: Visit, infohash: InfoHash, seconds: int, trackers: tuple[str, ...]) -> Response:
    found = await visit.office.lookups.find(
        infohash, seconds=seconds, account=visit.principal.id, trackers=trackers
    )
    if found is None:
        raise Failure(ITEM_NOT_FOUND, "Nobody gave the metadata of this hash in time.")
    return await _tell(visit, found.metainfo, infohash)


async def _tell(visit: Visit, metainfo: Metainfo, asked: InfoHash | None) -> Response:
    def render() -> Response:
        return success(information(metainfo, asked, counts), _FOUND)

    counts = visit.office.scrape(metainfo.infohash)
    return await asyncio.to_thread(render)
