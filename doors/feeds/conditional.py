"""Answers that a program asks for again and again: with a validator, and 304 to whoever has them already."""

from starlette.requests import Request
from starlette.responses import Response

from doors.http_headers import etag_matches

# An answer holds links by the Host of its request, and those of a key or a session are one account's.
_HEADERS = {"Cache-Control": "private, no-cache", "Vary": "Cookie"}


def unchanged(request: Request, etag: str) -> Response | None:
    """Return the answer 304 to a request that has the answer of this validator, or None."""
    sent = ",".join(request.headers.getlist("if-none-match"))
    # Compared weakly: the reader takes either form of a tag as its quoted text (RFC 9110 § 8.8.3.2).
    known = etag_matches(sent, etag.removeprefix("W/"))
    return Response(status_code=304, headers=_HEADERS | {"ETag": etag}) if known else None


def whole(content: bytes, media_type: str, etag: str) -> Response:
    """Return an answer with its validator."""
    return Response(content, headers=_HEADERS | {"ETag": etag}, media_type=media_type)
