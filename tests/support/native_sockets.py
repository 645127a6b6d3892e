"""The sockets in C without a server: connections over socket pairs, and all that each of them was sent."""

import select
import socket
import time
from typing import Any

from tests.support.websocket_client import raw_frame

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
_PONG, _TEXT = 0x8A, 0x81


class PairedConnection:
    """One connection: its other side, and the text messages that came there."""

    def __init__(self, sockets: Any, address: bytes, passkey: bytes = b"") -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        assert sockets.adopt(ours.detach(), address, passkey, KEY, b"", None) == 0
        theirs.setblocking(False)
        self.socket = theirs
        self.sent: list[bytes] = []
        self.pongs = 0
        self._unread = b""
        self._open = False

    def send(self, data: bytes) -> None:
        self.socket.setblocking(True)
        self.socket.sendall(data)
        self.socket.setblocking(False)

    def read(self) -> None:
        """Take what has come."""
        while True:
            try:
                came = self.socket.recv(1 << 16)
            except BlockingIOError:
                break
            if not came:
                break
            self._unread += came
        if not self._open and b"\r\n\r\n" in self._unread:
            self._unread, self._open = self._unread.partition(b"\r\n\r\n")[2], True
        while self._open and len(self._unread) >= 2:
            kind, size, start = self._unread[0], self._unread[1], 2
            if size >= 126:
                start = 4 if size == 126 else 10
                size = int.from_bytes(self._unread[2:start], "big")
            if len(self._unread) < start + size:
                break
            if kind == _TEXT:
                self.sent.append(self._unread[start : start + size])
            self.pongs += kind == _PONG
            self._unread = self._unread[start + size :]


class PairedConnections:
    """Several connections to the sockets of one door, by number; what is sent to one is done when `send` returns."""

    def __init__(self, door: Any, addresses: list[bytes]) -> None:
        self._door = door
        self._addresses = addresses
        self._event = door.sockets.start()
        self.open = [PairedConnection(door.sockets, each) for each in addresses]
        self.sent: list[list[bytes]] = [[] for _ in addresses]

    def send(self, number: int, message: bytes, opcode: int = 1) -> None:
        """Send a message on one connection, and wait until every one has what came of it."""
        first = self.open[number]
        first.send(raw_frame(opcode, message))
        self._settle([first])
        self._settle(self.open)

    def end(self, number: int) -> None:
        """Close a connection and open it anew."""
        door, gone = self._door.sockets, self.open[number]
        wanted = door.numbers()["open"] - 1
        self.sent[number] += gone.sent
        gone.socket.close()
        while door.numbers()["open"] != wanted:
            time.sleep(0)
        self.open[number] = PairedConnection(door, self._addresses[number])

    def stop(self) -> list[list[bytes]]:
        """End everything; return all that each connection was sent."""
        self._door.sockets.stop()
        for number, each in enumerate(self.open):
            self.sent[number] += each.sent
            each.socket.close()
        return self.sent

    def _settle(self, connections: list[PairedConnection]) -> None:
        """Wait until each has answered a ping, and with it all that came before."""
        wanted = [each.pongs + 1 for each in connections]
        for each in connections:
            each.send(raw_frame(9, b""))
        while any(each.pongs < pongs for each, pongs in zip(connections, wanted, strict=True)):
            select.select([self._event, *(each.socket for each in self.open)], [], [], 5)
            for row in self._door.sockets.take():
                self._door.answer(*row)
            for each in self.open:
                each.read()
