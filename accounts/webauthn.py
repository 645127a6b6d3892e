"""WebAuthn: credentials of a person's devices, made and checked; one logs in alone, or after a password.

As W3C's Web Authentication, level 2, has it. Attestation is not asked for: who makes the device is not our concern.
"""

import asyncio
import base64
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from accounts.model import User
from accounts.secrets import Secrets
from bittorrent.refusal import Refusal

if TYPE_CHECKING:
    from accounts.relying_party import RelyingParty

MOST_CREDENTIALS = 20
"""Credentials of an account."""
LIFETIME = 600
"""Seconds between what is asked of a device and its answer."""
_CHALLENGE_BYTES = 32
_USED = 65_536
_PURPOSE = "webauthn"


@dataclass(frozen=True, slots=True)
class WebAuthnCredential:
    """A credential of an account: its id, its attested data, and the device's count of signatures at its last use."""

    id: bytes
    user: int
    data: bytes
    count: int
    name: str
    added: int
    used: int | None = None


@dataclass(frozen=True, slots=True)
class WebAuthnRequest:
    """What a page asks of a device: the options as JSON, and a ticket that comes back with the answer."""

    options: str
    ticket: str


class WebAuthnStore(Protocol):
    """Credentials by account; every change is on disk when it returns."""

    async def add(self, credential: WebAuthnCredential, most: int) -> bool:
        """Add a credential; False where its id is taken, or the account has as many as it may."""

    async def of_user(self, user: int) -> list[WebAuthnCredential]:
        """Return the credentials of an account, oldest first."""

    async def find(self, credential: bytes) -> WebAuthnCredential | None:
        """Find a credential by its id."""

    async def use(self, credential: bytes, count: int, now: int) -> bool:
        """Note a use with the device's count; False where that count, or a later one, was seen already."""

    async def remove(self, user: int, credential: bytes) -> bool:
        """Delete a credential of an account; False where it has none with that id."""


class WebAuthn:
    """Credentials over a store, for the site at `origin`, called `site_name`; "" for a site that can have none.

    A ticket carries the challenge, signed, so that nothing is kept for who never answers; a challenge that was
    answered is not taken again. `random` gives unguessable bytes.
    """

    def __init__(
        self,
        store: WebAuthnStore,
        secrets: Secrets,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        *,
        origin: str = "",
        site_name: str = "",
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._clock = clock
        self._random = random
        self._origin = origin
        self._site_name = site_name
        self._party: RelyingParty | None = None
        self._used: OrderedDict[str, float] = OrderedDict()

    @property
    def available(self) -> bool:
        """Whether the site has a name that a browser takes: a host that is no address, over TLS or on this machine."""
        return bool(self._origin)

    async def of_user(self, user: int) -> list[WebAuthnCredential]:
        """Return the credentials of an account, oldest first."""
        return await self._store.of_user(user)

    async def registration(self, user: User) -> WebAuthnRequest:
        """Return what asks a device for a new credential of an account."""
        party, known = await self._relying_party(), await self._store.of_user(user.id)
        handle = self._secrets.derived("webauthn-user", str(user.id)).encode("ascii")
        challenge = self._challenge()
        options = party.creation_options(handle, user.name, [each.data for each in known], challenge)
        return WebAuthnRequest(options, self._ticket("create", user.id, challenge))

    async def register(self, user: User, ticket: str, answer: str, name: str) -> WebAuthnCredential:
        """Add the credential that a device made. Refusal: `bad-link`, `bad-device`, `taken`."""
        challenge = self._open(ticket, "create", user.id)
        made = (await self._relying_party()).read_registration(challenge, answer)
        self._use(challenge)
        credential = WebAuthnCredential(
            made.id, user.id, made.data, made.count, name, added=int(self._clock())
        )
        if not await self._store.add(credential, MOST_CREDENTIALS):
            raise Refusal("taken", "that device is known already, or there are too many")
        return credential

    async def assertion(self, user: int | None = None) -> WebAuthnRequest:
        """Return what asks a device to prove that it has a credential: of an account, or of whichever it names.

        What it names itself takes the place of the password too, so it has to know its owner (by a PIN, a finger).
        """
        party, challenge = await self._relying_party(), self._challenge()
        known = [each.data for each in await self._store.of_user(user)] if user is not None else None
        options = party.request_options(known, challenge, verified=user is None)
        return WebAuthnRequest(options, self._ticket("get", user or 0, challenge))

    async def verify(self, ticket: str, answer: str, user: int | None = None) -> int:
        """Check what a device answered, and return the account. Refusal: `bad-link`, `bad-device`.

        `user` is the account that was asked for, if one was.
        """
        challenge = self._open(ticket, "get", user or 0)
        party = await self._relying_party()
        known = await self._store.find(party.credential_of(answer))
        if known is None or (user is not None and known.user != user):
            raise Refusal("bad-device")
        count = party.check_assertion(challenge, known.data, answer, verified=user is None)
        self._use(challenge)
        if not await self._store.use(known.id, count, int(self._clock())):
            raise Refusal("bad-device", "the device's count went back: there may be a copy of it")
        return known.user

    async def remove(self, user: int, credential: bytes) -> bool:
        """Delete a credential of an account; False where it has none with that id."""
        return await self._store.remove(user, credential)

    async def _relying_party(self) -> "RelyingParty":
        if not self.available:
            raise Refusal("not-found", "this site has no name that browsers take")
        if self._party is None:
            module = await asyncio.to_thread(import_module, "accounts.relying_party")
            self._party = module.RelyingParty(self._origin, self._site_name)
        return self._party

    def _challenge(self) -> str:
        drawn = base64.urlsafe_b64encode(self._random(_CHALLENGE_BYTES))
        return drawn.rstrip(b"=").decode("ascii")

    def _ticket(self, purpose: str, user: int, challenge: str) -> str:
        ends = int(self._clock()) + LIFETIME
        return self._secrets.sign_ticket(f"{purpose}.{user}.{challenge}.{ends}", _PURPOSE)

    def _open(self, ticket: str, purpose: str, user: int) -> str:
        opened = self._secrets.read_ticket(ticket, _PURPOSE)
        for_what, owner, challenge, ends = opened.split(".") if opened is not None else ("", "0", "", "0")
        if (for_what, int(owner)) != (purpose, user) or int(ends) <= self._clock() or challenge in self._used:
            raise Refusal("bad-link")
        return challenge

    def _use(self, challenge: str) -> None:
        if challenge in self._used:
            raise Refusal("bad-link")
        now = self._clock()
        self._used[challenge] = now + LIFETIME
        while self._used and (len(self._used) > _USED or next(iter(self._used.values())) <= now):
            self._used.popitem(last=False)


def origin_of(public_url: str) -> str:
    """Return the origin of a site where browsers offer WebAuthn, else "": a host over TLS, or this machine's name."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    named = any(letter.isalpha() for letter in host) and ":" not in host
    if not named or (parts.scheme != "https" and host != "localhost"):
        return ""
    return f"{parts.scheme}://{parts.netloc.lower()}"
