"""Erasure of an account: what is asked for, and the protocol of what does it on disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

ERASED_NAME = "(erased)"
"""The name under which stay what erased accounts left; no account can have it."""


class Writings(StrEnum):
    """What becomes of an erased account's comments and collages."""

    KEEP = "keep"
    """They stay, under the name that all erased accounts share."""
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class ErasureLine:
    """The entry of the moderators' log: who erases (None: the account itself, or the operator), and what is said."""

    actor: int | None
    detail: str
    time: int


class ErasureStore(Protocol):
    """Erases accounts on disk, in two transactions, between which what is in memory is written and jobs end."""

    async def begin(self, user: int, writings: Writings, line: ErasureLine) -> None:
        """Erase all but what is counted and fetched, and write the log's entry, in one transaction.

        The account has no name, password or credential any more. One that is not there changes nothing.
        """

    async def waiting(self) -> Sequence[int]:
        """Return the accounts whose erasure began and is not finished, oldest first."""

    async def finish(self, user: int, now: int) -> None:
        """Erase the rest, and the account with it, in one transaction; repeating it changes nothing."""
