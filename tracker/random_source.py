"""Random numbers from a seed, equal in Python and C, so that two stores give the same answers."""

from typing import Protocol

_MASK = (1 << 64) - 1


class RandomSource(Protocol):
    """A source of uniform random numbers; the order of draws is part of the store's specification."""

    def below(self, bound: int) -> int:
        """Return the next number of 0 .. bound-1, for a bound of 1 .. 2**32."""
        ...


class SplitMix:
    """SplitMix64: one 64-bit state, cheap in C and Python alike; not for secrets."""

    __slots__ = ("_state",)

    def __init__(self, seed: int) -> None:
        self._state = seed & _MASK

    def below(self, bound: int) -> int:
        """Return the upper half of the next output, scaled to the bound by multiply and shift."""
        self._state = state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        return ((state ^ (state >> 31)) >> 32) * bound >> 32
