"""The handshake of the tracker over WebSocket (RFC 6455 § 4.2): which requests ask for it, and who may have it."""

from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable
from dataclasses import dataclass

from bittorrent.addresses import is_private
from bittorrent.passkey import PASSKEY_MOST, read_path, read_query
from bittorrent.refusal import REASONS, Refusal
from doors.client_address import ClientAddress
from doors.connection_guard import UpgradedConnection
from doors.root_path import below

_PATHS = (b"/announce", b"/")
_VERSION = b"13"
_KEY_BYTES = 16

_OTHER_VERSION = (
    b"HTTP/1.1 426 Upgrade Required\r\nupgrade: websocket\r\nconnection: close\r\n"
    b"sec-websocket-version: 13\r\ncontent-length: 0\r\n\r\n"
)
_REFUSED = (
    b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\n\r\n%b"
)


@dataclass(frozen=True, slots=True)
class Handshake:
    """One that is good: the client's address, its passkey as the URL brought it, and its key in base64."""

    address: bytes
    passkey: bytes
    key: bytes


class HandshakeRefused(Exception):
    """A handshake is refused with an HTTP answer, behind which the connection ends."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer
        super().__init__(answer)


class Handshakes:
    """Reads handshakes; paths may begin with `root`."""

    def __init__(self, clients: ClientAddress, root: bytes, *, refuse_private: bool) -> None:
        self._clients = clients
        self._root = root
        self._refuse_private = refuse_private

    def takes(self, method: bytes, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Return whether a head that asks for another protocol asks for this one; names of headers in lower case."""
        asked = [value.strip().lower() for name, value in headers if name == b"upgrade"]
        path = below(url.partition(b"?")[0], self._root)
        return method == b"GET" and asked == [b"websocket"] and (path in _PATHS or bool(_in_path(path)))

    def read(self, upgraded: UpgradedConnection, *, private: bool) -> Handshake:
        """Read the handshake of a connection; in private mode a passkey may stand in the query.

        Raises HandshakeRefused.
        """
        headers = upgraded.scope["headers"]
        if _values(headers, b"sec-websocket-version") != [_VERSION]:
            raise HandshakeRefused(_OTHER_VERSION)
        keys = _values(headers, b"sec-websocket-key")
        if len(keys) != 1 or not _is_key(keys[0]):
            raise HandshakeRefused(_refused(b"400 Bad Request", "bad-request"))
        try:
            address = self._clients.of(upgraded.scope)
            if self._refuse_private and is_private(address):
                raise Refusal("private-address")
        except Refusal as refusal:
            raise HandshakeRefused(_refused(b"403 Forbidden", refusal.code)) from None
        return Handshake(address, self._passkey(upgraded.url, private=private), keys[0])

    def _passkey(self, url: bytes, *, private: bool) -> bytes:
        """Return the passkey in a URL: in its path, or where one is needed in its query."""
        path, _, query = url.partition(b"?")
        found = _in_path(below(path, self._root))
        if not found and private:
            found = read_query(query)[: PASSKEY_MOST + 1]  # one that is longer is unknown
        return found


def busy() -> bytes:
    """Return the answer to a handshake for which there is no room."""
    return _refused(b"503 Service Unavailable", "busy")


def _in_path(path: bytes) -> bytes:
    """Return the passkey in the path of an announce, empty where there is none."""
    found = read_path(path)
    return found.passkey if found is not None and found.action == "announce" else b""


def _values(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    return [value.strip() for name, value in headers if name == wanted]


def _is_key(value: bytes) -> bool:
    try:
        return len(b64decode(value, validate=True)) == _KEY_BYTES
    except Base64Error:
        return False


def _refused(status: bytes, code: str) -> bytes:
    body = REASONS[code].sentence.encode()
    return _REFUSED % (status, len(body), body)
