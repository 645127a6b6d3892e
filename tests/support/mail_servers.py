"""A real SMTP server on loopback (aiosmtpd), with TLS and log-in as a test wants them, and what it was sent."""

import asyncio
import functools
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from actions.lost_passwords import LostPasswords
from actions.mail import MailServer

USER, PASSWORD = "peerage", "a mail password"
SENDER = "peerage@tracker.example"


@dataclass
class Mailbox:
    """What a server was sent; `answers` are given to RCPT one after the other before it says yes."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_RCPT(  # noqa: N802 - the server's own name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take a recipient, or say what the test wants said."""
        if self.answers:
            return self.answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail."""
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        self.recipients.append(list(envelope.rcpt_tos))
        self.arrived.set()
        return "250 OK"


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (
        USER.encode(),
        PASSWORD.encode(),
    )
    return AuthResult(success=good, handled=False)


@functools.cache
def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1, and its key."""
    key, made = folder / "mail-key", folder / "mail-certificate"
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
        *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"),
        *("-keyout", str(key), "-out", str(made)),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


@asynccontextmanager
async def mail_server(
    folder: Path | None = None, *, tls: str = "off", auth: bool = False
) -> AsyncIterator[Mailbox]:
    """Run a server: `tls` is off, starttls (which it then requires) or tls from the beginning; its certificate is new."""
    context = None
    if folder is not None and tls != "off":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate(folder))
    box = Mailbox()

    def protocol() -> SMTP:
        return SMTP(
            box,
            tls_context=context if tls == "starttls" else None,
            require_starttls=tls == "starttls",
            authenticator=_authenticate if auth else None,
            auth_required=auth,
            auth_require_tls=tls == "starttls",
        )

    loop = asyncio.get_running_loop()
    listening = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context if tls == "tls" else None)
    box.port = listening.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        listening.close()
        await listening.wait_closed()


def client(box: Mailbox, folder: Path | None = None, **more: Any) -> MailServer:
    """Return the product's client of a server, which trusts the certificates of `folder`, else those of the system."""

    def trust() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(certificate(folder)[0]) if folder is not None else None)

    return MailServer("127.0.0.1", box.port, SENDER, **{"tls": "off", "timeout": 5.0, "trust": trust} | more)


SETTINGS = {"server": "127.0.0.1", "port": 9, "tls": "off", "sender": SENDER}
"""Settings of a mail server; a test puts the client of a real one in its place."""


async def deliver(mailing: LostPasswords) -> None:
    """Send what waits."""
    sending = asyncio.create_task(mailing.run())
    await mailing.drained()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
