"""The context of a request: principal, parameters and services, as handlers take it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from accounts.model import Principal, User
from doors.services import Services
from doors.torbox.list_cache import ListCache
from doors.torbox.parameters import TorboxParameters
from doors.torbox.shapes import TorboxShapes


@dataclass(frozen=True, slots=True)
class TorboxContext:
    """One request; `principal` is anonymous where the endpoint allows that."""

    services: Services
    shapes: TorboxShapes
    list_cache: ListCache
    request: Request
    principal: Principal
    address: bytes
    query: TorboxParameters

    @property
    def user(self) -> User:
        """The account; only for endpoints that need one."""
        assert self.principal.user is not None
        return self.principal.user


Handler = Callable[[TorboxContext], Awaitable[Response]]
"""Answers a request; raises Failure or Refusal."""
