"""What maintenance did, told to whoever keeps a log of it."""

from collections.abc import Mapping
from typing import Protocol


class NoteMaintenance(Protocol):
    """Notes what was done, since a unix time until now, with numbers and names; it never raises."""

    async def __call__(
        self, what: str, began: float, details: Mapping[str, object], *, well: bool = True
    ) -> None:
        """`well` says whether all went well."""
        ...


async def note_nowhere(what: str, began: float, details: Mapping[str, object], *, well: bool = True) -> None:
    """Note it nowhere."""
