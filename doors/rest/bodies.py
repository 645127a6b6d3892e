"""Request bodies of the REST API: JSON objects and multipart forms, within limits of size and depth."""

import json
import re
import sys
from typing import Any, NoReturn

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from bittorrent.refusal import Refusal
from catalogue import fields
from catalogue.fields import FieldTable, TextField, TextListField
from doors.request_limits import Body
from doors.rest.parameters import FieldValues, repeated_error

MAX_BODY = 64 * 1024
MAX_DEPTH = 16
_MAX_FIELDS = 512
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)

FieldErrors = dict[str, list[str]]


def max_body_size(table: FieldTable) -> int:
    """Return the largest size in bytes of a body with these fields; long texts add to it."""
    # A character beyond the basic plane is written as two escapes of six bytes.
    longest = sum(
        12 * field.longest for field in table.values() if isinstance(field, TextField) and field.prose
    )
    return MAX_BODY + longest


def content_type(request: Request) -> str:
    """Return the media type of the body, in lower case, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_json(
    request: Request, body: Body, table: FieldTable, required: tuple[str, ...]
) -> FieldValues:
    """Read a JSON object of fields. Refusal: `bad-request`, `too-large`, `busy`, `invalid`."""
    if content_type(request) != "application/json":
        raise Refusal("bad-request", "send Content-Type: application/json")
    return FieldValues(fields.validate(parse_json(await body.read()), table, required))


def parse_json(raw: bytes) -> dict[str, Any]:
    """Parse one JSON object; Refusal "bad-request" for anything else."""
    try:
        text = raw.decode()
        _check_depth(text)
        value = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_reject_constant)
    except (ValueError, RecursionError):
        raise Refusal("bad-request", "the body is not JSON") from None
    if not isinstance(value, dict):
        raise Refusal("bad-request", "the body is no JSON object")
    return value


def _check_depth(text: str) -> None:
    depth = 0
    for match in _BRACKETS.finditer(text):
        bracket = match[0]
        depth += (bracket in "[{") - (bracket in "]}")
        if depth > MAX_DEPTH:
            raise Refusal("bad-request", f"the body nests deeper than {MAX_DEPTH}")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Refusal("bad-request", "the body names a key twice")
    return value


def _reject_constant(text: str) -> NoReturn:
    raise ValueError(text)


class _FormReader(MultiPartParser):
    # The body's size is limited and accounted for, so files stay in memory.
    spool_max_size = sys.maxsize


async def read_form(
    request: Request, body: Body, table: FieldTable, required: tuple[str, ...]
) -> tuple[FieldValues, bytes]:
    """Read the fields of a form and its `file`.

    Refusal: `bad-request`, `busy`, `invalid`; a body that is too large is a fault of the file.
    """
    if content_type(request) != "multipart/form-data":
        raise Refusal("bad-request", "send multipart/form-data with a file field named 'file'")
    reader = _FormReader(
        request.headers,
        body.stream(),
        max_files=8,
        max_fields=_MAX_FIELDS,
        max_part_size=max_body_size(table),
    )
    try:
        form = await reader.parse()
    except MultiPartException:
        raise Refusal("bad-request", "the form cannot be read") from None
    except Refusal as refusal:
        raise (file_refusal(refusal) if refusal.code == "too-large" else refusal) from None
    try:
        return await _form_values(form.multi_items(), table, required)
    finally:
        await form.close()


def file_refusal(refusal: Refusal) -> Refusal:
    """Return the validation error of the field `file` for a refused file."""
    return Refusal("invalid", fields={"file": [str(refusal)]})


async def _form_values(
    items: list[tuple[str, UploadFile | str]], table: FieldTable, required: tuple[str, ...]
) -> tuple[FieldValues, bytes]:
    texts, faults = _texts(items, table)
    files = [value for name, value in items if name == "file" and isinstance(value, UploadFile)]
    if len(files) != 1:
        faults["file"] = [repeated_error("file") if files else "The file field is required."]
    try:
        given = fields.validate(fields.from_form(texts, table), table, required)
    except Refusal as refusal:
        raise Refusal("invalid", fields={**refusal.fields, **faults}) from None
    if faults:
        raise Refusal("invalid", fields=faults)
    return FieldValues(given), await files[0].read()


def _texts(
    items: list[tuple[str, UploadFile | str]], table: FieldTable
) -> tuple[dict[str, str], FieldErrors]:
    """Collect the text fields by name; a list may come in several parts."""
    texts: dict[str, str] = {}
    faults: FieldErrors = {}
    for name, value in items:
        if isinstance(value, UploadFile):
            if name != "file":
                texts.setdefault(name, "")
                faults |= {name: ["A file was not expected here."]} if name in table else {}
        elif name in texts and isinstance(table.get(name), TextListField):
            texts[name] += "," + value
        elif name in texts:
            faults |= {name: [repeated_error(name)]} if name in table else {}
        else:
            texts[name] = value
    return texts, faults
