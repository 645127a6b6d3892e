"""REST operations of invitations, and of how an account stands."""

from dataclasses import dataclass

from accounts.invitations import Invitation, InvitedUser
from accounts.rights import Right
from doors.rest import request_fields
from doors.rest.operation import Listing, Operation, RestContext
from doors.rest.shapes import Time, time


@dataclass(frozen=True, slots=True)
class InvitationShape:
    """An invitation that one sent; `user_id` is who came by it, null as long as nobody did."""

    id: int
    created_at: Time
    expires_at: Time
    user_id: int | None


@dataclass(frozen=True, slots=True)
class NewInvitationShape:
    """A new invitation; its code and its link are shown this once."""

    id: int
    expires_at: Time
    code: str
    link: str


@dataclass(frozen=True, slots=True)
class InvitesShape:
    """The invites that an account may send."""

    invites: int


@dataclass(frozen=True, slots=True)
class InvitedShape:
    """An account in the tree of who let whom in, each after who let it in; `depth` is 0 for the root."""

    id: int
    username: str
    depth: int
    enabled: bool
    created_at: Time
    uploaded_bytes: int
    downloaded_bytes: int


async def _send(context: RestContext) -> NewInvitationShape:
    made, secret = await context.services.accounts.terms.invitations.send(context.principal)
    return NewInvitationShape(made.id, time(made.expires), secret, f"{context.base_url}/join/{secret}")


async def _sent(context: RestContext) -> Listing:
    found, total = await context.services.accounts.terms.invitations.sent(
        context.principal, context.offset, context.per_page
    )
    return context.listing([_shape(each) for each in found], total)


async def _withdraw(context: RestContext) -> None:
    await context.services.accounts.terms.invitations.withdraw(context.principal, context.id("invitation"))


async def _grant(context: RestContext) -> InvitesShape:
    given = context.body.integer("invites")
    return InvitesShape(
        await context.services.accounts.terms.invitations.grant(context.principal, context.id("user"), given)
    )


async def _tree(context: RestContext) -> Listing:
    tree = await context.services.accounts.terms.invitations.tree(context.principal, context.id("user"))
    page = tree[context.offset : context.offset + context.per_page]
    return context.listing([_invited(each) for each in page], len(tree))


def _shape(value: Invitation) -> InvitationShape:
    return InvitationShape(value.id, time(value.created), time(value.expires), value.account)


def _invited(value: InvitedUser) -> InvitedShape:
    return InvitedShape(
        value.id,
        value.name,
        value.depth,
        value.enabled,
        time(value.joined),
        value.uploaded,
        value.downloaded,
    )


OPERATIONS = (
    Operation(
        "GET",
        "/invites",
        "listInvitations",
        "List the invitations that one sent, the newest first",
        "invites",
        _sent,
        account=True,
        query=request_fields.PAGING,
        answers=InvitationShape,
        many=True,
        refusals=("forbidden",),
    ),
    Operation(
        "POST",
        "/invites",
        "sendInvitation",
        "Make an invitation, whose code lets one account in",
        "invites",
        _send,
        account=True,
        answers=NewInvitationShape,
        status=201,
        refusals=("no-invite", "forbidden"),
    ),
    Operation(
        "DELETE",
        "/invites/{invitation}",
        "withdrawInvitation",
        "Withdraw an invitation that nobody used, and have it back",
        "invites",
        _withdraw,
        account=True,
        refusals=("forbidden",),
    ),
    Operation(
        "POST",
        "/users/{user}/invites",
        "grantInvites",
        "Give an account invites, or with a number below 0 take some",
        "invites",
        _grant,
        Right.MODERATE,
        body=request_fields.GRANT_INVITES,
        required=("invites",),
        answers=InvitesShape,
    ),
    Operation(
        "GET",
        "/users/{user}/invited",
        "showInvited",
        "Show an account and whoever came by its invitations, directly or not",
        "invites",
        _tree,
        Right.MODERATE,
        query=request_fields.PAGING,
        answers=InvitedShape,
        many=True,
    ),
)
