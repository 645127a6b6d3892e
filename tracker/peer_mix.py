"""The mix of a reply: how many peers of each role and address family it holds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PeerMix:
    """How many peers to take of each pool."""

    seeders4: int = 0
    leechers4: int = 0
    seeders6: int = 0
    leechers6: int = 0


def choose_mix(numwant: int, seeders4: int, leechers4: int, seeders6: int, leechers6: int) -> PeerMix:
    """Return how many of each to give, of what there is, `numwant` in all.

    Each family gets at least a quarter where it has as many, the rest in proportion to what is left; within a
    family seeders are at most three quarters while leechers are there to fill the rest.
    """
    want4, want6 = _families(numwant, seeders4 + leechers4, seeders6 + leechers6)
    take4 = min(seeders4, max(want4 * 3 // 4, want4 - leechers4))
    take6 = min(seeders6, max(want6 * 3 // 4, want6 - leechers6))
    return PeerMix(take4, min(leechers4, want4 - take4), take6, min(leechers6, want6 - take6))


def _families(numwant: int, have4: int, have6: int) -> tuple[int, int]:
    if have4 + have6 <= numwant:
        return have4, have6
    base4, base6 = min(have4, numwant // 4), min(have6, numwant // 4)
    rest = numwant - base4 - base6
    left4, left6 = have4 - base4, have6 - base6
    more6 = rest * left6 // (left4 + left6)
    return base4 + rest - more6, base6 + more6
