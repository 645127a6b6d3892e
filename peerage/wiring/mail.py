"""Makes what mails links to accounts, where a mail server is set."""

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from actions.lost_passwords import LostPasswords
    from actions.mail import MailServer
    from peerage.sections import MailSection
    from peerage.wiring.application import Application

log = structlog.get_logger()


def make_lost_passwords(application: "Application") -> "LostPasswords | None":
    """Return what mails links, None without a server; a link leads to `public_url`, never to where a request says."""
    settings = application.settings
    if not settings.mail.server:
        return None
    if settings.public_url is None:
        log.warning("mail.off", reason="public_url is not set, and links have to lead somewhere")
        return None
    # Most services send no mail, and smtplib takes time to import.
    from actions.lost_passwords import LostPasswords  # noqa: PLC0415
    from storage.mail_addresses import SqlMailAddresses  # noqa: PLC0415

    return LostPasswords(
        application.accounts.accounts,
        SqlMailAddresses(application.stores.records),
        application.accounts.secrets,
        mail_server(settings.mail),
        settings.public_url,
        clock=application.environment.clock,
    )


def mail_server(wanted: "MailSection") -> "MailServer":
    """Return the mail server of the settings. OSError: its password cannot be read."""
    from actions.mail import MailServer  # noqa: PLC0415 - as above

    password = ""
    if wanted.password_file is not None:
        password = wanted.password_file.read_text("utf-8").partition("\n")[0].rstrip("\r")
    return MailServer(
        wanted.server,
        wanted.port,
        wanted.sender,
        wanted.tls,
        wanted.user,
        password,
        wanted.timeout,
    )
