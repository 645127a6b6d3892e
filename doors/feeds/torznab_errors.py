"""Errors of Torznab: an XML element with a number and a description, which callers read only at status 200.

The numbers are Newznab's. Sonarr and Prowlarr take 100 to 199 for a key that is not right, the description "Request
limit reached" for a limit, and fail on a status of HTTP before they read anything; 429 alone they know.
"""

from collections.abc import Mapping
from typing import Final, Self

from starlette.responses import Response

from bittorrent.refusal import Refusal
from doors.admission import DialectError, Exchange
from doors.feeds.xml_document import document, root

MEDIA_TYPE = "application/xml; charset=utf-8"
BAD_KEY, SUSPENDED, NOT_AUTHORIZED = 100, 101, 102
MISSING, INCORRECT, NO_FUNCTION = 200, 201, 202
LIMIT, UNKNOWN = 500, 900

_LIMIT_REACHED = "Request limit reached"
_CODES: Final[Mapping[str, int]] = {
    "bad-token": BAD_KEY,
    "token-revoked": BAD_KEY,
    "token-expired": BAD_KEY,
    "unauthenticated": BAD_KEY,
    "key-suspended": SUSPENDED,
    "user-disabled": SUSPENDED,
    "method-forbidden": NOT_AUTHORIZED,
    "forbidden": NOT_AUTHORIZED,
    "bad-search": INCORRECT,
    "too-many-requests": LIMIT,
}


class TorznabError(DialectError):
    """An error that only Torznab has."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code

    @classmethod
    def missing(cls, name: str) -> Self:
        """Return the error of a parameter that is not there."""
        return cls(MISSING, f"Missing parameter ({name})")

    @classmethod
    def incorrect(cls, name: str) -> Self:
        """Return the error of a parameter that cannot be read."""
        return cls(INCORRECT, f"Incorrect parameter ({name})")


def render(_: Exchange, error: Exception) -> Response:
    """Answer an error; one of a rate limit has the status 429, every other 200."""
    if isinstance(error, TorznabError):
        return _answer(error.code, str(error), 200)
    assert isinstance(error, Refusal)
    code = _CODES.get(error.code, UNKNOWN)
    return _answer(code, _LIMIT_REACHED, 429) if code == LIMIT else _answer(code, str(error), 200)


def _answer(code: int, description: str, status: int) -> Response:
    content = document(root("error", code=str(code), description=description))
    return Response(content, status, {"Cache-Control": "no-store"}, MEDIA_TYPE)
