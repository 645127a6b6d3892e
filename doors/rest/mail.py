"""REST operations on lost passwords and on the mail address of one's own account."""

from dataclasses import dataclass

from actions.lost_passwords import LostPasswords
from bittorrent.refusal import Refusal
from doors import mailed_texts
from doors.languages import ENGLISH
from doors.rest import request_fields
from doors.rest.operation import Operation, RestContext


@dataclass(frozen=True, slots=True)
class MailAddressShape:
    """One's own mail address, and one that waits until its link is opened; null for none."""

    email: str | None
    unconfirmed: str | None


async def _ask(context: RestContext) -> None:
    compose = mailed_texts.lost_password(ENGLISH, context.services.site.name)
    _mailing(context).ask(context.body.text("username"), context.address, compose)


async def _show(context: RestContext) -> MailAddressShape:
    address = await _mailing(context).address_of(context.user_id)
    return MailAddressShape(address.confirmed or None, address.waiting or None)


async def _set(context: RestContext) -> MailAddressShape:
    mailing, given = _mailing(context), context.body
    password = given.text("current_password")
    if given.text("email"):
        compose = mailed_texts.confirmation(ENGLISH, context.services.site.name)
        await mailing.propose(context.principal, given.text("email"), password, compose, context.address)
    else:
        await mailing.forget(context.principal, password, context.address)
    return await _show(context)


def _mailing(context: RestContext) -> LostPasswords:
    mailing = context.services.accounts.lost_passwords
    if mailing is None:
        raise Refusal("not-found", "no mail server is set")
    return mailing


OPERATIONS = (
    Operation(
        "POST",
        "/lost-password",
        "askForLink",
        "Have a link to a new password mailed to whoever has that name or mail address; the answer tells nothing",
        "session",
        _ask,
        identified=False,
        body=request_fields.LOST_PASSWORD,
        required=("username",),
        refusals=("login-slowed", "not-found"),
    ),
    Operation(
        "GET",
        "/user/mail",
        "showMailAddress",
        "Show one's own mail address",
        "session",
        _show,
        account=True,
        answers=MailAddressShape,
        refusals=("not-found",),
    ),
    Operation(
        "PUT",
        "/user/mail",
        "setMailAddress",
        "Have a new mail address of one's own confirmed by a mailed link, or with an empty one forget it",
        "session",
        _set,
        account=True,
        body=request_fields.MAIL_ADDRESS,
        required=("email", "current_password"),
        answers=MailAddressShape,
        refusals=("bad-credentials", "forbidden", "login-slowed", "not-found"),
    ),
)
