"""A client over WebSocket that sends whatever bytes a test wants, and reads messages."""

import asyncio
import json
import os
from typing import Any

from wsproto.frame_protocol import FrameProtocol, Opcode

PATIENCE = 20
HEAD = (
    b"GET %b HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%b\r\n"
)
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""The answer to that key, from RFC 6455 § 1.3."""


def raw_frame(opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0, masked: bool = True) -> bytes:
    """Write one frame, a wrong one too."""
    size, mask = len(payload), os.urandom(4)
    head = bytes([fin << 7 | rsv << 4 | opcode])
    bit = masked << 7
    if size < 126:
        head += bytes([bit | size])
    elif size < 1 << 16:
        head += bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([bit | 127]) + size.to_bytes(8, "big")
    if not masked:
        return head + payload
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


class WebSocketClient:
    """One connection; `said` is the head of the server's answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: bytes) -> None:
        self.reader = reader
        self.writer = writer
        self.said = said
        self._frames = FrameProtocol(client=True, extensions=[])
        self._queue: list[tuple[Opcode, Any]] = []

    @classmethod
    async def open(
        cls, port: int, path: bytes = b"/announce", headers: bytes = b"", early: bytes = b""
    ) -> "WebSocketClient":
        """Connect and shake hands; `early` is sent with the head."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD % (path, headers) + early)
        said = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
        return cls(reader, writer, said)

    def send(self, message: Any, opcode: int = 1) -> None:
        """Send a value as JSON, or a text as it is."""
        text = message if isinstance(message, str) else json.dumps(message)
        self.writer.write(raw_frame(opcode, text.encode()))

    def send_raw(self, data: bytes) -> None:
        self.writer.write(data)

    async def frame(self) -> tuple[Opcode, Any]:
        """Return the next frame's opcode and payload; a message in pieces is joined."""
        pieces: list[Any] = []
        while True:
            while self._queue:
                opcode, payload, finished = self._queue.pop(0)  # type: ignore[misc]
                pieces.append(payload)
                if finished:
                    joined = pieces[0] if len(pieces) == 1 else pieces[0].__class__().join(pieces)
                    return opcode, joined
            data = await asyncio.wait_for(self.reader.read(65536), PATIENCE)
            if not data:
                raise EOFError
            self._frames.receive_bytes(data)
            for each in self._frames.received_frames():
                self._queue.append((each.opcode, each.payload, each.message_finished))  # type: ignore[arg-type]

    async def hear(self) -> Any:
        """Return the next message, read as JSON."""
        opcode, payload = await self.frame()
        assert opcode is Opcode.TEXT, (opcode, payload)
        return json.loads(payload)

    async def ask(self, message: Any, opcode: int = 1) -> Any:
        self.send(message, opcode)
        return await self.hear()

    async def closed(self) -> int | None:
        """Return the code of the server's close frame, None where the connection ends without one."""
        code = None
        while True:
            try:
                opcode, payload = await self.frame()
            except (EOFError, ConnectionResetError):
                return code
            if opcode is Opcode.CLOSE:
                code = int(payload[0])

    def abort(self) -> None:
        self.writer.transport.abort()
