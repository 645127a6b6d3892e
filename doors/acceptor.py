"""Accepts TCP connections on the event loop, and pauses for a moment where no descriptor is left.

The event loop's own server would close what waits in the socket's queue then, or ask for it again and again.
"""

import asyncio
import errno
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from doors.connection_guard import ConnectionGuard, crowded_at

PAUSE = 0.2
"""Seconds without accepting after a descriptor or memory was missing."""
_AT_ONCE = 16  # connections in a row at most, before the event loop goes on: none of them is counted yet
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Acceptor:
    """Accepts on listening sockets for protocols that `make_protocol` returns; `guard` counts its pauses."""

    def __init__(
        self, guard: ConnectionGuard, make_protocol: Callable[[], asyncio.Protocol], *, pause: float = PAUSE
    ) -> None:
        self._guard = guard
        self._make_protocol = make_protocol
        self._pause_seconds = pause
        self._listening: Sequence[socket.socket] = ()
        self._resumption: asyncio.TimerHandle | None = None
        self._adoptions: set[asyncio.Task[None]] = set()
        # Near the cap each ends one that has said nothing, which is gone in the next round of the loop.
        most = guard.max_connections
        self._at_once = max(1, min(_AT_ONCE, (most - crowded_at(most)) // 2)) if most else _AT_ONCE

    @contextmanager
    def serving(self, sockets: Sequence[socket.socket], backlog: int) -> Iterator[None]:
        """Accept on bound sockets until the block ends, which closes them."""
        for each in sockets:
            each.listen(backlog)
        self._listening = sockets
        self._resume()
        try:
            yield
        finally:
            self._stop()
            for each in sockets:
                each.close()

    def _resume(self) -> None:
        loop = asyncio.get_running_loop()
        self._resumption = None
        for each in self._listening:
            loop.add_reader(each, self._accept, each)

    def _stop(self) -> None:
        loop = asyncio.get_running_loop()
        if self._resumption is not None:
            self._resumption.cancel()
        for each in self._listening:
            loop.remove_reader(each)

    def _pause(self) -> None:
        """Leave the sockets' queues alone for a moment: their clients wait, and each stays readable."""
        self._guard.accepting_paused += 1
        self._stop()
        self._resumption = asyncio.get_running_loop().call_later(self._pause_seconds, self._resume)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(self._at_once - len(self._adoptions)):
            try:
                accepted, _ = listening.accept()
            except (ConnectionAbortedError, InterruptedError):
                continue
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._pause()
                return
            accepted.setblocking(False)
            task = asyncio.ensure_future(self._adopt(accepted))
            self._adoptions.add(task)
            task.add_done_callback(self._adoptions.discard)

    async def _adopt(self, accepted: socket.socket) -> None:
        """Add one connection to the event loop."""
        try:
            await asyncio.get_running_loop().connect_accepted_socket(self._make_protocol, accepted)
        except OSError:
            accepted.close()
