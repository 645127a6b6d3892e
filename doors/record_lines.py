"""Records as JSON lines, streamed, as an attachment."""

from collections.abc import AsyncIterator, Mapping

from starlette.responses import StreamingResponse

from doors.http_headers import attachment
from doors.json_encoding import encode_json

MEDIA_TYPE = "application/x-ndjson"


def record_lines(batches: AsyncIterator[list[Mapping[str, object]]], name: str) -> StreamingResponse:
    """Return the response with a line for each record, under a file name."""

    async def lines() -> AsyncIterator[bytes]:
        async for batch in batches:
            yield b"".join(encode_json(record) + b"\n" for record in batch)

    headers = {"Content-Disposition": attachment(name), "Cache-Control": "private, no-store"}
    return StreamingResponse(lines(), headers=headers, media_type=MEDIA_TYPE)
