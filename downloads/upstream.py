"""Fetching a .torrent from another cache over HTTP."""

from urllib.parse import urlsplit

import structlog

from bittorrent.infohash import InfoHash
from downloads.outgoing_filter import OutgoingFilter
from downloads.outgoing_http import OutgoingError, OutgoingHttp

log = structlog.get_logger()


class UpstreamCache:
    """A cache whose URLs hold `{HASH}`, or `{hash}` in lower case; answers have `limit` bytes at most."""

    def __init__(self, template: str, outgoing: OutgoingFilter, limit: int) -> None:
        self._template = template
        self._http = OutgoingHttp(outgoing)
        self._limit = limit

    async def fetch(self, infohash: InfoHash, seconds: float) -> bytes | None:
        """Return the cache's response body, unchecked and still compressed; None when there is none in time."""
        url = self._template.replace("{HASH}", infohash.upper).replace("{hash}", infohash.lower)
        try:
            answer = await self._http.get(url, limit=self._limit, seconds=seconds)
        except OutgoingError as error:
            log.info("upstream.failed", host=urlsplit(self._template).hostname, error=str(error))
            return None
        return answer.body if answer.status == 200 else None
