"""TorBox's error codes and their HTTP statuses, and the code of each refusal.

Clients of this dialect retry up to three times on 408 and from 500 on, so no expected error has one of those.
"""

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import NamedTuple

from bittorrent.refusal import Refusal
from doors.admission import DialectError


class TorboxCode(NamedTuple):
    """An error code of TorBox and its HTTP status."""

    name: str
    status: HTTPStatus


NO_AUTH = TorboxCode("NO_AUTH", HTTPStatus.FORBIDDEN)
BAD_TOKEN = TorboxCode("BAD_TOKEN", HTTPStatus.FORBIDDEN)
AUTH_ERROR = TorboxCode("AUTH_ERROR", HTTPStatus.FORBIDDEN)
PLAN_RESTRICTED = TorboxCode("PLAN_RESTRICTED_FEATURE", HTTPStatus.FORBIDDEN)
ITEM_NOT_FOUND = TorboxCode("ITEM_NOT_FOUND", HTTPStatus.NOT_FOUND)
ENDPOINT_NOT_FOUND = TorboxCode("ENDPOINT_NOT_FOUND", HTTPStatus.NOT_FOUND)
WRONG_METHOD = TorboxCode("ENDPOINT_NOT_FOUND", HTTPStatus.METHOD_NOT_ALLOWED)
MISSING_PARAMETER = TorboxCode("MISSING_REQUIRED_OPTION", HTTPStatus.UNPROCESSABLE_ENTITY)
"""A required parameter of the query is missing."""
MISSING_OPTION = TorboxCode("MISSING_REQUIRED_OPTION", HTTPStatus.BAD_REQUEST)
INVALID_OPTION = TorboxCode("INVALID_OPTION", HTTPStatus.BAD_REQUEST)
TOO_MANY_OPTIONS = TorboxCode("TOO_MANY_OPTIONS", HTTPStatus.BAD_REQUEST)
BOZO_TORRENT = TorboxCode("BOZO_TORRENT", HTTPStatus.BAD_REQUEST)
DUPLICATE_ITEM = TorboxCode("DUPLICATE_ITEM", HTTPStatus.BAD_REQUEST)
DIFF_ISSUE = TorboxCode("DIFF_ISSUE", HTTPStatus.BAD_REQUEST)
DOWNLOAD_TOO_LARGE = TorboxCode("DOWNLOAD_TOO_LARGE", HTTPStatus.BAD_REQUEST)
ACTIVE_LIMIT = TorboxCode("ACTIVE_LIMIT", HTTPStatus.BAD_REQUEST)
TOO_MUCH_DATA = TorboxCode("TOO_MUCH_DATA", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
RATE_LIMIT = TorboxCode("RATE_LIMIT", HTTPStatus.TOO_MANY_REQUESTS)
UNKNOWN_ERROR = TorboxCode("UNKNOWN_ERROR", HTTPStatus.INTERNAL_SERVER_ERROR)

_BROKEN_TORRENTS = (
    "empty",
    "not-bencode",
    "too-deep",
    "too-many-items",
    "trailing-bytes",
    "duplicate-key",
    "no-info",
    "no-name",
    "empty-name",
    "bad-name",
    "bad-path",
    "bad-length",
    "bad-files",
    "bad-piece-length",
    "bad-pieces",
    "bad-meta-version",
    "bad-file-tree",
    "bad-piece-layers",
    "hybrid-mismatch",
    "bad-magnet",
)
_CODES: Mapping[str, TorboxCode] = MappingProxyType(
    dict.fromkeys(_BROKEN_TORRENTS, BOZO_TORRENT)
    | {
        "unauthenticated": NO_AUTH,
        "lookups-closed": NO_AUTH,
        "bad-token": BAD_TOKEN,
        "token-revoked": BAD_TOKEN,
        "token-expired": BAD_TOKEN,
        "key-suspended": AUTH_ERROR,
        "user-disabled": AUTH_ERROR,
        "forbidden": PLAN_RESTRICTED,
        "method-forbidden": PLAN_RESTRICTED,
        # Clients take it for final; a server error they would retry.
        "no-downloads": PLAN_RESTRICTED,
        "not-found": ITEM_NOT_FOUND,
        "bad-file-link": ITEM_NOT_FOUND,
        "bad-method": WRONG_METHOD,
        "nothing-wished": MISSING_OPTION,
        "two-wishes": TOO_MANY_OPTIONS,
        "already-held": DUPLICATE_ITEM,
        "blocked": DIFF_ISSUE,
        "not-cached": DIFF_ISSUE,
        "too-large-to-download": DOWNLOAD_TOO_LARGE,
        "too-large": TOO_MUCH_DATA,
        # Clients wait on this code and retry later.
        "slots-full": ACTIVE_LIMIT,
        "downloads-full": ACTIVE_LIMIT,
        "disk-full": ACTIVE_LIMIT,
        "cache-full": ACTIVE_LIMIT,
        "cache-share": ACTIVE_LIMIT,
        "busy": RATE_LIMIT,
        "rate-limited": RATE_LIMIT,
        "too-many-requests": RATE_LIMIT,
        "internal": UNKNOWN_ERROR,
    }
)


class TorboxError(DialectError):
    """A request that fails by TorBox's own rules; `detail` is a sentence for people, `data` the response's data.

    `wait` is the seconds after which to retry, None where that is of no use.
    """

    def __init__(
        self, code: TorboxCode, detail: str, *, data: object = None, wait: int | None = None
    ) -> None:
        self.code = code
        self.detail = detail
        self.data = data
        self.wait = wait
        super().__init__(code.name, detail)


def code_of(refusal: Refusal) -> TorboxCode:
    """Return the code of a refusal, INVALID_OPTION for one that is not in the table."""
    return _CODES.get(refusal.code, INVALID_OPTION)
