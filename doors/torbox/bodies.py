"""Request bodies of the TorBox API: forms in either encoding, and JSON, also when encoded twice."""

import json
from dataclasses import dataclass
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from bittorrent.magnet import LONGEST_MAGNET
from bittorrent.refusal import Refusal
from doors.request_limits import Body, BodyMemory, FormReader
from doors.rest.bodies import content_type, parse_json
from doors.torbox.error_codes import BOZO_TORRENT, INVALID_OPTION, TorboxError
from doors.torbox.parameters import TorboxParameters, read_number

MAX_JSON = 256 * 1024
_TEXT_BYTES = 4 * LONGEST_MAGNET  # a magnet link with every character percent-encoded, and the rest
_MAX_FIELDS = 64


@dataclass(frozen=True, slots=True)
class TorboxForm:
    """A form's text fields, and its file or None."""

    texts: TorboxParameters
    file: bytes | None


async def read_form(request: Request, largest: int, memory: BodyMemory) -> TorboxForm:
    """Read a form with a file of at most `largest` bytes.

    Failure INVALID_OPTION, BOZO_TORRENT (a file that is sent as text). Refusal: `too-large`, `busy`.
    """
    async with Body(request, largest + _TEXT_BYTES, memory) as body:
        kind = content_type(request)
        if kind == "multipart/form-data":
            return await _multipart(request, body)
        if kind in {"application/x-www-form-urlencoded", ""}:
            return _urlencoded(await body.read())
        if await body.read():
            raise TorboxError(INVALID_OPTION, "Send a form, urlencoded or as multipart/form-data.")
        return TorboxForm(TorboxParameters({}), None)


async def read_json(request: Request, memory: BodyMemory) -> dict[str, object]:
    """Read a JSON object, also one inside a JSON string, as some clients send it; an empty body is `{}`.

    Refusal: `bad-request`, `too-large`, `busy`.
    """
    async with Body(request, MAX_JSON, memory) as body:
        raw = (await body.read()).strip()
    if raw.startswith(b'"'):
        raw = _unwrap(raw)
    return parse_json(raw) if raw else {}


def number_in(values: dict[str, object], name: str) -> int | None:
    """Return a whole number of a JSON object, sent as such or as text; None where it is missing.

    Failure INVALID_OPTION.
    """
    value = values.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TorboxError(INVALID_OPTION, f"The option {name} is a whole number.")
    return read_number(name, value.strip() if isinstance(value, str) else str(value))


def _unwrap(raw: bytes) -> bytes:
    try:
        text = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refusal("bad-request", "the body is not JSON") from None
    return text.encode("utf-8", "replace").strip() if isinstance(text, str) else raw


def _urlencoded(raw: bytes) -> TorboxForm:
    try:
        pairs = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
    except ValueError:
        raise TorboxError(INVALID_OPTION, "The form has too many fields.") from None
    return _form(TorboxParameters.of(pairs), [])


async def _multipart(request: Request, body: Body) -> TorboxForm:
    reader = FormReader(
        request.headers, body.stream(), max_files=4, max_fields=_MAX_FIELDS, max_part_size=_TEXT_BYTES
    )
    try:
        form = await reader.parse()
    except MultiPartException:
        raise TorboxError(INVALID_OPTION, "The form cannot be read.") from None
    try:
        items = form.multi_items()
        files = [
            await value.read() for name, value in items if name == "file" and isinstance(value, UploadFile)
        ]
        return _form(
            TorboxParameters.of([(name, value) for name, value in items if isinstance(value, str)]), files
        )
    finally:
        await form.close()


def _form(texts: TorboxParameters, files: list[bytes]) -> TorboxForm:
    if texts.text("file"):
        raise TorboxError(BOZO_TORRENT, "Send the .torrent as a file part of multipart/form-data.")
    return TorboxForm(texts, files[-1] if files else None)
