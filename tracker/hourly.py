"""What a ledger does once an hour, again and again."""

import asyncio
from collections.abc import Awaitable, Callable

EVERY = 3600
"""Seconds between two turns."""


async def repeat(
    work: Callable[[], Awaitable[object]], every: float, report: Callable[[Exception], None]
) -> None:
    """Do work for ever, first after one pause; what it raises is reported, and the next turn tries again."""
    while True:
        await asyncio.sleep(every)
        try:
            await work()
        except Exception as error:
            report(error)
