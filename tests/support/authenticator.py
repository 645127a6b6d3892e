"""A device that makes WebAuthn credentials and signs with them, as a browser would have it do."""

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256
from fido2.webauthn import AttestedCredentialData

_PRESENT, _VERIFIED, _ATTESTED = 0x01, 0x04, 0x40


class Authenticator:
    """One credential of one device; what it is asked comes as the page's options, in JSON.

    `verifies` says whether it asks its owner for a PIN; `counts` whether it counts its signatures.
    """

    def __init__(self, origin: str, *, verifies: bool = True, counts: bool = True) -> None:
        self.origin, self.verifies, self.counts = origin, verifies, counts
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = hashlib.sha256(str(self.key.private_numbers().private_value).encode()).digest()
        self.count = 0

    def create(self, options: str, **changes: Any) -> str:
        """Answer a request for a new credential."""
        asked = json.loads(options)
        attested = AttestedCredentialData.create(
            b"\0" * 16, self.id, ES256.from_cryptography_key(self.key.public_key())
        )
        data = self._data(asked["rp"]["id"], _ATTESTED) + attested
        made = cbor.encode({"fmt": "none", "attStmt": {}, "authData": bytes(data)})
        return self._answer(asked, "webauthn.create", {"attestationObject": encoded(made)} | changes)

    def get(self, options: str, **changes: Any) -> str:
        """Answer a request to sign."""
        asked = json.loads(options)
        data = self._data(asked["rpId"], 0)
        client = self._client(asked, "webauthn.get")
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        said = {"authenticatorData": encoded(data), "signature": encoded(signature)}
        return self._answer(asked, "webauthn.get", said | changes)

    def _data(self, party: str, flags: int) -> bytes:
        self.count += self.counts
        flags |= _PRESENT | (_VERIFIED if self.verifies else 0)
        return hashlib.sha256(party.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, asked: dict[str, Any], kind: str) -> bytes:
        said = {"type": kind, "challenge": asked["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _answer(self, asked: dict[str, Any], kind: str, response: dict[str, Any]) -> str:
        response = {"clientDataJSON": encoded(self._client(asked, kind))} | response
        number = encoded(self.id)
        return json.dumps({"id": number, "rawId": number, "type": "public-key", "response": response})


def encoded(data: bytes) -> str:
    """Return bytes as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
