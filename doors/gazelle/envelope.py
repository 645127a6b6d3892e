"""Gazelle's response envelope: HTTP 200, `status`, `response` or `error`, and its error texts."""

import json

from msgspec import Raw
from starlette.responses import Response

from bittorrent.refusal import Refusal
from doors.admission import DialectError
from doors.authentication import AuthorizationFault, MalformedAuthorization

BAD_PARAMETERS = "bad parameters"
BAD_ID = "bad id parameter"
BAD_HASH = "bad hash parameter"
NO_USER = "no such user"
NO_TERMS = "no search terms"
TOO_MANY = "rate limit exceeded"
NOT_BEARER = "authorization type must be Bearer"
NO_TOKEN = "invalid token format"  # noqa: S105
SEARCH_ERROR = "Search returned an error. Make sure all parameters are valid and of the expected types."

VERSION = 1
HEADERS = {"Cache-Control": "private, no-store"}
_TEXTS = {
    "bad-token": "invalid token",
    "token-revoked": "token revoked",
    "token-expired": "token revoked",
    "key-suspended": "token revoked",
    "user-disabled": "user disabled",
    "too-many-requests": TOO_MANY,
    "not-found": BAD_ID,
}
_SEARCH_CODES = frozenset({"bad-search", "search-too-slow"})


class GazelleFailure(DialectError):
    """A request that is answered with the status `failure` and an error text."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)


def encode(value: object) -> bytes:
    """Return a value as PHP writes JSON: in ASCII."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


class GazelleEnvelope:
    """Wraps responses; `info.source` is the name of the site."""

    def __init__(self, site_name: str) -> None:
        self._info = encode({"source": site_name, "version": VERSION})

    def success(self, payload: object) -> Response:
        """Return a success; `msgspec.Raw` is JSON already."""
        encoded = bytes(payload) if isinstance(payload, Raw) else encode(payload)
        return self._wrap("success", "response", encoded)

    def failure(self, text: str) -> Response:
        """Return a failure."""
        return self._wrap("failure", "error", encode(text))

    def refused(self, refusal: Refusal) -> Response:
        """Return a refusal with Gazelle's text where it has one; a search that fails has the status `error`."""
        if isinstance(refusal, MalformedAuthorization):
            return self.failure(NOT_BEARER if refusal.fault is AuthorizationFault.SCHEME else NO_TOKEN)
        if refusal.code in _SEARCH_CODES:
            return self._wrap("error", "error", encode(SEARCH_ERROR))
        if refusal.code == "too-large":
            return self.failure(str(refusal))  # with the operator's limit
        return self.failure(_TEXTS.get(refusal.code, refusal.reason.sentence))

    def _wrap(self, status: str, name: str, value: bytes) -> Response:
        body = b'{"status":"%b","%b":%b,"info":%b}' % (status.encode(), name.encode(), value, self._info)
        return Response(body, headers=HEADERS, media_type="application/json; charset=utf-8")
