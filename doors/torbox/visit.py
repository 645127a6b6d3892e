"""Hides what a call is given: who asks, what they sent, and the services behind the dialect."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from accounts.model import Principal, User
from doors.office import Office
from doors.torbox.parameters import Parameters
from doors.torbox.recent import Recent
from doors.torbox.shapes import Shapes


@dataclass(frozen=True, slots=True)
class Visit:
    """One call; `principal` is nobody where the call takes that."""

    office: Office
    shapes: Shapes
    recent: Recent
    request: Request
    principal: Principal
    address: bytes
    query: Parameters

    @property
    def user(self) -> User:
        """The account that asks; only for calls that need one."""
        assert self.principal.user is not None
        return self.principal.user


Answer = Callable[[Visit], Awaitable[Response]]
"""Answers a call; raises Failure or Refusal."""
