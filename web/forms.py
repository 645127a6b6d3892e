"""Reads the fields of a form, urlencoded or multipart, within limits of bytes and count."""

from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from bittorrent.refusal import Refusal
from doors.request_limits import Body, FormReader
from doors.services import Services

LONGEST_FORM = 1 << 20
MOST_FIELDS = 64
FILE_FIELD = "torrent"


async def read_fields(request: Request, services: Services) -> tuple[dict[str, str], bytes]:
    """Return the fields of a form, the last value of each, and the file that came with them, b"" for none.

    Refusal: `bad-request`, `too-large`, `busy`.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        async with Body(request, LONGEST_FORM + services.uploads.limit, services.memory) as body:
            return await _parts(request, body)
    if kind != "application/x-www-form-urlencoded":
        raise Refusal("bad-request", "it is no form")
    async with Body(request, LONGEST_FORM, services.memory) as body:
        text = (await body.read()).decode("utf-8", "replace")
        try:
            return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)), b""
        except ValueError:
            raise Refusal("bad-request", f"at most {MOST_FIELDS} fields") from None


async def _parts(request: Request, body: Body) -> tuple[dict[str, str], bytes]:
    reader = FormReader(
        request.headers, body.stream(), max_files=2, max_fields=MOST_FIELDS, max_part_size=LONGEST_FORM
    )
    try:
        form = await reader.parse()
    except MultiPartException:
        raise Refusal("bad-request", "the form cannot be read") from None
    try:
        texts = {name: value for name, value in form.multi_items() if isinstance(value, str)}
        file = form.get(FILE_FIELD)
        return texts, await file.read() if isinstance(file, UploadFile) else b""
    finally:
        await form.close()
