"""Lost passwords: accounts' mail addresses, and links to new passwords that go there in the background."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from accounts.accounts import Accounts
from accounts.fields import fold, is_name
from accounts.login_throttle import LoginThrottle
from accounts.mail_addresses import LONGEST, Addressee, MailAddress, MailAddressStore, is_address
from accounts.model import Principal
from accounts.secrets import Secrets
from actions.account_management import require_own_password
from actions.mail import MailError, MailServer, MailText
from bittorrent.refusal import Refusal

LINK_LIFETIME = 3600
"""Seconds for which a mailed link is good."""
RATE = "10/hour"
"""Requests for links and confirmations from an address (IPv6: its /64)."""
MAILS_PER_ACCOUNT = 3
"""Mails to an account in an hour."""
MOST_WAITING = 100
"""Requests that wait for the mail server; what comes beyond is dropped, and logged."""
_ACCOUNTS = 3
_HOUR = 3600
_REMEMBERED = 10_000
_RETRY_AFTER = (5.0, 30.0)

log = structlog.get_logger()

Compose = Callable[[str, str], MailText]
"""Returns what a mail says to an account of that name, with that link."""


@dataclass(frozen=True, slots=True)
class _LinkRequest:
    """Somebody has lost the password of whatever has that name or address."""

    named: str
    compose: Compose


@dataclass(frozen=True, slots=True)
class _Confirmation:
    """A link to a new address of an account, which makes it the account's own."""

    to: Addressee
    link: str
    compose: Compose


class LostPasswords:
    """Sends links by `server` in the background; `public_url` is where they lead, `clock` gives unix seconds.

    Who asks for a link is answered before anything is looked up, so the answer and the time that it takes tell nothing
    of who has an account here. What waits is in memory: the end of the process drops it.
    """

    def __init__(
        self,
        accounts: Accounts,
        store: MailAddressStore,
        secrets: Secrets,
        server: MailServer,
        public_url: str,
        *,
        clock: Callable[[], float],
        retry_after: Sequence[float] = _RETRY_AFTER,
    ) -> None:
        self._accounts = accounts
        self._store = store
        self._secrets = secrets
        self.server = server
        self._public_url = public_url.rstrip("/")
        self._clock = clock
        self._retry_after = retry_after
        self._throttle = LoginThrottle(RATE, clock)
        self._mailed: OrderedDict[int, deque[float]] = OrderedDict()
        self._waiting: asyncio.Queue[_LinkRequest | _Confirmation] = asyncio.Queue(MOST_WAITING)

    def ask(self, named: str, address: bytes, compose: Compose) -> None:
        """Have a link sent to whoever has that name, or that mail address. Refusal: `login-slowed`.

        `address` is the client's. Whether anybody has it is told to nobody.
        """
        self._count(address)
        if is_name(named) or is_address(named):
            self._enqueue(_LinkRequest(named, compose))

    async def address_of(self, user: int) -> MailAddress:
        """Return the addresses of one's own account."""
        return await self._store.find(user)

    async def propose(
        self, principal: Principal, text: str, password: str, compose: Compose, address: bytes = b""
    ) -> None:
        """Have one's own new address confirmed by a mailed link; the password is asked for.

        Until somebody opens the link, and where nobody does, nothing changes. Refusal: `invalid` (field `email`),
        `bad-credentials`, `login-slowed`, `busy`.
        """
        user = (await require_own_password(self._accounts, principal, password, address)).id
        if len(text) > LONGEST or not is_address(text):
            raise Refusal("invalid", fields={"email": ["It is no mail address."]})
        self._count(address)
        secret = self._secrets.link()
        digest = self._secrets.of_mail_address(secret)
        assert digest is not None
        await self._store.propose(user, text, digest, int(self._clock()) + LINK_LIFETIME)
        name = principal.name
        link = f"{self._public_url}/mail/{secret}"
        self._enqueue(_Confirmation(Addressee(user, name, text), link, compose))

    async def confirm(self, secret: str) -> None:
        """Make an address an account's own by its secret. Refusal: `bad-link`."""
        digest = self._secrets.of_mail_address(secret)
        if digest is None or await self._store.confirm(digest, int(self._clock())) is None:
            raise Refusal("bad-link")

    async def forget(self, principal: Principal, password: str, address: bytes = b"") -> None:
        """Forget one's own addresses; the password is asked for. Refusal: as `propose`."""
        user = await require_own_password(self._accounts, principal, password, address)
        await self._store.forget(user.id)

    async def run(self) -> None:
        """Send what waits, one mail after the other; never returns."""
        while True:
            request = await self._waiting.get()
            try:
                await self._handle(request)
            except Exception:
                log.exception("mail.failed")
            finally:
                self._waiting.task_done()

    async def drained(self) -> None:
        """Wait until nothing waits."""
        await self._waiting.join()

    def _count(self, address: bytes) -> None:
        """Count a request of a client's address by itself, whoever it is about. Refusal: `login-slowed`."""
        self._throttle.begin("", address)
        self._throttle.succeeded("", address)

    def _enqueue(self, request: _LinkRequest | _Confirmation) -> None:
        try:
            self._waiting.put_nowait(request)
        except asyncio.QueueFull:
            log.warning("mail.queue_full", waiting=MOST_WAITING)

    async def _handle(self, request: _LinkRequest | _Confirmation) -> None:
        if isinstance(request, _Confirmation):
            if self._may_mail(request.to.account):
                await self._send(request.to, request.compose(request.to.name, request.link))
            return
        for to in await self._store.addressees(fold(request.named), _ACCOUNTS):
            if self._may_mail(to.account):
                secret = await self._accounts.add_link(to.account, LINK_LIFETIME)
                link = f"{self._public_url}/welcome/{secret}"
                await self._send(to, request.compose(to.name, link))

    def _may_mail(self, account: int) -> bool:
        """Count a mail to an account; False where it has had those of this hour."""
        now = self._clock()
        times = self._mailed.setdefault(account, deque(maxlen=MAILS_PER_ACCOUNT))
        self._mailed.move_to_end(account)
        if len(self._mailed) > _REMEMBERED:
            self._mailed.popitem(last=False)
        if len(times) == MAILS_PER_ACCOUNT and times[0] > now - _HOUR:
            return False
        times.append(now)
        return True

    async def _send(self, to: Addressee, text: MailText) -> None:
        for wait in (*self._retry_after, None):
            try:
                await asyncio.to_thread(self.server.send, to.address, text)
            except MailError as error:
                last = wait is None or error.final
                log.warning("mail.not_sent", account=to.account, error=str(error), given_up=last)
                if last or wait is None:
                    return
                await asyncio.sleep(wait)
            else:
                log.info("mail.sent", account=to.account)
                return
