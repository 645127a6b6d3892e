"""Tells the tracker what the lists deny, before it is announced to."""

from collections.abc import Callable

from lists.infohashes import ListKind, Lists


async def deny_listed(lists: Lists, deny_all: Callable[[bytes], None]) -> None:
    """Tell the tracker by its `deny_all` what is denied; call it before any announce and any change of the lists."""
    async for packed in lists.packed(ListKind.DENY):
        deny_all(packed)
