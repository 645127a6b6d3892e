"""Patterns of clients: a beginning of peer ids, and where they tell a version a range of versions (BEP 20).

Three styles tell one: `-UT3550-` (Azureus: 4 characters), `S58B-----` (Shadow: up to 5 characters), `M7-10-5--`
(Mainline: decimal numbers). As text a pattern is its prefix, then perhaps a blank and a range: `-UT 1.8..3.5.4`,
`-TR ..2.9`, `M 4`. Bytes that are not printable, blanks, `%` and `*` are written `%XX`; `*` alone is every client.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from bittorrent.query import PEER_ID_LENGTH
from bittorrent.refusal import Refusal

VERSION_PARTS = 5
"""Parts of a version at most; what is missing is 0."""
PART_MOST = 255
EVERY_CLIENT = "*"
_TEXT_LIMIT = 128
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz."
_OTHER_DIGIT = len(_DIGITS)
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_PREFIX = re.compile(r"(?:[!-$&-)+-~]|%[0-9A-Fa-f]{2})+")
_RANGE = re.compile(r"((?:\d{1,3}(?:\.\d{1,3}){0,4})?)(?:(\.\.)((?:\d{1,3}(?:\.\d{1,3}){0,4})?))?")
_MAINLINE = frozenset(b"MQ")

Version = tuple[int, int, int, int, int]
LOWEST: Version = (0, 0, 0, 0, 0)
HIGHEST: Version = (PART_MOST, PART_MOST, PART_MOST, PART_MOST, PART_MOST)


class VersionStyle(IntEnum):
    """How a peer id tells the version of its client; ANY: it is not looked at."""

    ANY = 0
    AZUREUS = 1
    SHADOW = 2
    MAINLINE = 3


@dataclass(frozen=True, slots=True)
class ClientPattern:
    """Peer ids that begin with `prefix` and, unless `style` is ANY, tell a version from `low` to `high`."""

    prefix: bytes
    style: VersionStyle = VersionStyle.ANY
    low: Version = LOWEST
    high: Version = HIGHEST

    @classmethod
    def parse(cls, text: str) -> "ClientPattern":
        """Read a pattern. Refusal: `bad-client`."""
        prefix, _, versions = text.strip().partition(" ")
        if len(text) > _TEXT_LIMIT or not (prefix == EVERY_CLIENT or _PREFIX.fullmatch(prefix)):
            raise Refusal("bad-client")
        raw = b"" if prefix == EVERY_CLIENT else _unescape(prefix)
        if len(raw) > PEER_ID_LENGTH:
            raise Refusal("bad-client", "a peer id has 20 bytes")
        if not versions.strip():
            return cls(raw)
        style = _style_of(raw)
        if style is VersionStyle.ANY:
            raise Refusal("bad-client", "only peer ids like -XX or a single letter tell a version")
        return cls(raw, style, *_read_range(versions.strip()))

    def matches(self, peer_id: bytes) -> bool:
        """Return whether a peer id is one of these."""
        if not peer_id.startswith(self.prefix):
            return False
        return self.style is VersionStyle.ANY or self.low <= version_of(peer_id, self.style) <= self.high

    def __str__(self) -> str:
        prefix = "".join(map(_escape, self.prefix)) or EVERY_CLIENT
        if self.style is VersionStyle.ANY:
            return prefix
        return f"{prefix} {_dotted(self.low, 0)}..{_dotted(self.high, PART_MOST)}"


def version_of(peer_id: bytes, style: VersionStyle) -> Version:
    """Return the version that a peer id of 20 bytes tells; of what it does not tell every part is 0."""
    parts: list[int] = []
    if style is VersionStyle.AZUREUS:
        parts = [_digit(each) for each in peer_id[3:7]]
    elif style is VersionStyle.SHADOW:
        parts = [_digit(each) for each in peer_id[1:6].partition(b"-")[0]]
    elif style is VersionStyle.MAINLINE:
        for each in peer_id[1:].split(b"-", VERSION_PARTS)[:VERSION_PARTS]:
            if not 1 <= len(each) <= 3 or not each.isdigit():
                break
            parts.append(min(int(each), PART_MOST))
    return _filled(parts, 0)


def _filled(parts: Sequence[int], rest: int) -> Version:
    filled = [*parts, *[rest] * VERSION_PARTS]
    return (filled[0], filled[1], filled[2], filled[3], filled[4])


def _digit(byte: int) -> int:
    found = _DIGITS.find(chr(byte))
    return found if found >= 0 else _OTHER_DIGIT


def _style_of(prefix: bytes) -> VersionStyle:
    if len(prefix) == 3 and prefix.startswith(b"-"):
        return VersionStyle.AZUREUS
    if len(prefix) == 1 and prefix.isalnum():
        return VersionStyle.MAINLINE if prefix[0] in _MAINLINE else VersionStyle.SHADOW
    return VersionStyle.ANY


def _read_range(text: str) -> tuple[Version, Version]:
    found = _RANGE.fullmatch(text)
    if found is None:
        raise Refusal("bad-client", "versions are 3.5, 1.8..3.5.4, 1.8.. or ..3.5.4")
    first, between, last = found.groups()
    low = [int(part) for part in first.split(".") if part]
    high = [int(part) for part in (last if between else first).split(".") if part]
    if any(part > PART_MOST for part in (*low, *high)):
        raise Refusal("bad-client", f"a part of a version is at most {PART_MOST}")
    if _filled(low, 0) > _filled(high, PART_MOST):
        raise Refusal("bad-client", "the lower version comes first")
    return _filled(low, 0), _filled(high, PART_MOST)


def _dotted(version: Version, rest: int) -> str:
    parts = list(version)
    while parts and parts[-1] == rest:
        parts.pop()
    return ".".join(map(str, parts))


def _escape(byte: int) -> str:
    return chr(byte) if 0x21 <= byte <= 0x7E and byte not in b"%*" else f"%{byte:02X}"


def _unescape(text: str) -> bytes:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text).encode("latin-1")
