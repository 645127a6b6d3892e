"""Hides how many requests each dialect takes of one client, and how many are left."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from accounts.model import Principal


@dataclass(frozen=True, slots=True)
class Allowance:
    """What is left in the present window, this request counted; `reset` is when it ends, in unix seconds."""

    limit: int
    remaining: int
    reset: int
    granted: bool


class Allowances:
    """Fixed windows per dialect; `rates` by the names of the settings' table `limits`.

    A dialect's key is its account, or without one the client's address (IPv6: its /64) at the rate
    NAME_anonymous where there is one.
    """

    def __init__(self, rates: Mapping[str, str], clock: Callable[[], float]) -> None:
        raise NotImplementedError

    def take(self, dialect: str, principal: Principal, address: bytes) -> Allowance:
        """Count one request; it is `granted` while the window has room."""
        raise NotImplementedError
