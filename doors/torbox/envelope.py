"""TorBox's response envelope: success, error, detail and data, as compact JSON."""

from http import HTTPStatus

from starlette.responses import Response

from bittorrent.refusal import Refusal
from doors.json_encoding import encode_json
from doors.torbox.error_codes import TorboxError, code_of

HEADERS = {"Cache-Control": "private, no-store"}
_BUSY_WAIT = 2


def success(data: object, detail: str) -> Response:
    """Return a success; `detail` is a sentence for people."""
    return _wrap({"success": True, "error": None, "detail": detail, "data": data}, HTTPStatus.OK)


def failure(failed: TorboxError) -> Response:
    """Return an error, with Retry-After where it has a `wait`."""
    content = {"success": False, "error": failed.code.name, "detail": failed.detail, "data": failed.data}
    headers = {} if failed.wait is None else {"Retry-After": str(max(1, failed.wait))}
    return _wrap(content, failed.code.status, headers)


def refused(refusal: Refusal) -> Response:
    """Return the error for a refusal."""
    wait = _BUSY_WAIT if refusal.code == "busy" else None
    return failure(TorboxError(code_of(refusal), str(refusal), wait=wait))


def _wrap(content: dict[str, object], status: int, headers: dict[str, str] | None = None) -> Response:
    # Without spaces: some clients search the text for "success":true.
    return Response(encode_json(content), status, HEADERS | (headers or {}), media_type="application/json")
