"""A counter of distinct hashes: a list while they are few, a HyperLogLog beyond.

What is counted depends on which hashes came, never on their order, on how often they came or on how they
were merged. The sketch is Apache DataSketches'; a union of it with itself keeps it from estimating by the
order of arrival, which it would do else.
"""

from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from datasketches import hll_sketch, hll_union

HASH = 8
"""Bytes of a hash."""
EXACT = 256
"""How many hashes are kept as they are; a sketch takes twice the memory of as many."""
LOG_REGISTERS = 12
"""A sketch has 2**12 registers: its standard error is 1.04 / 64, 1.6 %."""

_LIST, _SKETCH = b"\x01", b"\x02"
_SKETCH_WEIGHT = (1 << LOG_REGISTERS) + 512


@cache
def _library() -> ModuleType:
    """Import the library with the first sketch: it brings NumPy along, 16 MB and a tenth of a second."""
    return import_module("datasketches")


class DamagedCounter(Exception):
    """A payload that no version of this program wrote."""


class DistinctCounter:
    """Different hashes of HASH bytes."""

    __slots__ = ("_hashes", "_sketch")

    def __init__(self) -> None:
        self._hashes = bytearray()
        self._sketch: hll_sketch | None = None

    @classmethod
    def unpack(cls, payload: bytes) -> Self:
        """Read what `pack` wrote; raises DamagedCounter."""
        distinct = cls()
        kind, rest = payload[:1], payload[1:]
        if kind == _LIST and len(rest) % HASH == 0 and len(rest) <= EXACT * HASH:
            distinct._hashes = bytearray(rest)
        elif kind == _SKETCH:
            distinct._sketch = _read(rest)
        else:
            raise DamagedCounter("kind or length")
        return distinct

    def pack(self) -> bytes:
        """Return a payload."""
        if self._sketch is not None:
            return _SKETCH + bytes(self._sketch.serialize_compact())
        return _LIST + self._hashes

    def add(self, value: bytes) -> bool:
        """Take a hash; return whether anything may have changed, which a sketch does not know."""
        if self._sketch is not None:
            self._sketch.update(_number(value))
            return True
        if self._find(value):
            return False
        self._hashes += value
        if len(self._hashes) > EXACT * HASH:
            self._grow()
        return True

    def merge(self, other: "DistinctCounter") -> None:
        """Take everything that another one took."""
        if other._sketch is None:
            for at in range(0, len(other._hashes), HASH):
                self.add(bytes(other._hashes[at : at + HASH]))
            return
        if self._sketch is None:
            self._grow()
        assert self._sketch is not None
        self._sketch = _united(self._sketch, other._sketch).get_result(_library().tgt_hll_type.HLL_8)

    def count(self) -> int:
        """Return how many different hashes came: exactly up to EXACT, an estimate above."""
        if self._sketch is None:
            return len(self._hashes) // HASH
        estimate: float = _united(self._sketch, self._sketch).get_estimate()
        return max(EXACT + 1, round(estimate))

    @property
    def is_list(self) -> bool:
        """Whether the hashes are kept as they are."""
        return self._sketch is None

    @property
    def weight(self) -> int:
        """About how many bytes of memory this takes, as a payload while it is a list."""
        return 160 + (len(self._hashes) if self._sketch is None else _SKETCH_WEIGHT)

    def _find(self, value: bytes) -> bool:
        at = self._hashes.find(value)
        while at > 0 and at % HASH:
            at = self._hashes.find(value, at + 1)
        return at >= 0

    def _grow(self) -> None:
        # Made at full size, it has registers from the start, and so never a form that depends on the order.
        library = _library()
        sketch = library.hll_sketch(LOG_REGISTERS, library.tgt_hll_type.HLL_8, True)
        for at in range(0, len(self._hashes), HASH):
            sketch.update(_number(self._hashes[at : at + HASH]))
        self._sketch, self._hashes = sketch, bytearray()


def _number(value: bytes | bytearray) -> int:
    return int.from_bytes(value, "little", signed=True)


def _united(first: "hll_sketch", second: "hll_sketch") -> "hll_union":
    union = _library().hll_union(LOG_REGISTERS)
    union.update(first)
    union.update(second)
    return union


def _read(payload: bytes) -> "hll_sketch":
    try:
        sketch = _library().hll_sketch.deserialize(payload)
    except (IndexError, RuntimeError, ValueError) as error:
        raise DamagedCounter(str(error)) from error
    if sketch.lg_config_k != LOG_REGISTERS:
        raise DamagedCounter("registers")
    return sketch
