"""Tells the tracker what the lists deny, before it is announced to."""

from collections.abc import Callable

from lists.infohashes import ListKind, Lists

PAGE = 20_000
"""Infohashes that are told to the tracker at once."""


async def deny_listed(lists: Lists, deny_all: Callable[[bytes], None]) -> None:
    """Tell the tracker by its `deny_all` what is denied; call it before any announce and any change of the lists."""
    page = await lists.hashes(ListKind.DENY, b"", PAGE)
    while page.packed:
        deny_all(page.packed)
        page = await lists.hashes(ListKind.DENY, page.last, PAGE)
