"""The tracker's fast path: a uvicorn protocol class that answers announces and scrapes without ASGI.

What it does not answer is passed on to uvicorn's parser unchanged.
"""

import asyncio
from typing import Any, Protocol

from bittorrent.peers import parse_address
from doors.connection_guard import HEAD_LIMIT, GuardedProtocol
from tracker.native_constants import StreamOutcome

_OUT_MOST = 256 << 10
"""Bytes of answers that wait for a client which goes on stopping."""


class Responder(Protocol):
    """Answers complete requests from raw bytes."""

    def answer(self, data: bytes, address: bytes, skip: int = 0, /) -> tuple[bytes, int, int]:
        """Return the answers to the requests from `skip` on, the bytes that these took, and a StreamOutcome."""
        ...

    def answer_stops(self, data: bytes, address: bytes, skip: int = 0, /) -> tuple[bytes, int, int]:
        """Answer like `answer`, as long as the requests are announces that stop."""
        ...

    def serve(self, descriptor: int, data: bytes, address: bytes, /) -> tuple[bytes, int, int] | None:
        """Answer like `answer`, and send as much as the socket accepts at once.

        None when all of `data` was answered and sent; else what was not sent, and the rest as `answer` returns it.
        """
        ...


class FastPathProtocol(GuardedProtocol):
    """The guarded protocol, with announces and scrapes answered before uvicorn parses them."""

    responder: Responder

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's own signature
        super().__init__(*arguments, **named)
        self._address = b""
        self._descriptor = -1
        self._answered_at = 0.0
        self._stops = b""  # of a client that takes no answers: what it began to say
        self._lossy = False  # answers were dropped: nothing can be answered any more

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember the client's address and the socket's descriptor."""
        super().connection_made(transport)
        if self.client is not None:
            self._address = parse_address(self.client[0])
            self._descriptor = transport.get_extra_info("socket").fileno()

    def data_received(self, data: bytes) -> None:
        """Answer the requests at the beginning of the data, and pass on what follows them."""
        if self._stops:
            data, self._stops = self._stops + data, b""
        if self.between_requests and self._address and self.flow.write_paused:
            data = self._take_stops(data)
        elif self.between_requests and self._address:
            # What the transport has buffered must be sent first.
            if self.transport.get_write_buffer_size():
                answered = self.responder.answer(data, self._address)
            elif (served := self.responder.serve(self._descriptor, data, self._address)) is None:
                self._start_keep_alive()
                return
            else:
                answered = served
            data = self._serve(data, *answered)
            if data and self.flow.write_paused:
                data = self._take_stops(data)
        if data:
            super().data_received(data)

    def _serve(self, data: bytes, reply: bytes, at: int, outcome: int) -> bytes:
        """Write the first reply, answer the complete requests after it; return what is left for the parser."""
        if reply:
            self.transport.write(reply)
        while outcome == StreamOutcome.MORE:
            reply, used, outcome = self.responder.answer(data, self._address, at)
            at += used
            if reply:
                self.transport.write(reply)
        if outcome == StreamOutcome.CLOSE:
            self.transport.close()
            return b""
        if at == 0:
            return data
        self._start_keep_alive()
        return data[at:]

    def _take_stops(self, data: bytes) -> bytes:
        """Take what a client says that it stops, though it does not take its answers; return what is for the parser.

        Answers beyond what may wait are dropped, and the connection ends behind those before.
        """
        at, outcome = 0, StreamOutcome.MORE
        while outcome == StreamOutcome.MORE:
            reply, used, number = self.responder.answer_stops(data, self._address, at)
            at, outcome = at + used, StreamOutcome(number)
            if reply and not self._lossy:
                self._lossy = self.transport.get_write_buffer_size() + len(reply) > _OUT_MOST
                if not self._lossy:
                    self.transport.write(reply)
        rest = data[at:]
        if outcome == StreamOutcome.CLOSE:
            self.transport.close()
        elif (self._lossy and outcome == StreamOutcome.AWAY) or len(rest) > HEAD_LIMIT:
            self.transport.abort()
        elif outcome == StreamOutcome.AWAY:
            return rest
        else:
            self._stops = rest
        return b""

    def resume_writing(self) -> None:
        """Go on with what was held back, or end a connection that answers were dropped of."""
        super().resume_writing()
        if self._lossy:
            self.transport.close()
        elif self._stops:
            self.data_received(b"")

    def _start_keep_alive(self) -> None:
        """Start the keep-alive timer; one timer serves many requests."""
        self.guard.unheard.pop(self, None)
        if self._timer is not None:
            self._set_timer(None)
        self._answered_at = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that is idle since the keep-alive time, by the last answer of either path."""
        left = self._answered_at + self.timeout_keep_alive - self.loop.time()
        if left > 0.001:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()
