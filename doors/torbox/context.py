"""The context of a request: principal, parameters and services, as handlers take it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from accounts.model import Principal, User
from doors.admission import Admission
from doors.bodies import Body, Form
from doors.services import DownloadAccess, SwarmNumbers
from doors.torbox.list_cache import ListCache
from doors.torbox.parameters import TorboxParameters
from doors.torbox.shapes import TorboxShapes


@dataclass(frozen=True, slots=True)
class TorboxServices:
    """What TorBox's API asks of the service."""

    admission: Admission
    downloads: DownloadAccess
    swarms: SwarmNumbers


@dataclass(frozen=True, slots=True)
class TorboxContext:
    """One request; `principal` is anonymous where the endpoint allows that."""

    services: TorboxServices
    shapes: TorboxShapes
    list_cache: ListCache
    request: Request
    principal: Principal
    address: bytes
    query: TorboxParameters
    body: Body
    form: Form

    @property
    def user(self) -> User:
        """The account; only for endpoints that need one."""
        assert self.principal.user is not None
        return self.principal.user


Handler = Callable[[TorboxContext], Awaitable[Response]]
"""Answers a request; raises TorboxError or Refusal."""
