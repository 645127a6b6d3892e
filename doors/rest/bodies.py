"""Request bodies of the REST API: a JSON object or a multipart form, checked against a table of fields."""

from starlette.requests import Request

from bittorrent.refusal import Refusal
from catalogue import fields
from catalogue.fields import FieldTable, TextField, TextListField
from doors.bodies import MULTIPART, Body, Form, FormRules, content_type, parse_json
from doors.bodies import read_form as parse_form
from doors.rest.parameters import FieldValues, repeated_error

MAX_BODY = 64 * 1024

FieldErrors = dict[str, list[str]]


def max_body_size(table: FieldTable) -> int:
    """Return the largest size in bytes of a body with these fields; long texts add to it."""
    # A character beyond the basic plane is written as two escapes of six bytes.
    longest = sum(
        12 * field.longest for field in table.values() if isinstance(field, TextField) and field.prose
    )
    return MAX_BODY + longest


async def read_json(
    request: Request, body: Body, table: FieldTable, required: tuple[str, ...]
) -> FieldValues:
    """Read a JSON object of fields. Refusal: `bad-request`, `too-large`, `busy`, `invalid`."""
    if content_type(request) != "application/json":
        raise Refusal("bad-request", "send Content-Type: application/json")
    return FieldValues(fields.validate(parse_json(await body.read()), table, required))


async def read_form(
    request: Request, body: Body, table: FieldTable, required: tuple[str, ...]
) -> tuple[FieldValues, bytes]:
    """Read the fields of a form and its `file`.

    Refusal: `bad-request`, `busy`, `invalid`; a body that is too large is a fault of the file.
    """
    rules = FormRules(
        media=frozenset({MULTIPART}),
        max_fields=512,
        max_files=8,
        max_text=max_body_size(table),
        wrong_type="send multipart/form-data with a file field named 'file'",
    )
    try:
        form = await parse_form(request, body, rules)
    except Refusal as refusal:
        raise (file_refusal(refusal) if refusal.code == "too-large" else refusal) from None
    return _form_values(form, table, required)


def file_refusal(refusal: Refusal) -> Refusal:
    """Return the validation error of the field `file` for a refused file."""
    return Refusal("invalid", fields={"file": [str(refusal)]})


def _form_values(form: Form, table: FieldTable, required: tuple[str, ...]) -> tuple[FieldValues, bytes]:
    texts, faults = _texts(form, table)
    files = form.files_of("file")
    if len(files) != 1:
        faults["file"] = [repeated_error("file") if files else "The file field is required."]
    try:
        given = fields.validate(fields.from_form(texts, table), table, required)
    except Refusal as refusal:
        raise Refusal("invalid", fields={**refusal.fields, **faults}) from None
    if faults:
        raise Refusal("invalid", fields=faults)
    return FieldValues(given), files[0]


def _texts(form: Form, table: FieldTable) -> tuple[dict[str, str], FieldErrors]:
    """Collect the text fields by name; a list may come in several parts."""
    texts: dict[str, str] = {}
    faults: FieldErrors = {}
    for name, value in form.texts:
        if name in texts and isinstance(table.get(name), TextListField):
            texts[name] += "," + value
        elif name in texts:
            faults |= {name: [repeated_error(name)]} if name in table else {}
        else:
            texts[name] = value
    for name, _ in form.files:
        if name != "file":
            texts.setdefault(name, "")
            faults |= {name: ["A file was not expected here."]} if name in table else {}
    return texts, faults
