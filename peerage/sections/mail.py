"""Settings of the mail server by which accounts get links."""

from pathlib import Path
from typing import Annotated, Literal

from accounts.mail_addresses import is_address
from peerage.sections.section import Duration, OptionalPath, Reads, Section, Setting


def _sender(text: str) -> str:
    """Return a mail address. ValueError for anything else."""
    if text and not is_address(text):
        raise ValueError("it is no mail address")
    return text


def _password_file(path: Path | None) -> Path | None:
    """Return the path of a file that can be read. ValueError for any other."""
    if path is not None and not path.is_file():
        raise ValueError("there is no such file")
    return path


class MailSection(Section, frozen=True, kw_only=True):
    """The mail server that sends lost passwords' links; without `server`, or without `public_url`, nothing is sent."""

    server: Annotated[str, Setting("The mail server's name or address.", 0, 253, takes="a host")] = ""
    port: Annotated[int, Setting("Its port.", 1, 65_535)] = 587
    tls: Annotated[
        Literal["starttls", "tls", "off"],
        Setting("TLS, which is never left out where it is asked for: after STARTTLS, or from the beginning."),
    ] = "starttls"
    user: Annotated[str, Setting("The name to log in with; unset: no login.", 0, 320, takes="a name")] = ""
    password_file: Annotated[
        Annotated[OptionalPath, Reads(_password_file, after=True)],
        Setting("A file whose first line is the password for it.", takes="the path of a file"),
    ] = None
    sender: Annotated[
        Annotated[str, Reads(_sender, after=True)],
        Setting("The address that mails come from.", 0, 254, takes="a mail address"),
    ] = ""
    timeout: Annotated[Duration, Setting("Seconds that the server may take for each answer.", 1, 120)] = 15.0

    def check(self) -> None:
        """Check that there is all that a login and a mail need. ValueError."""
        if self.server and not self.sender:
            raise ValueError("mail.server needs mail.sender, the address that mails come from")
        if self.user and self.password_file is None:
            raise ValueError("mail.user needs mail.password_file")
        if self.user and self.tls == "off":
            raise ValueError(
                'mail.user needs TLS: with mail.tls = "off" anybody on the way reads the password'
            )
