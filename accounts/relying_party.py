"""The relying party of WebAuthn: what it asks of devices, and the checks of what they answer, by the library fido2.

Importing it takes a tenth of a second, so `accounts.webauthn` does so when a page first asks a device.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from fido2.cose import UnsupportedKey
from fido2.server import Fido2Server
from fido2.utils import websafe_decode
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from bittorrent.refusal import Refusal

LONGEST_ANSWER = 8192
_LONGEST_ID = 1023  # WebAuthn § 6.1
_LONGEST_STORED = 4096

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class MadeCredential:
    """What a device made: the credential's id, its attested data, and the device's count of signatures."""

    id: bytes
    data: bytes
    count: int


class RelyingParty:
    """The site at `origin`, called `name`. Challenges are base64url, credentials known by their attested data."""

    def __init__(self, origin: str, name: str) -> None:
        host = urlsplit(origin).hostname or ""
        entity = PublicKeyCredentialRpEntity(id=host, name=name or host)
        self._server = Fido2Server(entity, verify_origin=origin.__eq__)

    def creation_options(self, handle: bytes, name: str, known: Sequence[bytes], challenge: str) -> str:
        """Return what asks a device for a credential of an account, as JSON; not one that has a known one."""
        options, _ = self._server.register_begin(
            PublicKeyCredentialUserEntity(id=handle, name=name, display_name=name),
            credentials=[AttestedCredentialData(each) for each in known],
            resident_key_requirement=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.PREFERRED,
            challenge=websafe_decode(challenge),
        )
        return _as_json(options)

    def request_options(self, known: Sequence[bytes] | None, challenge: str, *, verified: bool) -> str:
        """Return what asks a device to sign, as JSON: one of the known ones, or for None whichever it names.

        With `verified` the device has to know its owner.
        """
        options, _ = self._server.authenticate_begin(
            credentials=None if known is None else [AttestedCredentialData(each) for each in known],
            user_verification=_verification(verified=verified),
            challenge=websafe_decode(challenge),
        )
        return _as_json(options)

    def read_registration(self, challenge: str, answer: str) -> MadeCredential:
        """Read and check what a device made for a challenge. Refusal: `bad-device`."""
        state, given = {"challenge": challenge, "user_verification": None}, _read(answer)
        made = _checked(lambda: self._server.register_complete(state, given))
        data = made.credential_data
        # A key that is not understood could never be checked.
        if data is None or isinstance(data.public_key, UnsupportedKey):
            raise Refusal("bad-device")
        if len(data.credential_id) > _LONGEST_ID or len(data) > _LONGEST_STORED:
            raise Refusal("bad-device")
        return MadeCredential(bytes(data.credential_id), bytes(data), made.counter)

    def credential_of(self, answer: str) -> bytes:
        """Return the id of the credential that an answer names. Refusal: `bad-device`."""
        given = _read(answer)
        return _checked(lambda: websafe_decode(given["rawId"]))

    def check_assertion(self, challenge: str, data: bytes, answer: str, *, verified: bool) -> int:
        """Check what a device signed for a challenge; return its count of signatures. Refusal: `bad-device`."""
        state = {"challenge": challenge, "user_verification": _verification(verified=verified)}
        given = _read(answer)

        def check() -> int:
            self._server.authenticate_complete(state, [AttestedCredentialData(data)], given)
            return AuthenticationResponse.from_dict(given).response.authenticator_data.counter

        return _checked(check)


def _verification(*, verified: bool) -> UserVerificationRequirement:
    return UserVerificationRequirement.REQUIRED if verified else UserVerificationRequirement.PREFERRED


def _as_json(options: Mapping[str, Any]) -> str:
    return json.dumps(options["publicKey"], separators=(",", ":"))


def _read(answer: str) -> dict[str, Any]:
    """Read a browser's JSON as the library takes it: the members that it knows, all texts. Refusal: `bad-device`."""
    if len(answer) > LONGEST_ANSWER:
        raise Refusal("bad-device")
    try:
        given = json.loads(answer)
        inner = {name: value for name, value in given["response"].items() if isinstance(value, str)}
        return {"id": str(given["id"]), "rawId": str(given["rawId"]), "type": "public-key", "response": inner}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Refusal("bad-device") from None


def _checked(check: Callable[[], T]) -> T:
    try:
        return check()
    except Exception:  # the library reads hostile CBOR and keys, and raises what its parts do
        raise Refusal("bad-device") from None
