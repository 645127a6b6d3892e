"""REST operations on the sessions of the web pages."""

from dataclasses import dataclass
from ipaddress import ip_address

from accounts.model import LoginSession
from doors.rest import request_fields
from doors.rest.operation import Listing, Operation, RestContext
from doors.rest.shapes import Time, time


@dataclass(frozen=True, slots=True)
class SessionShape:
    """A session; `address` is where it was opened, `current` whether it sent this request."""

    id: int
    user_id: int
    created_at: Time
    expires_at: Time
    used_at: Time | None
    address: str | None
    current: bool


async def _list(context: RestContext) -> Listing:
    user = context.query.optional_integer("user") or context.user_id
    sessions = await context.services.accounts.management.sessions(context.principal, user)
    part = sessions[context.offset : context.offset + context.per_page]
    return context.listing([_shape(each, context.principal.session) for each in part], len(sessions))


def _shape(session: LoginSession, current: int | None) -> SessionShape:
    return SessionShape(
        session.id,
        session.user_id,
        time(session.created),
        time(session.expires),
        time(session.used) if session.used is not None else None,
        str(ip_address(session.address)) if session.address is not None and any(session.address) else None,
        session.id == current,
    )


async def _end(context: RestContext) -> None:
    await context.services.accounts.management.end_session(context.principal, context.id("session"))


async def _end_all(context: RestContext) -> None:
    user = context.query.optional_integer("user") or context.user_id
    await context.services.accounts.management.end_sessions(context.principal, user)


OPERATIONS = (
    Operation(
        "GET",
        "/sessions",
        "listSessions",
        "List one's own sessions, or another's, oldest first",
        "session",
        _list,
        account=True,
        query=request_fields.TOKENS,
        answers=SessionShape,
        many=True,
        refusals=("forbidden", "not-found"),
    ),
    Operation(
        "DELETE",
        "/sessions",
        "endSessions",
        "End one's own sessions and tokens of logins but the one that asks, or all of another",
        "session",
        _end_all,
        account=True,
        query=request_fields.SESSIONS,
        refusals=("forbidden", "not-found"),
    ),
    Operation(
        "DELETE",
        "/sessions/{session}",
        "endSession",
        "End one of one's own sessions",
        "session",
        _end,
        account=True,
        refusals=("forbidden", "not-found"),
    ),
)
