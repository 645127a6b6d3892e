"""The check of the mail server: whether it is reached, and lets the service in."""

from collections.abc import Iterator
from dataclasses import replace

from actions.diagnosis import Finding, Grade
from actions.mail import MailError
from peerage.diagnosis.examined import Examined
from peerage.wiring.mail import mail_server

_SUBJECT = "mail"


def examine_mail(examined: Examined) -> Iterator[Finding]:
    """Find whether the mail server answers, with TLS and log-in as they are set; nothing is sent."""
    wanted = examined.settings.mail
    if not wanted.server:
        return
    if examined.settings.public_url is None:
        remedy = "Set public_url: mailed links lead there."
        yield Finding(_SUBJECT, Grade.PROBLEM, "no mail is sent, because public_url is not set", remedy)
        return
    where = f"{wanted.server}:{wanted.port}"
    try:
        replace(mail_server(wanted), timeout=min(wanted.timeout, examined.patience)).probe()
    except MailError as error:
        remedy = "See [mail] in the settings, and the log of the mail server."
        yield Finding(_SUBJECT, Grade.PROBLEM, f"{where} cannot be used: {error}", remedy)
    else:
        yield Finding(_SUBJECT, Grade.GOOD, f"{where} takes mails")
