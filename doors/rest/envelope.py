"""The REST API's response envelope: one object, a collection or an error, and the headers."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from starlette.responses import Response

from bittorrent.refusal import Refusal
from doors.json_encoding import encode_json
from doors.rate_limits import RateLimitState
from doors.rest.operation import Listing

# The published API names only VALIDATION_ERROR; the others follow its pattern.
CODES: Mapping[int, str] = MappingProxyType(
    {
        400: "BAD_REQUEST",
        401: "UNAUTHENTICATED",
        403: "FORBIDDEN",
        404: "NOT_FOUND",
        405: "METHOD_NOT_ALLOWED",
        409: "CONFLICT",
        410: "GONE",
        413: "TOO_LARGE",
        422: "VALIDATION_ERROR",
        429: "RATE_LIMITED",
        451: "BLOCKED",
        500: "SERVER_ERROR",
        503: "UNAVAILABLE",
        507: "NO_ROOM",
    }
)
_INVALID = "Validation failed"
# Files from which a response is written in a thread, not on the event loop.
_LONG = 1000
HEADERS: Mapping[str, str] = MappingProxyType({"Cache-Control": "no-store"})


def code_of(status: int) -> str:
    """Return the error code of a status; that of 400 or 500 where it has none of its own."""
    return CODES.get(status) or CODES[400 if status < 500 else 500]


def allowance_headers(allowance: RateLimitState) -> dict[str, str]:
    """Return the three headers of the rate limit."""
    return {
        "X-RateLimit-Limit": str(allowance.limit),
        "X-RateLimit-Remaining": str(allowance.remaining),
        "X-RateLimit-Reset": str(allowance.reset),
    }


def error_response(refusal: Refusal) -> Response:
    """Return the error response for a refusal."""
    content: dict[str, object] = {"code": code_of(refusal.status), "message": str(refusal)}
    if refusal.status == 422:
        content["message"] = _INVALID
        content["details"] = {name: list(sentences) for name, sentences in refusal.fields.items()} or {
            "request": [str(refusal)]
        }
    return _json({"success": False, "error": content}, refusal.status, _error_headers(refusal))


def _error_headers(refusal: Refusal) -> dict[str, str]:
    headers: dict[str, str] = {}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return headers


async def object_response(value: object, status: int) -> Response:
    """Return the response with one object, a dataclass."""
    body = {"success": True, "data": value}
    if getattr(value, "files_count", 0) > _LONG:
        return await asyncio.to_thread(_json, body, status)
    return _json(body, status)


def collection_response(listing: Listing) -> Response:
    """Return the response with a page of a collection."""
    meta: dict[str, object] = {
        "current_page": listing.page,
        "per_page": listing.per_page,
        "total": listing.total,
        "total_pages": -(-listing.total // listing.per_page),
    }
    if listing.as_of is not None:
        meta |= {"exact": listing.exact, "as_of": listing.as_of}
    elif not listing.exact:
        meta["exact"] = False
    return _json({"success": True, "data": list(listing.items), "meta": meta}, 200)


def _json(value: object, status: int, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    return Response(encode_json(value), status, headers, media_type="application/json")
