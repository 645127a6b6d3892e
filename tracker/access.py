"""Who may announce at all, by client and by address: rules, and the table of them that a store looks up.

The narrowest rule decides: of those for a peer id the one with the longest prefix, then one of a range of versions,
then a denial; of those for an address the one of the smallest network. Where none holds, everybody may.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from itertools import islice
from struct import Struct

from bittorrent.client_pattern import ClientPattern, VersionStyle
from bittorrent.refusal import REASONS, Refusal
from tracker.model import AnnounceFailure

MOST_CLIENT_RULES = 4_096
MOST_ADDRESS_RULES = 500_000
DENIAL_MOST = 255
"""Bytes of what a client is told at most."""
ADDRESS_DENIED = "address-denied"
CLIENT_DENIED = "client-denied"
MOST_REASONS = 65_536
"""Different reasons that are told; beyond that the plain sentence is."""

_CLIENT_ROW = Struct("=BBBB20s5s5s2xI")
_WIDTHS = (4, 16)

Network = IPv4Network | IPv6Network


class ToldRefusal(Refusal):
    """A refusal by the lists; `text` is what a client is told, at most DENIAL_MOST bytes."""

    def __init__(self, code: str, text: bytes) -> None:
        super().__init__(code)
        self.text = text


class AccessDenied(ToldRefusal):
    """A rule denies a client or an address."""


@dataclass(frozen=True, slots=True)
class ClientRule:
    """Whether clients of a pattern may announce, and why not."""

    pattern: ClientPattern
    denied: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AddressRule:
    """Whether the addresses of a network may announce, and why not."""

    network: Network
    denied: bool
    reason: str = ""


class _Texts:
    """What is told, each text once, by number; 0 is nothing, because it is allowed."""

    def __init__(self) -> None:
        self.texts: list[bytes] = [b""]
        self._numbers: dict[tuple[str, str], int] = {}

    def number(self, code: str, reason: str, *, denied: bool) -> int:
        if not denied:
            return 0
        if (code, reason) not in self._numbers and len(self.texts) >= MOST_REASONS:
            reason = ""
        found = self._numbers.setdefault((code, reason), len(self.texts))
        if found == len(self.texts):
            self.texts.append(denial_text(code, reason))
        return found


def told(refusal: Refusal) -> bytes:
    """Return what a client of the tracker is told that is refused."""
    return refusal.text if isinstance(refusal, ToldRefusal) else refusal.reason.sentence.encode()


def refusal_of(failure: AnnounceFailure) -> Refusal:
    """Return the refusal of a refused announce."""
    return ToldRefusal(failure.code, failure.text) if failure.text else Refusal(failure.code)


def denial_text(code: str, reason: str) -> bytes:
    """Return the sentence of a code with an operator's reason behind it, in UTF-8, cut at DENIAL_MOST bytes."""
    text = f"{REASONS[code].sentence}: {reason}" if reason else REASONS[code].sentence
    return text.encode(errors="replace")[:DENIAL_MOST].decode(errors="ignore").encode()


@dataclass(frozen=True, slots=True)
class AddressRanges:
    """The addresses of one family cut into ranges: where each begins, and the number of what it is told."""

    starts: Sequence[int] = ()
    numbers: Sequence[int] = ()

    def number(self, address: bytes) -> int:
        """Return what an address is told, 0 for nothing."""
        at = bisect_right(self.starts, int.from_bytes(address, "big"))
        return self.numbers[at - 1] if at else 0


@dataclass(frozen=True, slots=True)
class AccessTable:
    """Rules in the form that is looked up: clients in the order of their precedence, ranges of both families."""

    texts: Sequence[bytes] = (b"",)
    clients: Sequence[tuple[ClientPattern, int]] = ()
    v4: AddressRanges = field(default_factory=AddressRanges)
    v6: AddressRanges = field(default_factory=AddressRanges)

    @classmethod
    def of(cls, clients: Iterable[ClientRule], addresses: Iterable[AddressRule]) -> "AccessTable":
        """Make the table of rules; of more than the most the rest is left out."""
        texts = _Texts()
        rules = list(islice(addresses, MOST_ADDRESS_RULES))
        return cls(
            clients=_ordered(islice(clients, MOST_CLIENT_RULES), texts),
            v4=_ranges((each for each in rules if each.network.version == 4), 32, texts),
            v6=_ranges((each for each in rules if each.network.version == 6), 128, texts),
            texts=texts.texts,
        )

    @property
    def empty(self) -> bool:
        """Whether there is no rule."""
        return not (self.clients or self.v4.starts or self.v6.starts)

    def check(self, address: bytes, peer_id: bytes) -> None:
        """Refuse an address of 4 or 16 bytes, or a peer id, of which an empty one is not looked at. AccessDenied."""
        ranges = self.v4 if len(address) == _WIDTHS[0] else self.v6
        if number := ranges.number(address):
            raise AccessDenied(ADDRESS_DENIED, self.texts[number])
        if peer_id:
            for pattern, number in self.clients:
                if pattern.matches(peer_id):
                    if number:
                        raise AccessDenied(CLIENT_DENIED, self.texts[number])
                    return

    def packed_clients(self) -> bytes:
        """Return the clients as rows of 40 bytes: length, style, 2 unused, prefix, low, high, 2 unused, number."""
        return b"".join(
            _CLIENT_ROW.pack(
                len(each.prefix), each.style, 0, 0, each.prefix, bytes(each.low), bytes(each.high), number
            )
            for each, number in self.clients
        )


def _ordered(rules: Iterable[ClientRule], texts: _Texts) -> list[tuple[ClientPattern, int]]:
    ordered = sorted(
        rules,
        key=lambda rule: (
            -len(rule.pattern.prefix),
            rule.pattern.prefix,
            rule.pattern.style is VersionStyle.ANY,
            not rule.denied,
            str(rule.pattern),
        ),
    )
    return [(rule.pattern, texts.number(CLIENT_DENIED, rule.reason, denied=rule.denied)) for rule in ordered]


def _ranges(rules: Iterable[AddressRule], bits: int, texts: _Texts) -> AddressRanges:
    """Cut the networks of one family, which lie beside or within each other, into ranges."""
    starts: list[int] = []
    numbers: list[int] = []
    for start, number in _edges(_sorted(rules, texts), 1 << bits):
        if starts and starts[-1] == start:
            numbers[-1] = number
        elif number != (numbers[-1] if numbers else 0):
            starts.append(start)
            numbers.append(number)
    return AddressRanges(starts, numbers)


def _sorted(rules: Iterable[AddressRule], texts: _Texts) -> list[tuple[int, int, int]]:
    """Return first address, prefix length and number of each, a denial last of one network, so that it counts."""
    rows = [
        (
            int(each.network.network_address),
            each.network.prefixlen,
            texts.number(ADDRESS_DENIED, each.reason, denied=each.denied),
        )
        for each in rules
    ]
    rows.sort(key=lambda row: (row[0], row[1], row[2] != 0))
    return rows


def _edges(rows: Iterable[tuple[int, int, int]], end_of_all: int) -> Iterator[tuple[int, int]]:
    """Yield where what is told may change: at the beginning of a network, and behind its end."""
    around: list[tuple[int, int]] = []  # end, number; the widest first
    for start, length, number in rows:
        while around and around[-1][0] <= start:
            yield around.pop()[0], around[-1][1] if around else 0
        around.append((start + end_of_all // (1 << length), number))
        yield start, number
    while around:
        end, _ = around.pop()
        if end < end_of_all:
            yield end, around[-1][1] if around else 0
