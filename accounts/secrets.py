"""Secrets of keys, links and sessions: their format, generation, and the keyed hashes that are stored."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable

from itsdangerous import BadSignature, Signer

from accounts.model import Scope

KEY_BYTES = 32
_SECRET_BYTES = 32
_HEX_BYTES = 16
_NONCE_BYTES = 16
# Clients of these dialects expect 32 hex digits.
_HEX_SCOPES = frozenset({Scope.TORRENT_API, Scope.PASSKEY})
_HEX = re.compile(r"[0-9a-f]{32}\Z")
# Passkeys that came from another site may have any letters.
_PASSKEY = re.compile(r"[0-9A-Za-z]{32}\Z")
_RANDOM_TEXT = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_SCOPE = re.compile(r"pg_([a-z-]+)_")
_COOKIE_LONGEST = 256


def scope_in(secret: str) -> Scope | None:
    """Return the scope that a key names in itself, None where it names none."""
    found = _SCOPE.match(secret)
    return next((scope for scope in Scope if found is not None and scope.value == found[1]), None)


class Secrets:
    """Generates secrets and their hashes under a key of 32 bytes; `random` gives unguessable bytes.

    Hashes are BLAKE2b of 32 bytes, each purpose with a personalisation of its own, so that a secret of one
    scope is invalid in another.
    """

    def __init__(self, key: bytes, random: Callable[[int], bytes]) -> None:
        self._key = key
        self._random = random
        self._signer = Signer(
            key, salt=b"session", sep=".", key_derivation="hmac", digest_method=hashlib.sha256
        )

    def key(self, scope: Scope) -> str:
        """Generate the secret of a key: 32 hex digits, or `pg_SCOPE_` and 43 characters of base64url."""
        if scope in _HEX_SCOPES:
            return self._random(_HEX_BYTES).hex()
        return f"pg_{scope}_{self._random_text()}"

    def link(self) -> str:
        """Generate the secret of a one-time link: 43 characters of base64url."""
        return self._random_text()

    def session(self) -> str:
        """Generate the secret of a session, as `link`."""
        return self._random_text()

    def of_key(self, secret: str, scope: Scope) -> bytes | None:
        """Return the digest of a key; None for a text that is not in that scope's format."""
        if scope in _HEX_SCOPES:
            form = _PASSKEY if scope is Scope.PASSKEY else _HEX
            return self._hash(f"key:{scope}", secret) if form.match(secret) else None
        prefix = f"pg_{scope}_"
        rest = secret.removeprefix(prefix)
        if not secret.startswith(prefix) or not _RANDOM_TEXT.match(rest):
            return None
        return self._hash(f"key:{scope}", rest)

    def of_link(self, secret: str) -> bytes | None:
        """Return the digest of a one-time link; None for a malformed one."""
        return self._hash("link", secret) if _RANDOM_TEXT.match(secret) else None

    def of_invitation(self, secret: str) -> bytes | None:
        """Return the digest of an invitation's secret; None for a malformed one."""
        return self._hash("invitation", secret) if _RANDOM_TEXT.match(secret) else None

    def of_mail_address(self, secret: str) -> bytes | None:
        """Return the digest of the secret that confirms a mail address; None for a malformed one."""
        return self._hash("mail-address", secret) if _RANDOM_TEXT.match(secret) else None

    def of_session(self, secret: str) -> bytes:
        """Return the digest of a session."""
        return self._hash("session", secret)

    def sign(self, session: str) -> str:
        """Return the signed cookie with a session's secret."""
        return self._signer.sign(session).decode("ascii")

    def unsign(self, cookie: str) -> str | None:
        """Return the session's secret in a cookie, None when the signature is invalid."""
        if len(cookie) > _COOKIE_LONGEST or not cookie.isascii():
            return None
        try:
            return self._signer.unsign(cookie).decode("ascii")
        except BadSignature:
            return None

    def csrf(self, session: int) -> str:
        """Return the CSRF token of the session of that id: 64 hex digits."""
        return self._hash("csrf", str(session)).hex()

    def is_csrf(self, session: int, token: str) -> bool:
        """Return whether a text is that token, compared in constant time."""
        return hmac.compare_digest(self.csrf(session).encode(), token.encode("utf-8", "replace"))

    def derived(self, purpose: str, text: str) -> str:
        """Derive 32 hex digits from a text with the service's key, the same each time."""
        return self._hash(purpose, text).hex()[: 2 * _HEX_BYTES]

    def of_recovery(self, user: int, code: str) -> bytes:
        """Return the digest of a recovery code of an account; a code of another account has another."""
        return self._hash("recovery", f"{user}:{code}")

    def sign_ticket(self, text: str, purpose: str = "ticket") -> str:
        """Return a text signed, as a form carries it from one step to the next; it is valid for one purpose."""
        return f"{text}.{self._hash(purpose, text).hex()}"

    def read_ticket(self, ticket: str, purpose: str = "ticket") -> str | None:
        """Return the text of a ticket, None when the signature is invalid."""
        text, _, signature = ticket[:_COOKIE_LONGEST].rpartition(".")
        if not ticket.isascii():
            return None
        return text if hmac.compare_digest(self._hash(purpose, text).hex(), signature) else None

    def seal(self, secret: str) -> str:
        """Return a secret of 32 ASCII characters encrypted under the service's key, as 64 characters of base64url."""
        nonce = self._random(_NONCE_BYTES)
        return base64.urlsafe_b64encode(nonce + self._masked(secret.encode("ascii"), nonce)).decode("ascii")

    def unseal(self, sealed: str) -> str | None:
        """Return what was sealed, None for what was not under this key."""
        raw = base64.urlsafe_b64decode(sealed)
        opened = self._masked(raw[_NONCE_BYTES:], raw[:_NONCE_BYTES])
        return opened.decode("ascii") if opened.isascii() else None

    def _masked(self, data: bytes, nonce: bytes) -> bytes:
        # Each nonce is used once, so the keyed hash of it is a one-time pad; digests of keys tell what was altered.
        pad = hashlib.blake2b(nonce, digest_size=len(data), key=self._key, person=b"seal").digest()
        return bytes(one ^ other for one, other in zip(data, pad, strict=True))

    def _random_text(self) -> str:
        return base64.urlsafe_b64encode(self._random(_SECRET_BYTES)).rstrip(b"=").decode("ascii")

    def _hash(self, purpose: str, text: str) -> bytes:
        return hashlib.blake2b(
            text.encode("ascii"), digest_size=32, key=self._key, person=purpose.encode("ascii")
        ).digest()
