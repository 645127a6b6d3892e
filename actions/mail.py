"""Mails: composed so that nothing in them can become a header, and sent by an SMTP server over TLS."""

import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid
from typing import Literal

from accounts.mail_addresses import is_address

_REFUSED_FOR_GOOD = 500


class MailError(Exception):
    """A mail could not be sent; `final` where another attempt would end the same way."""

    def __init__(self, text: str, *, final: bool) -> None:
        super().__init__(text)
        self.final = final


@dataclass(frozen=True, slots=True)
class MailText:
    """What a mail says: its subject, one line, and its body of plain text."""

    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class MailServer:
    """An SMTP server, how it is spoken to, and the address that mails come from; `timeout` in seconds.

    With `starttls` a server that does not offer it is given nothing.
    """

    host: str
    port: int
    sender: str
    tls: Literal["starttls", "tls", "off"] = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 15.0
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context

    def send(self, address: str, text: MailText) -> None:
        """Send a mail; it takes seconds, so it runs in a thread. MailError, ValueError for what is no address."""
        message = composed(self.sender, address, text)
        try:
            with self._opened() as smtp:
                smtp.send_message(message, self.sender, [address])
        except (smtplib.SMTPException, OSError) as error:
            raise _mail_error(error) from error

    def probe(self) -> None:
        """Connect, and log in where there is a user; send nothing. MailError."""
        try:
            with self._opened() as smtp:
                smtp.noop()
        except (smtplib.SMTPException, OSError) as error:
            raise _mail_error(error) from error

    def _opened(self) -> smtplib.SMTP:
        if self.tls == "tls":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                self.host, self.port, timeout=self.timeout, context=self.trust()
            )
        else:
            smtp = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        try:
            if self.tls == "starttls":
                smtp.starttls(context=self.trust())
            if self.user:
                smtp.login(self.user, self.password)
        except BaseException:
            smtp.close()
            raise
        return smtp


def composed(sender: str, address: str, text: MailText) -> EmailMessage:
    """Return a mail, its subject made one line. ValueError: an address is none."""
    if not is_address(address) or not is_address(sender):
        raise ValueError("that is no mail address")
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = sender, address
    message["Subject"] = _one_line(text.subject)
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=sender.partition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text.body)
    return message


def _mail_error(error: Exception) -> MailError:
    """Return an error that says whether another attempt is of use: not where the server said no (5xx) or TLS fails."""
    codes = [getattr(error, "smtp_code", 0)]
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
    final = any(code >= _REFUSED_FOR_GOOD for code in codes) or isinstance(
        error, smtplib.SMTPNotSupportedError | ssl.SSLError
    )
    return MailError(f"{type(error).__name__}: {_one_line(str(error))}", final=final)


def _one_line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())[:200]
