"""Shares of a bounded resource by address and network: who is refused when it runs short."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from bittorrent.addresses import Network, unmap_ipv4

BINDS_ABOVE = 0.8
"""The part of a cap below which nobody is refused."""
NARROW_PART = 8
"""One over the part of what is free that an address (IPv6: its /64) may hold; its wide network may hold all of it."""
_COLUMNS = 1 << 14
_ROWS = 2  # of counters at each width


@dataclass(frozen=True, slots=True)
class ShareTerms:
    """From which part of a cap on shares bind, and the networks that they never bind."""

    binds_above: float = BINDS_ABOVE
    exempt: tuple[Network, ...] = ()

    def threshold(self, cap: int) -> int:
        """Return how much of a cap is in use when shares begin to bind."""
        return int(cap * self.binds_above)


class Exemptions:
    """Networks that no share binds."""

    def __init__(self, networks: Sequence[Network]) -> None:
        self._masks = [
            (len(network.network_address.packed), int(network.netmask), int(network.network_address))
            for network in map(unmap_ipv4, networks)
        ]

    def __contains__(self, address: bytes) -> bool:
        if not self._masks:
            return False
        length, number = len(address), int.from_bytes(address, "big")
        return any(length == width and number & mask == first for width, mask, first in self._masks)


class Shares:
    """How much each address holds of one resource, in memory that does not grow.

    An address of IPv6 counts as its /64. Wide networks, a /24 of IPv4 and a /32 of IPv6, are counted beside it, so
    that whoever owns one gains little by using all of it. The counters are two rows of a count-min sketch at each
    width: what they say is never too little, and too much only for who meets large holders in both rows, which
    the secret `key` leaves to chance.

    Who holds how much may have more depends on what is free: at 90 % of a cap one address may hold an
    eightieth of it, at 99 % an eight-hundredth. So those who hold little are served until nothing is left.
    """

    def __init__(self, terms: ShareTerms, key: bytes) -> None:
        self.terms = terms
        self._exempt = Exemptions(terms.exempt)
        self._key = key
        self._counts = array("q", bytes(8 * 2 * _ROWS * _COLUMNS))

    def add(self, address: bytes, amount: int = 1) -> None:
        """Count what an address (4 or 16 bytes) took."""
        for at in self._places(address):
            self._counts[at] += amount

    def drop(self, address: bytes, amount: int = 1) -> None:
        """Count what an address gave back."""
        self.add(address, -amount)

    def weight(self, address: bytes, wanted: int = 0) -> int:
        """Return how heavily an address uses the resource if it is given `wanted` more; 0 where it is exempt."""
        places = self._places(address)
        if not places:
            return 0
        narrow, wide = (
            min(self._counts[at] for at in places[:_ROWS]),
            min(self._counts[at] for at in places[_ROWS:]),
        )
        return max((narrow + wanted) * NARROW_PART, wide + wanted)

    def refuses(self, address: bytes, used: int, cap: int) -> bool:
        """Return whether an address has more than its share of a resource of which `used` of `cap` is taken."""
        return used >= self.terms.threshold(cap) and self.weight(address) > cap - used

    def halve(self) -> None:
        """Halve every count, for a resource that flows, such as time or bytes sent."""
        self._counts = array("q", [count >> 1 for count in self._counts])

    def exempts(self, address: bytes) -> bool:
        """Return whether no share binds an address."""
        return address in self._exempt

    def _places(self, address: bytes) -> tuple[int, ...]:
        if address in self._exempt:
            return ()
        narrow, wide = networks_of(address)
        return self._columns(narrow, 0) + self._columns(wide, _ROWS)

    def _columns(self, network: bytes, row: int) -> tuple[int, ...]:
        digest = blake2b(network, digest_size=2 * _ROWS, key=self._key, person=bytes([row])).digest()
        return tuple(
            (row + at) * _COLUMNS + int.from_bytes(digest[2 * at : 2 * at + 2], "big") % _COLUMNS
            for at in range(_ROWS)
        )


def networks_of(address: bytes) -> tuple[bytes, bytes]:
    """Return what an address is counted by: itself or its /64, and its /24 or /32."""
    return (address, address[:3]) if len(address) == 4 else (address[:8], address[:4])
