"""Hides what a secret looks like, how it is made, and what of it is kept: a keyed hash."""

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
# What clients of these dialects expect: their services hand out 32 hex digits.
_HEX_SCOPES = frozenset({Scope.TORRENT_API, Scope.PASSKEY})
_HEX = re.compile(r"[0-9a-f]{32}\Z")
_OPEN = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_COOKIE_LONGEST = 256


class Secrets:
    """Makes secrets and their hashes under a key of 32 bytes; `random` gives unguessable bytes.

    Hashes are BLAKE2b of 32 bytes, each purpose with a personalisation of its own, so that a secret of one
    scope is unknown in another.
    """

    def __init__(self, key: bytes, random: Callable[[int], bytes]) -> None:
        self._key = key
        self._random = random
        self._signer = Signer(
            key, salt=b"session", sep=".", key_derivation="hmac", digest_method=hashlib.sha256
        )

    def key(self, scope: Scope) -> str:
        """Make the secret of a key: 32 hex digits, or `pg_SCOPE_` and 43 characters of base64url."""
        if scope in _HEX_SCOPES:
            return self._random(_HEX_BYTES).hex()
        return f"pg_{scope}_{self._open()}"

    def link(self) -> str:
        """Make the secret of a one-time link: 43 characters of base64url."""
        return self._open()

    def session(self) -> str:
        """Make the secret of a session, as `link`."""
        return self._open()

    def of_key(self, secret: str, scope: Scope) -> bytes | None:
        """Return what is kept of a key; None for a text that cannot be one of that scope."""
        if scope in _HEX_SCOPES:
            return self._hash(f"key:{scope}", secret) if _HEX.match(secret) else None
        prefix = f"pg_{scope}_"
        rest = secret.removeprefix(prefix)
        if not secret.startswith(prefix) or not _OPEN.match(rest):
            return None
        return self._hash(f"key:{scope}", rest)

    def of_link(self, secret: str) -> bytes | None:
        """Return what is kept of a one-time link; None for a text that cannot be one."""
        return self._hash("link", secret) if _OPEN.match(secret) else None

    def of_session(self, secret: str) -> bytes:
        """Return what is kept of a session."""
        return self._hash("session", secret)

    def sign(self, session: str) -> str:
        """Return the cookie of a session's secret."""
        return self._signer.sign(session).decode("ascii")

    def unsign(self, cookie: str) -> str | None:
        """Return the session's secret in a cookie, None when it was not signed here."""
        if len(cookie) > _COOKIE_LONGEST or not cookie.isascii():
            return None
        try:
            return self._signer.unsign(cookie).decode("ascii")
        except BadSignature:
            return None

    def csrf(self, session: int) -> str:
        """Return what forms of the session of that id carry: 64 hex digits."""
        return self._hash("csrf", str(session)).hex()

    def is_csrf(self, session: int, token: str) -> bool:
        """Tell in constant time whether a text is that token."""
        return hmac.compare_digest(self.csrf(session).encode(), token.encode("utf-8", "replace"))

    def derived(self, purpose: str, text: str) -> str:
        """Return 32 hex digits that only this service can make of a text, the same each time."""
        return self._hash(purpose, text).hex()[: 2 * _HEX_BYTES]

    def _open(self) -> str:
        return base64.urlsafe_b64encode(self._random(_SECRET_BYTES)).rstrip(b"=").decode("ascii")

    def _hash(self, purpose: str, text: str) -> bytes:
        return hashlib.blake2b(
            text.encode("ascii"), digest_size=32, key=self._key, person=purpose.encode("ascii")
        ).digest()
