"""The answers to requests for a stored file that everybody may have: whole, unchanged, redirected."""

from dataclasses import dataclass

from starlette.datastructures import MutableHeaders
from starlette.responses import RedirectResponse, Response

from cache.record import CacheRecord
from doors.http_headers import attachment
from doors.security_headers import secure

MEDIA_TYPE = "application/x-bittorrent"
_HIT = {"Cache-Control": "public, max-age=3600", "Vary": "Accept-Encoding"}
_MARK = "0" * 40


@dataclass(frozen=True, slots=True)
class FileAnswers:
    """The answers about one stored file in one coding: gzip as it is stored, or inflated."""

    record: CacheRecord
    packed: bool

    @property
    def etag(self) -> str:
        """The entity tag, with its quotation marks."""
        return f'"{self.record.digest.hex()}{"-gzip" if self.packed else ""}"'

    def unchanged(self) -> Response:
        """Return 304."""
        return Response(status_code=304, headers=_HIT | {"ETag": self.etag})

    def whole(self, data: bytes) -> Response:
        """Return 200 with the file in this coding."""
        headers = _HIT | {"ETag": self.etag, "Content-Disposition": attachment(self.record.name)}
        if self.packed:
            headers["Content-Encoding"] = "gzip"
        return Response(data, headers=headers, media_type=MEDIA_TYPE)


def redirect(public_url: str | None, infohash: str) -> Response:
    """Return a redirect to the URL with the infohash in upper case."""
    base = (public_url or "").rstrip("/")
    return RedirectResponse(
        f"{base}/torrent/{infohash}.torrent", 301, {"Cache-Control": "public, max-age=3600"}
    )


def header_lines(response: Response) -> bytes:
    """Return the header lines of a response as they are sent behind `date`, security headers included."""
    headers = MutableHeaders(raw=list(response.raw_headers))
    secure(headers)
    return b"".join(b"%b: %b\r\n" % pair for pair in headers.raw)


def redirect_lines(public_url: str | None) -> tuple[bytes, bytes]:
    """Return the header lines of `redirect` before and behind the infohash."""
    before, _, behind = header_lines(redirect(public_url, _MARK)).rpartition(_MARK.encode())
    return before, behind
