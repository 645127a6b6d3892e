"""What the service keeps of one account, for its owner to take along: one record after the other, without secrets."""

from collections.abc import AsyncIterator, Mapping
from typing import Protocol

AccountRecord = Mapping[str, object]
"""JSON values by name; `kind` says what it is. Hashes are hex, addresses text, times unix seconds."""


class AccountDataStore(Protocol):
    """Reads everything that is kept of an account."""

    def records(self, user: int) -> AsyncIterator[list[AccountRecord]]:
        """Yield it in bounded batches, kind by kind, oldest first."""
        ...
