"""What a fuzz target is: a reader under test, fed with bytes, and what holds for whatever it makes of them."""

from collections.abc import Callable
from dataclasses import dataclass

from bittorrent.refusal import REASONS, Refusal


@dataclass(frozen=True, slots=True)
class Target:
    """`check` raises for an input that breaks a property; `weight` is its share of all inputs.

    `longest` are the bytes of an input, `corpus` the folder of hostile inputs to begin with beside its own seeds.
    """

    check: Callable[[bytes], object]
    weight: int
    longest: int = 4096
    corpus: str = ""

    @property
    def name(self) -> str:
        """The name, which is also that of its folder of inputs."""
        return self.check.__name__.replace("_", "-")


def refused(read: Callable[[], object]) -> object:
    """Return what a reader returns, or the code of its refusal, which has its sentence."""
    try:
        return read()
    except Refusal as refusal:
        assert refusal.code in REASONS
        assert len(str(refusal)) < 1000
        return refusal.code
