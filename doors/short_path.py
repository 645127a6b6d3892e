"""Hides the way around ASGI: a connection's protocol that answers announces and scrapes from its own bytes.

What it does not answer falls through to uvicorn's parser, byte by byte as it came.
"""

import asyncio
from enum import IntEnum
from typing import Any, Protocol

from bittorrent.peers import parse_address
from doors.guard import GuardedProtocol


class Outcome(IntEnum):
    """What follows the requests that were answered."""

    MORE = 0
    """Perhaps whole requests: the buffer for answers was full."""
    PART = 1
    """The beginning of a request, or nothing."""
    AWAY = 2
    """A request for somebody else."""
    CLOSE = 3
    """Nothing that is answered: the connection ends."""


class Desk(Protocol):
    """Whoever answers whole requests from bytes."""

    def answer(self, data: bytes, address: bytes, skip: int = 0, /) -> tuple[bytes, int, int]:
        """Return the answers to the requests from `skip` on, the bytes that these took, and an Outcome."""
        ...

    def serve(self, descriptor: int, data: bytes, address: bytes, /) -> tuple[bytes, int, int] | None:
        """Answer like `answer`, and send what the socket takes at once.

        None when all of `data` was answered and sent; else what was not sent, and the rest as `answer` says it.
        """
        ...


class ShortProtocol(GuardedProtocol):
    """The guarded protocol, with announces and scrapes answered before they are parsed."""

    desk: Desk

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401 - uvicorn's own signature
        super().__init__(*arguments, **named)
        self._address = b""
        self._descriptor = -1
        self._answered = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Learn whose connection it is."""
        super().connection_made(transport)
        if self.client is not None:
            self._address = parse_address(self.client[0])
            self._descriptor = transport.get_extra_info("socket").fileno()

    def data_received(self, data: bytes) -> None:
        """Answer the requests at the front of a piece, and pass on what follows them."""
        if self.between_requests and self._address and not self.flow.write_paused:
            # What the transport has not sent yet must go first.
            if self.transport.get_write_buffer_size():
                answered = self.desk.answer(data, self._address)
            elif (served := self.desk.serve(self._descriptor, data, self._address)) is None:
                self._rest()
                return
            else:
                answered = served
            data = self._serve(data, *answered)
        if data:
            super().data_received(data)

    def _serve(self, data: bytes, reply: bytes, at: int, outcome: int) -> bytes:
        """Write a first reply, answer the whole requests after it; return what is left for the parser."""
        if reply:
            self.transport.write(reply)
        while outcome == Outcome.MORE:
            reply, used, outcome = self.desk.answer(data, self._address, at)
            at += used
            if reply:
                self.transport.write(reply)
        if outcome == Outcome.CLOSE:
            self.transport.close()
            return b""
        if at == 0:
            return data
        self._rest()
        return data[at:]

    def _rest(self) -> None:
        """Start the time that an idle connection is kept; one timer serves many requests."""
        if self._timer is not None:
            self._expect(None)
        self._answered = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has been idle for long enough, by the last answer of either path."""
        left = self._answered + self.timeout_keep_alive - self.loop.time()
        if left > 0.001:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()
