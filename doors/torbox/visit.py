"""The context of a request: principal, parameters and services, as handlers take it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from accounts.model import Principal, User
from doors.services import Services
from doors.torbox.parameters import Parameters
from doors.torbox.recent import Recent
from doors.torbox.shapes import Shapes


@dataclass(frozen=True, slots=True)
class Visit:
    """One request; `principal` is anonymous where the endpoint allows that."""

    services: Services
    shapes: Shapes
    recent: Recent
    request: Request
    principal: Principal
    address: bytes
    query: Parameters

    @property
    def user(self) -> User:
        """The account; only for endpoints that need one."""
        assert self.principal.user is not None
        return self.principal.user


Answer = Callable[[Visit], Awaitable[Response]]
"""Answers a request; raises Failure or Refusal."""
