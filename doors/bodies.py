"""Request bodies: read within limits of size and shared memory, and parsed as a form or as JSON."""

import contextlib
import json
import re
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NoReturn, Self
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from bittorrent.refusal import Refusal
from doors.connection_memory import BODY_ROOM_SECONDS, held_memory

# Bytes of an oversized body that are read and dropped, so that its sender reads the answer.
DRAINED = 64 * 1024 * 1024
MAX_JSON_DEPTH = 16
JSON = "application/json"
MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"

_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]', re.DOTALL)


class Body:
    """The body of one request, read within `limit` bytes and within what the memory of connections has left.

    Each byte counts `copies` times in it, for what handling it makes of it; room is waited for `room_seconds` at most.

    Used as an async context manager: at its end the memory is released, and after an error a bounded part of
    what is still being sent is read and dropped, because closing the connection would lose the answer. A sender
    that waits for 100 Continue gets none.
    """

    def __init__(
        self,
        request: Request,
        limit: int,
        *,
        told_limit: int | None = None,
        copies: int = 1,
        room_seconds: float = BODY_ROOM_SECONDS,
    ) -> None:
        self._copies = copies
        self._limit = limit
        self._told_limit = told_limit
        self._room_seconds = room_seconds
        self._connection = held_memory(request.scope)
        self._held = 0
        self.received = 0
        self._chunks = request.stream()
        self._waiting = request.headers.get("expect", "").lower() == "100-continue"
        length = request.headers.get("content-length", "")
        self._declared = int(length) if length.isascii() and length.isdecimal() and len(length) < 20 else 0

    def restrict(self, limit: int) -> None:
        """Lower the limit, where the kind of body allows less."""
        if limit < self._limit:
            self._limit, self._told_limit = limit, None

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the chunks; raises Refusal "too-large" once that is known, "busy" when no memory is left.

        Raises Refusal "bad-request" when the client disconnects.
        """
        if self._declared > self._limit:
            raise self._too_large()
        await self._hold(self._declared)
        try:
            async for chunk in self._chunks:
                self.received += len(chunk)
                if self.received > self._limit:
                    raise self._too_large()
                await self._hold(self.received - self._held)
                yield chunk
        except ClientDisconnect:
            raise Refusal("bad-request") from None

    async def read(self) -> bytes:
        """Return all of it; raises Refusal as `stream` does."""
        whole = BytesIO()  # it gives its buffer away, where joining chunks would hold a large body twice
        async for chunk in self.stream():
            whole.write(chunk)
        return whole.getvalue()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._connection is not None:
            self._connection.release(self._held * self._copies)
        if isinstance(error, Exception):
            await self._drain()

    async def _hold(self, size: int) -> None:
        """Hold more bytes; wait for room beside those of other connections. Refusal: `busy`."""
        if self._connection is None or size <= 0:
            return
        if not await self._connection.wait_for(size * self._copies, self._room_seconds):
            raise Refusal("busy")
        self._held += size

    def _too_large(self) -> Refusal:
        return Refusal("too-large", f"at most {self._told_limit or self._limit} bytes")

    async def _drain(self) -> None:
        if self._declared > DRAINED or (self._waiting and not self.received):
            return
        dropped = 0
        with contextlib.suppress(ClientDisconnect):
            async for chunk in self._chunks:
                dropped += len(chunk)
                if dropped > DRAINED:
                    return


def content_type(request: Request) -> str:
    """Return the media type of the body, in lower case, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class FormRules:
    """How a dialect's form may be sent, and the Refusal's code where it is not.

    With `untyped` a body without a content type is read as urlencoded, with `empty` an empty body of any other
    type is an empty form. `max_urlencoded` bounds an urlencoded body further than the endpoint does. With JSON among
    `media` an object of texts, numbers, booleans and nulls is a form too, of `max_text` bytes at most.
    """

    media: frozenset[str] = frozenset({MULTIPART, URLENCODED})
    max_fields: int = 64
    max_files: int = 1
    max_text: int = 1 << 20
    max_urlencoded: int | None = None
    untyped: bool = False
    empty: bool = False
    code: str = "bad-request"
    wrong_type: str = "send a form"


@dataclass(frozen=True, slots=True)
class Form:
    """A form's text fields and files, in the order in which they were sent; `file_names` are the senders'."""

    texts: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()
    file_names: tuple[str, ...] = ()

    def last_texts(self) -> dict[str, str]:
        """Return the last value of each text field."""
        return dict(self.texts)

    def files_of(self, name: str) -> list[bytes]:
        """Return the files of a field."""
        return [data for field, data in self.files if field == name]

    def named_files_of(self, name: str) -> list[tuple[str, bytes]]:
        """Return the files of a field, each with the name that its sender gives it."""
        named = zip(self.files, self.file_names, strict=True)
        return [(called, data) for (field, data), called in named if field == name]


class _MemoryFormParser(MultiPartParser):
    # The body is bounded and accounted for, so files stay in memory.
    spool_max_size = sys.maxsize
    ended = False

    def on_end(self) -> None:
        """Remember that the last boundary has come."""
        self.ended = True


async def read_form(request: Request, body: Body, rules: FormRules) -> Form:
    """Read a form. Refusal: the code of `rules` for what is none, `too-large`, `busy`, `bad-request`."""
    media = content_type(request)
    if media == MULTIPART and MULTIPART in rules.media:
        return await _read_multipart(request, body, rules)
    if URLENCODED in rules.media and (media == URLENCODED or (rules.untyped and not media)):
        if rules.max_urlencoded is not None:
            body.restrict(rules.max_urlencoded)
        text = (await body.read()).decode("utf-8", "replace")
        try:
            return Form(tuple(parse_qsl(text, keep_blank_values=True, max_num_fields=rules.max_fields)))
        except ValueError:
            raise Refusal(rules.code, f"at most {rules.max_fields} fields") from None
    if media == JSON and JSON in rules.media:
        body.restrict(rules.max_text)
        return _json_form(await body.read(), rules)
    if rules.empty and not await body.read():
        return Form()
    raise Refusal(rules.code, rules.wrong_type)


def _json_form(raw: bytes, rules: FormRules) -> Form:
    text = unwrap_json(raw.strip())
    if rules.empty and not text:
        return Form()
    values = {name: value for name, value in parse_json(text).items() if value is not None}
    if len(values) > rules.max_fields:
        raise Refusal(rules.code, f"at most {rules.max_fields} fields")
    if not all(isinstance(value, str | bool | int | float) for value in values.values()):
        raise Refusal(rules.code, "a field is a text, a number, true or false")
    return Form(tuple((name, str(value)) for name, value in values.items()))


async def _read_multipart(request: Request, body: Body, rules: FormRules) -> Form:
    parser = _MemoryFormParser(
        request.headers,
        _without_first_newlines(body.stream()),
        max_files=rules.max_files,
        max_fields=rules.max_fields,
        max_part_size=rules.max_text,
    )
    try:
        form = await parser.parse()
    except MultiPartException:
        raise Refusal(rules.code, "the form cannot be read") from None
    try:
        if body.received and not parser.ended:
            raise Refusal(rules.code, "the form is cut off")
        items = form.multi_items()
        files = [(name, value) for name, value in items if isinstance(value, UploadFile)]
        return Form(
            tuple((name, value) for name, value in items if isinstance(value, str)),
            tuple([(name, await value.read()) for name, value in files]),
            tuple(value.filename or "" for _, value in files),
        )
    finally:
        await form.close()


async def _without_first_newlines(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Drop line breaks before the first boundary: the parser takes what follows them by how the body was cut."""
    begun = False
    async for chunk in chunks:
        rest = chunk if begun else chunk.lstrip(b"\r\n")
        begun = begun or bool(rest)
        yield rest


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


def unwrap_json(raw: bytes) -> bytes:
    """Return the JSON inside a JSON string, as some clients send it; anything else as it is. Refusal: `bad-request`."""
    if not raw.startswith(b'"'):
        return raw
    try:
        text = json.loads(raw)
    except (ValueError, RecursionError):
        raise Refusal("bad-request", "the body is not JSON") from None
    return text.encode("utf-8", "replace").strip() if isinstance(text, str) else raw


def _check_depth(text: str) -> None:
    depth = 0
    for match in _BRACKETS.finditer(text):
        bracket = match[0]
        depth += (bracket in "[{") - (bracket in "]}")
        if depth > MAX_JSON_DEPTH:
            raise Refusal("bad-request", f"the body nests deeper than {MAX_JSON_DEPTH}")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Refusal("bad-request", "the body names a key twice")
    return value


def _reject_constant(text: str) -> NoReturn:
    raise ValueError(text)
