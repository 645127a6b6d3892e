"""The sweeper: expires silent peers in small steps, one round of all swarms a minute."""

import asyncio
from collections.abc import Callable

from tracker.store import SwarmStore

_STEP = 0.05  # seconds between two steps
_ROUND = 60.0  # seconds for all swarms
_LEAST = 2048  # slots a step, however few there are
_SWARM_COST = 8  # see Swarms.expire


async def sweep(store: SwarmStore, clock: Callable[[], float], step: float = _STEP) -> None:
    """Expire silent peers for ever, a part of them every `step` seconds."""
    while True:
        await asyncio.sleep(step)
        totals = store.totals()
        work = totals.peers + totals.torrents * _SWARM_COST
        store.expire(int(clock()), max(_LEAST, int(work * step / _ROUND)))


def patient(clock: Callable[[], float], seconds: float) -> Callable[[], float]:
    """Return a clock for the sweep after a restart, which stays `seconds` behind for as long, from now on.

    Whoever could not announce while the service was away is not dropped before he could again, so counts do not dip.
    """
    began = clock()

    def behind() -> float:
        now = clock()
        return now - seconds if began <= now < began + seconds else now

    return behind


def sweep_once(store: SwarmStore, now: int) -> int:
    """Expire every silent peer in one go, as after a restore; return how many there were."""
    totals = store.totals()
    return store.expire(now, 2 * (totals.peers + totals.torrents * _SWARM_COST) + _LEAST)
