"""Request bodies of the TorBox API: forms in either encoding, and JSON, also when encoded twice."""

from dataclasses import dataclass

from bittorrent.magnet import LONGEST_MAGNET
from doors.bodies import JSON, MULTIPART, URLENCODED, Body, Form, FormRules, parse_json, unwrap_json
from doors.torbox.error_codes import BOZO_TORRENT, INVALID_OPTION, TorboxError
from doors.torbox.parameters import TorboxParameters, read_number

MAX_JSON = 256 * 1024
MAX_TEXT = 4 * LONGEST_MAGNET
"""Bytes of a form beside its file: a magnet link with every character percent-encoded, and the rest."""
FORM = FormRules(
    media=frozenset({JSON, MULTIPART, URLENCODED}),
    max_fields=64,
    max_files=4,
    max_text=MAX_TEXT,
    untyped=True,
    empty=True,
    wrong_type="send a form, urlencoded or as multipart/form-data, or a JSON object",
)


@dataclass(frozen=True, slots=True)
class TorboxForm:
    """A form's text fields, and its file or None."""

    texts: TorboxParameters
    file: bytes | None


def torbox_form(form: Form) -> TorboxForm:
    """Return a form by TorBox's rules. TorboxError BOZO_TORRENT: its file is sent as text."""
    texts = TorboxParameters.of(form.texts)
    if texts.text("file"):
        raise TorboxError(BOZO_TORRENT, "Send the .torrent as a file part of multipart/form-data.")
    files = form.files_of("file")
    return TorboxForm(texts, files[-1] if files else None)


async def read_json(body: Body) -> dict[str, object]:
    """Read a JSON object, also one inside a JSON string, as some clients send it; an empty body is `{}`.

    Refusal: `bad-request`, `too-large`, `busy`.
    """
    raw = unwrap_json((await body.read()).strip())
    return parse_json(raw) if raw else {}


def number_in(values: dict[str, object], name: str) -> int | None:
    """Return a whole number of a JSON object, sent as such or as text; None where it is missing.

    TorboxError INVALID_OPTION.
    """
    value = values.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TorboxError(INVALID_OPTION, f"The option {name} is a whole number.")
    return read_number(name, value.strip() if isinstance(value, str) else str(value))
