"""WebAuthn: credentials of a person's devices, made and checked; one logs in alone, or after a password.

As W3C's Web Authentication, level 2, has it. Attestation is not asked for: who makes the device is not our concern.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from accounts.model import User
from accounts.secrets import Secrets
from bittorrent.refusal import Refusal

if TYPE_CHECKING:
    from fido2.server import Fido2Server

MOST_CREDENTIALS = 20
"""Credentials of an account."""
LIFETIME = 600
"""Seconds between what is asked of a device and its answer."""
LONGEST_ANSWER = 8192
_LONGEST_ID = 1023  # WebAuthn § 6.1
_LONGEST_STORED = 4096
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
        known = await self._store.of_user(user.id)
        handle = self._secrets.derived("webauthn-user", str(user.id)).encode("ascii")
        challenge = self._random(_CHALLENGE_BYTES)
        server = await asyncio.to_thread(self._server)
        options, _ = server.register_begin(
            {"id": handle, "name": user.name, "displayName": user.name},  # type: ignore[arg-type]
            credentials=_descriptors(known),
            resident_key_requirement=_preference("resident_key", "preferred"),
            user_verification=_preference("user_verification", "preferred"),
            challenge=challenge,
        )
        return WebAuthnRequest(_as_json(options), self._ticket("create", user.id, challenge))

    async def register(self, user: User, ticket: str, answer: str, name: str) -> WebAuthnCredential:
        """Add the credential that a device made. Refusal: `bad-link`, `bad-device`, `taken`."""
        challenge = self._open(ticket, "create", user.id)
        made = read_registration(await asyncio.to_thread(self._server), challenge, answer)
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
        known = await self._store.of_user(user) if user is not None else None
        challenge = self._random(_CHALLENGE_BYTES)
        server = await asyncio.to_thread(self._server)
        options, _ = server.authenticate_begin(
            credentials=_descriptors(known) if known is not None else None,
            user_verification=_preference("user_verification", _verification(user)),
            challenge=challenge,
        )
        return WebAuthnRequest(_as_json(options), self._ticket("get", user or 0, challenge))

    async def verify(self, ticket: str, answer: str, user: int | None = None) -> int:
        """Check what a device answered, and return the account. Refusal: `bad-link`, `bad-device`.

        `user` is the account that was asked for, if one was.
        """
        challenge = self._open(ticket, "get", user or 0)
        server, given = await asyncio.to_thread(self._server), read_answer(answer)
        known = await self._store.find(_checked(_raw_id, given))
        if known is None or (user is not None and known.user != user):
            raise Refusal("bad-device")
        count = check_assertion(server, challenge, known.data, given, verification=_verification(user))
        self._use(challenge)
        if not await self._store.use(known.id, count, int(self._clock())):
            raise Refusal("bad-device", "the device's count went back: there may be a copy of it")
        return known.user

    async def remove(self, user: int, credential: bytes) -> bool:
        """Delete a credential of an account; False where it has none with that id."""
        return await self._store.remove(user, credential)

    def _server(self) -> "Fido2Server":
        if not self.available:
            raise Refusal("not-found", "this site has no name that browsers take")
        # It takes a tenth of a second to import, for which a thread calls this.
        from fido2.server import Fido2Server  # noqa: PLC0415
        from fido2.webauthn import PublicKeyCredentialRpEntity  # noqa: PLC0415

        host = urlsplit(self._origin).hostname or ""
        party = PublicKeyCredentialRpEntity(id=host, name=self._site_name or host)
        return Fido2Server(party, verify_origin=self._origin.__eq__)

    def _ticket(self, purpose: str, user: int, challenge: bytes) -> str:
        ends = int(self._clock()) + LIFETIME
        return self._secrets.sign_ticket(f"{purpose}.{user}.{_base64(challenge)}.{ends}", _PURPOSE)

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


@dataclass(frozen=True, slots=True)
class MadeCredential:
    """What a device made: the credential's id, its attested data, and the device's count of signatures."""

    id: bytes
    data: bytes
    count: int


def read_registration(server: "Fido2Server", challenge: str, answer: str) -> MadeCredential:
    """Read and check what a device made for a challenge. Refusal: `bad-device`."""
    state = {"challenge": challenge, "user_verification": None}
    made = _checked(lambda given: server.register_complete(state, given), read_answer(answer))
    data = made.credential_data
    # A key that is not understood could never be checked.
    if type(data.public_key).__name__ == "UnsupportedKey" or len(data.credential_id) > _LONGEST_ID:
        raise Refusal("bad-device")
    if len(data) > _LONGEST_STORED:
        raise Refusal("bad-device")
    return MadeCredential(bytes(data.credential_id), bytes(data), made.counter)


def check_assertion(
    server: "Fido2Server", challenge: str, data: bytes, given: dict[str, Any], *, verification: str
) -> int:
    """Check what a device signed for a challenge, and return its count of signatures. Refusal: `bad-device`."""

    def check(given: dict[str, Any]) -> int:
        from fido2.webauthn import AttestedCredentialData, AuthenticationResponse  # noqa: PLC0415 - as above

        state = {"challenge": challenge, "user_verification": verification}
        server.authenticate_complete(state, [AttestedCredentialData(data)], given)
        return int(AuthenticationResponse.from_dict(given).response.authenticator_data.counter)

    return int(_checked(check, given))


def origin_of(public_url: str) -> str:
    """Return the origin of a site where browsers offer WebAuthn, else "": a host over TLS, or this machine's name."""
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    named = any(letter.isalpha() for letter in host) and ":" not in host
    if not named or (parts.scheme != "https" and host != "localhost"):
        return ""
    return f"{parts.scheme}://{parts.netloc.lower()}"


def _verification(user: int | None) -> str:
    return "preferred" if user is not None else "required"


def _preference(kind: str, value: str) -> Any:  # noqa: ANN401 - an enum of the library
    from fido2.webauthn import ResidentKeyRequirement, UserVerificationRequirement  # noqa: PLC0415 - as above

    return (ResidentKeyRequirement if kind == "resident_key" else UserVerificationRequirement)(value)


def _attested(credential: WebAuthnCredential) -> Any:  # noqa: ANN401 - of the library
    from fido2.webauthn import AttestedCredentialData  # noqa: PLC0415 - as above

    return AttestedCredentialData(credential.data)


def _descriptors(credentials: Sequence[WebAuthnCredential]) -> list[Any]:
    return [_attested(each) for each in credentials]


def read_answer(answer: str) -> dict[str, Any]:
    """Read a browser's JSON as the library takes it: the members that it knows, all texts. Refusal: `bad-device`."""
    if len(answer) > LONGEST_ANSWER:
        raise Refusal("bad-device")
    try:
        given = json.loads(answer)
        inner = {name: value for name, value in given["response"].items() if isinstance(value, str)}
        return {"id": str(given["id"]), "rawId": str(given["rawId"]), "type": "public-key", "response": inner}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Refusal("bad-device") from None


def _checked(check: Callable[[dict[str, Any]], Any], given: dict[str, Any]) -> Any:  # noqa: ANN401
    try:
        return check(given)
    except Exception:
        raise Refusal("bad-device") from None


def _raw_id(given: dict[str, Any]) -> bytes:
    from fido2.utils import websafe_decode  # noqa: PLC0415 - as above

    return bytes(websafe_decode(given["rawId"]))


def _as_json(options: Any) -> str:  # noqa: ANN401 - of the library
    return json.dumps(dict(options)["publicKey"], separators=(",", ":"))


def _base64(data: bytes) -> str:
    from fido2.utils import websafe_encode  # noqa: PLC0415 - as above

    return str(websafe_encode(data))
