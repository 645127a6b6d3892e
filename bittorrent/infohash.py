"""InfoHash: raw bytes inside the program, hex or base32 outside."""

import base64
import re
from collections.abc import Iterable
from typing import NamedTuple, Self

from bittorrent.refusal import Refusal

V1_LENGTH = 20
V2_LENGTH = 32

_HEX = re.compile(r"[0-9A-Fa-f]{40}(?:[0-9A-Fa-f]{24})?")
_BASE32 = re.compile(r"[A-Za-z2-7]{32}")
_LONGEST_TEXT = 256


class InfoHash(bytes):
    """The raw infohash of a torrent: 20 bytes (version 1, or version 2 truncated) or 32 (version 2, BEP 52).

    Equal to, and hashed like, its bytes. Create one with `parse` or `of`, which check it.
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read 40 or 64 hex digits or 32 base32 characters, in any case; whitespace around them is dropped.

        Raises Refusal("bad-infohash").
        """
        if len(text) > _LONGEST_TEXT:
            raise Refusal("bad-infohash")
        stripped = text.strip()
        if _HEX.fullmatch(stripped):
            return cls(bytes.fromhex(stripped))
        if _BASE32.fullmatch(stripped):
            return cls(base64.b32decode(stripped, casefold=True))
        raise Refusal("bad-infohash")

    @classmethod
    def of(cls, raw: bytes) -> Self:
        """Take exactly 20 or 32 raw bytes; raises Refusal("bad-infohash") for any other length."""
        if len(raw) not in (V1_LENGTH, V2_LENGTH):
            raise Refusal("bad-infohash")
        return cls(raw)

    @property
    def truncated(self) -> "InfoHash":
        """The first 20 bytes, which identify a version 2 torrent at trackers and in the DHT (BEP 52)."""
        return self if len(self) == V1_LENGTH else InfoHash(self[:V1_LENGTH])

    @property
    def is_v2(self) -> bool:
        """Whether this is a full version 2 hash of 32 bytes."""
        return len(self) == V2_LENGTH

    # bytes.upper() and bytes.lower() make no sense for a hash; here both are hex.
    @property
    def upper(self) -> str:  # type: ignore[override]
        """Upper-case hex, as in the cache's URLs."""
        return self.hex().upper()

    @property
    def lower(self) -> str:  # type: ignore[override]
        """Lower-case hex, as in magnet links."""
        return self.hex()

    def __repr__(self) -> str:
        return f"InfoHash({self.hex()!r})"


class HashPage(NamedTuple):
    """Infohashes of 20 bytes, one behind another in any order, and the highest of them; of none both are empty."""

    packed: bytes
    last: bytes

    @classmethod
    def of(cls, hashes: Iterable[bytes]) -> "HashPage":
        """Make a page of ascending infohashes."""
        listed = list(hashes)
        return cls(b"".join(listed), bytes(listed[-1]) if listed else b"")

    def infohashes(self) -> list[InfoHash]:
        """Return them one by one."""
        return [InfoHash(each) for each in hashes_in(self.packed)]


def hashes_in(packed: bytes) -> list[bytes]:
    """Return the infohashes of 20 bytes that stand one behind another."""
    return [packed[start : start + V1_LENGTH] for start in range(0, len(packed), V1_LENGTH)]
