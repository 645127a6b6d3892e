"""Hides how an answer is wrapped: success, error, detail and data, as compact JSON."""

import json
from http import HTTPStatus

from starlette.responses import Response

from bittorrent.refusal import Refusal
from doors.torbox.codes import Failure, code_of

HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_CLOSING = frozenset({"too-large", "busy"})
_BUSY_WAIT = 2


def success(data: object, detail: str) -> Response:
    """Return an answer; `detail` is a sentence for people."""
    return _wrap({"success": True, "error": None, "detail": detail, "data": data}, HTTPStatus.OK)


def failure(failed: Failure) -> Response:
    """Return an error; one that passes with time says when to ask again."""
    content = {"success": False, "error": failed.code.name, "detail": failed.detail, "data": failed.data}
    headers = {} if failed.wait is None else {"Retry-After": str(max(1, failed.wait))}
    return _wrap(content, failed.code.status, headers)


def refused(refusal: Refusal) -> Response:
    """Return a refusal in TorBox's codes."""
    wait = _BUSY_WAIT if refusal.code == "busy" else None
    answer = failure(Failure(code_of(refusal), str(refusal), wait=wait))
    if refusal.code in _CLOSING:
        # More of the body may be on its way than is worth reading.
        answer.headers["Connection"] = "close"
    return answer


def _wrap(content: dict[str, object], status: int, headers: dict[str, str] | None = None) -> Response:
    # Without a space: there are clients that look for "success":true in the text.
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    # A name out of a torrent may hold what is no Unicode.
    body = text.encode("utf-8", "replace")
    return Response(body, status, HEADERS | (headers or {}), media_type="application/json")
