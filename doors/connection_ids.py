"""The keys behind the connection ids of UDP, current and previous, and a bound on the answers to bad ids."""

from array import array
from hashlib import blake2b
from typing import NamedTuple

from bittorrent.udp import BAD_ANSWERS, BAD_SECONDS, BAD_SLOTS, is_valid_connection_id

KEY_LENGTH = 32
"""Bytes of a key."""

_NETWORK_BYTES = 8
"""An IPv6 address counts as its /64."""


class ConnectionKeys(NamedTuple):
    """The key by which ids are given, and the one before, by which they still hold."""

    current: bytes
    previous: bytes

    def hold(self, connection: bytes, address: bytes, now: int) -> bool:
        """Return whether an id was given to this address lately, by either key."""
        return any(is_valid_connection_id(connection, key, address, now) for key in self)


class BadConnections:
    """Counts bad ids by address, in a table of a fixed size whose places addresses share by a keyed hash.

    Some packets of an address get an answer, so that an honest client asks for another id; the rest of a flood, whose
    sender may be forged, gets none.
    """

    def __init__(self) -> None:
        self._counts = array("I", bytes(4 * BAD_SLOTS))

    def answers(self, keys: ConnectionKeys, address: bytes, now: int) -> bool:
        """Count a bad id of an address; return whether it is still answered."""
        whose = address if len(address) == 4 else address[:_NETWORK_BYTES]
        sealed = blake2b(b"\xff\xff\xff\xff" + whose, key=keys.current, digest_size=4).digest()
        slot = int.from_bytes(sealed[:2], "little") % BAD_SLOTS
        span = now // BAD_SECONDS << 8 & 0xFFFFFFFF
        had = self._counts[slot]
        count = had & 0xFF if had & ~0xFF == span else 0
        if count == BAD_ANSWERS:
            return False
        self._counts[slot] = span | (count + 1)
        return True
