"""Mail addresses of accounts: what one looks like, and the protocol of the store that keeps them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

LONGEST = 254
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# What RFC 5321 allows without quotes and in ASCII: nothing in it can end a header or begin a second recipient.
_ADDRESS = re.compile(rf"(?=.{{3,{LONGEST}}}\Z)(?=[^@]{{1,64}}@){_LOCAL}@{_LABEL}(?:\.{_LABEL})*\Z")


def is_address(text: str) -> bool:
    """Return whether a text is one mail address, in ASCII and without quotes (RFC 5321)."""
    return _ADDRESS.match(text) is not None


@dataclass(frozen=True, slots=True)
class MailAddress:
    """An account's confirmed address, "" for none, and one that waits to be confirmed, "" for none."""

    confirmed: str
    waiting: str


@dataclass(frozen=True, slots=True)
class Addressee:
    """An enabled account with a confirmed address."""

    account: int
    name: str
    address: str


class MailAddressStore(Protocol):
    """Addresses by account; every change is on disk when it returns."""

    async def find(self, user: int) -> MailAddress:
        """Return what is known of an account."""

    async def propose(self, user: int, address: str, digest: bytes, expires: int) -> None:
        """Store an address that waits for whoever reads it, in place of an earlier one that waits."""

    async def confirm(self, digest: bytes, now: int) -> int | None:
        """Make the address of a valid secret the account's own, and return the account; None for no such secret."""

    async def forget(self, user: int) -> None:
        """Delete what is known of an account's addresses."""

    async def addressees(self, folded: str, most: int) -> Sequence[Addressee]:
        """Return the enabled accounts with that folded name or confirmed folded address, `most` at most."""
